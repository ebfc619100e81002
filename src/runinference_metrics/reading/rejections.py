"""Rows that give no record, whatever their format, and what their dead letters say."""

import codecs
from typing import Any

from runinference_metrics.reading import limits
from runinference_metrics.reading.compression import CorruptFile
from runinference_metrics.reading.unclear import Unclear
from runinference_metrics.records.record import Rejected

# Reasons why a file could not be read to its end; the others are one row's.
OF_FILES = ("corrupt_file", "unknown_format")


def undecodable(line: bytes, source: str, number: int, encoding: str) -> Rejected:
    """The dead letter of a row that is no text in its file's encoding.

    Args:
        line: the row as UTF-8; of another encoding, what is no text in it is the byte 0xFF.
        source: the file.
        number: the line on which the row starts, from 1.
        encoding: the file's.
    """
    text = line.decode(errors="backslashreplace")
    if encoding != "utf-8":
        detail = f"the row is not all {encoding}; what is not stands as \\xff in text"
        return Rejected("invalid_encoding", detail, "read", source, number, text)
    detail = "the row is no UTF-8"
    try:
        line.decode()
    except UnicodeDecodeError as error:
        detail = f"byte {error.start + 1} of the row: {error.reason}"
    return Rejected("invalid_utf8", detail, "read", source, number, text)


def unclear(error: Unclear, source: str) -> Rejected:
    """The dead letter of a whole file that is not read."""
    return Rejected("unknown_format", str(error), "read", source, 1, "")


def too_long(beginning: bytes, num_bytes: int, source: str, number: int) -> Rejected:
    """The dead letter of a row beyond the limit: its beginning, and its true length."""
    # The last character may be cut: an incremental decoder leaves its bytes out.
    decoder = codecs.getincrementaldecoder("utf-8")("backslashreplace")
    detail = (
        f"the row has {num_bytes:,} bytes, the most is {limits.MAX_ROW_BYTES:,}; "
        f"text is its first {limits.ROW_PREFIX_BYTES:,}"
    )
    text = decoder.decode(beginning[: limits.ROW_PREFIX_BYTES])
    return Rejected("row_too_long", detail, "read", source, number, text)


def corrupt(error: CorruptFile, rest: bytes, lines_before: int, source: str) -> Rejected:
    """The dead letter of what is behind the place where compressed data is damaged.

    Args:
        error: the damage.
        rest: what was read of the line in which it is.
        lines_before: the whole lines before it.
        source: the file.
    """
    detail = f"{error}; {lines_before} lines came before"
    text = rest.decode(errors="backslashreplace")
    return Rejected("corrupt_file", detail, "read", source, lines_before + 1, text)


def unreadable(error: str, source: str, number: int) -> Rejected:
    """The dead letter of what is behind the place where a table is damaged.

    Args:
        error: what is wrong.
        source: the file.
        number: the number of the first row that is lost, from 1.
    """
    detail = f"{error}; {number - 1:,} rows came before"
    return Rejected("corrupt_file", detail, "read", source, number, "")


def text_too_long(
    num_bytes: int, raw: str, source: str, number: int, row_id: Any = None
) -> Rejected:
    """The dead letter of a row whose text is beyond the limit."""
    return Rejected(*beyond(num_bytes), "read", source, number, raw, row_id)


def beyond(num_bytes: int) -> tuple[str, str]:
    """The reason and the detail of a row with a text of so many bytes, which is too long."""
    detail = f"the text has {num_bytes:,} bytes, the most is {limits.MAX_TEXT_BYTES:,}"
    return "text_too_long", detail
