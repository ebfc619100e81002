"""Plain text to records: a text a line, or the whole of a file."""

from collections.abc import Iterator

from runinference_metrics.reading import limits, rejections
from runinference_metrics.reading.fields import RowFields
from runinference_metrics.reading.lines import Lines
from runinference_metrics.records.record import Record, Rejected

_BOM = b"\xef\xbb\xbf"


def text_rows(
    lines: Lines, source: str, fields: RowFields, encoding: str
) -> Iterator[Record | Rejected | None]:
    """The record, rejected row or None (blank) of each line; there are no fields in it."""
    for raw in lines:
        if lines.cut_from_bytes:
            yield rejections.too_long(raw, lines.cut_from_bytes, source, lines.number)
        else:
            yield _text(raw.removesuffix(b"\r"), source, lines.number, fields, encoding)


def document_row(
    chunks: Iterator[bytes], source: str, fields: RowFields, encoding: str
) -> Iterator[Record | Rejected | None]:
    """The one record, rejected row or None (blank) of a file that is one text.

    Line ends at its end are no part of it.
    """
    held: list[bytes] = []
    size = 0
    for chunk in chunks:
        # More than what is shown of it is not needed of a text that is too long.
        if size <= limits.MAX_ROW_BYTES:
            held.append(chunk)
        size += len(chunk)
    if not size:
        return
    raw = b"".join(held)
    if size > limits.MAX_ROW_BYTES:
        yield rejections.too_long(raw, size, source, 1)
    else:
        yield _text(raw.removeprefix(_BOM).rstrip(b"\r\n"), source, 1, fields, encoding)


def _text(
    raw: bytes, source: str, number: int, fields: RowFields, encoding: str
) -> Record | Rejected | None:
    try:
        text = raw.decode()
    except UnicodeDecodeError as error:
        return rejections.undecodable(raw, error, source, number, encoding)
    if not text.strip():
        return None
    if fields.text_pair_field:
        # The file came after the check at the start.
        detail = "a file of texts has no fields, and so no --text_pair_field"
        return Rejected("missing_text_pair_field", detail, "read", source, number, text)
    if len(raw) > limits.MAX_TEXT_BYTES:
        return rejections.text_too_long(len(raw), text, source, number)
    return Record(text, source, number, row_bytes=len(raw))
