"""Plain text to records: a text a line."""

from collections.abc import Iterator

from runinference_metrics.reading import limits, rejections
from runinference_metrics.reading.fields import RowFields
from runinference_metrics.reading.lines import Lines
from runinference_metrics.records.record import Record, Rejected


def text_rows(lines: Lines, source: str, fields: RowFields) -> Iterator[Record | Rejected | None]:
    """The record, rejected row or None (blank) of each line; there are no fields in it."""
    for raw in lines:
        if lines.cut_from_bytes:
            yield rejections.too_long(raw, lines.cut_from_bytes, source, lines.number)
            continue
        line = raw.removesuffix(b"\r")
        try:
            text = line.decode()
        except UnicodeDecodeError as error:
            yield rejections.invalid_utf8(line, error, source, lines.number)
            continue
        if not text.strip():
            yield None
        elif fields.text_pair_field:
            # The file came after the check at the start.
            detail = "a line of a .txt file has no fields, and so no --text_pair_field"
            yield Rejected("missing_text_pair_field", detail, "read", source, lines.number, text)
        elif len(line) > limits.MAX_TEXT_BYTES:
            yield rejections.text_too_long(len(line), text, source, lines.number)
        else:
            yield Record(text, source, lines.number, row_bytes=len(line))
