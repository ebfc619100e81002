"""Plain text to records: a text a line, or the whole of a file."""

from collections.abc import Iterator

from runinference_metrics.reading import limits, rejections
from runinference_metrics.reading.fields import RowFields
from runinference_metrics.reading.lines import Lines
from runinference_metrics.records.record import Record, Rejected
from runinference_metrics.records.right_labels import UNLABELLED

_BOM = b"\xef\xbb\xbf"
# Half of an English text in UTF-16 are zeros. PowerShell's >> adds such to a file of any encoding.
_MOST_ZEROS = 1 / 3


def text_rows(
    lines: Lines, source: str, fields: RowFields, encoding: str
) -> Iterator[Record | Rejected | None]:
    """The record, rejected row or None (blank) of each line; there are no fields in it."""
    has_pairs, most_bytes = bool(fields.text_pair_field), limits.MAX_TEXT_BYTES
    right = _right_label(fields)
    for raw in lines:
        if lines.cut_from_bytes:
            yield rejections.too_long(raw, lines.cut_from_bytes, source, lines.number)
            continue
        line = raw.removesuffix(b"\r")
        try:
            text = line.decode()
        except UnicodeDecodeError:
            yield rejections.undecodable(line, source, lines.number, encoding)
            continue
        if not text.strip():
            yield None
        elif has_pairs or lines.has_zeros or len(line) > most_bytes:
            yield _looked_at(text, len(line), source, lines.number, fields)
        else:
            yield Record(text, source, lines.number, None, None, len(line), right)


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
    raw = b"".join(held).removeprefix(_BOM).rstrip(b"\r\n")
    if size > limits.MAX_ROW_BYTES:
        yield rejections.too_long(raw, size, source, 1)
        return
    try:
        text = raw.decode()
    except UnicodeDecodeError:
        yield rejections.undecodable(raw, source, 1, encoding)
        return
    if not text.strip():
        yield None
    else:
        yield _looked_at(text, len(raw), source, 1, fields)


def _looked_at(
    text: str, num_bytes: int, source: str, number: int, fields: RowFields
) -> Record | Rejected:
    """The record of a text that is not blank, if nothing is wrong with it after all."""
    if len(text) - 1 > text.count("\0") > _MOST_ZEROS * len(text):
        detail = "the row has a zero in every second byte, as UTF-16 that is added to a file has"
        return Rejected("invalid_encoding", detail, "read", source, number, text)
    if fields.text_pair_field:
        # The file came after the check at the start.
        detail = "a file of texts has no fields, and so no --text_pair_field"
        return Rejected("missing_text_pair_field", detail, "read", source, number, text)
    if num_bytes > limits.MAX_TEXT_BYTES:
        return rejections.text_too_long(num_bytes, text, source, number)
    return Record(text, source, number, row_bytes=num_bytes, right_label=_right_label(fields))


def _right_label(fields: RowFields) -> str | None:
    """A line of text has no fields, and so no label."""
    return UNLABELLED if fields.label_field else None
