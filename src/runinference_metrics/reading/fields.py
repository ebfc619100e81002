"""Lines to records: what a row says, and what is wrong with it."""

import codecs
import csv
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

from runinference_metrics.reading import json_rows
from runinference_metrics.reading.compression import CorruptFile
from runinference_metrics.reading.files import (
    MAX_ROW_BYTES,
    ROW_PREFIX_BYTES,
    TAKES_FILES,
    FileFormat,
    FileRange,
    Lines,
    lines_of,
    open_raw,
)
from runinference_metrics.records.record import Record, Rejected

# A tokenizer takes up to 600 times a text's size (measured: 1 MiB of punctuation, 570 MiB), and a
# model reads no more than some hundred words of it. 1 MiB is a book of 170,000 words.
MAX_TEXT_BYTES = 1 << 20
# Enough field names to see what a row is, in a detail that stays a sentence.
_MOST_NAMES = 20


@dataclass(frozen=True)
class RowFields:
    """Which fields of a structured row matter; the names are those of the parameters."""

    text_field: str
    id_field: str
    keep_fields: tuple[str, ...]

    def id_of(self, row: dict[str, Any]) -> Any:
        """The row's id, or None."""
        return row.get(self.id_field) if self.id_field else None

    def kept(self, row: dict[str, Any]) -> dict[str, Any] | None:
        """The fields to carry along; None when none are asked for."""
        if not self.keep_fields:
            return None
        if self.keep_fields == ("*",):
            return {name: value for name, value in row.items() if name != self.text_field}
        return {name: row.get(name) for name in self.keep_fields}


def rows(part: FileRange, fields: RowFields) -> Iterator[Record | Rejected | None]:
    """Reads a range: a record, a rejected row, or None for a blank line.

    Raises:
        OSError: the file cannot be read at all (the runner retries).
    """
    found = FileFormat.of(part.path)
    if found is None:
        yield Rejected("unknown_format", f"expected {TAKES_FILES}", "read", part.path, 1, "")
        return
    with open_raw(part.path) as stream:
        lines = lines_of(part, found.codec, stream)
        parse = {".txt": _text_rows, ".jsonl": _json_rows, ".csv": _csv_rows}[found.rows]
        try:
            yield from parse(lines, part.path, fields)
        except CorruptFile as error:
            yield _corrupt(error, lines.rest, lines.number, part.path)


def _invalid_utf8(line: bytes, error: UnicodeDecodeError, source: str, number: int) -> Rejected:
    detail = f"byte {error.start + 1} of the row: {error.reason}"
    return Rejected("invalid_utf8", detail, "read", source, number,
                    line.decode(errors="backslashreplace"))  # fmt: skip


def _too_long(beginning: bytes, num_bytes: int, source: str, number: int) -> Rejected:
    # The last character may be cut: an incremental decoder leaves its bytes out.
    decoder = codecs.getincrementaldecoder("utf-8")("backslashreplace")
    detail = (
        f"the row has {num_bytes:,} bytes, the most is {MAX_ROW_BYTES:,}; "
        f"text is its first {ROW_PREFIX_BYTES:,}"
    )
    text = decoder.decode(beginning[:ROW_PREFIX_BYTES])
    return Rejected("row_too_long", detail, "read", source, number, text)


def _corrupt(error: CorruptFile, rest: bytes, lines_before: int, source: str) -> Rejected:
    detail = f"{error}; {lines_before} lines came before"
    text = rest.decode(errors="backslashreplace")
    return Rejected("corrupt_file", detail, "read", source, lines_before + 1, text)


def _text_rows(lines: Lines, source: str, fields: RowFields) -> Iterator[Record | Rejected | None]:
    for raw in lines:
        if lines.cut_from_bytes:
            yield _too_long(raw, lines.cut_from_bytes, source, lines.number)
            continue
        line = raw.removesuffix(b"\r")
        try:
            text = line.decode()
        except UnicodeDecodeError as error:
            yield _invalid_utf8(line, error, source, lines.number)
            continue
        if not text.strip():
            yield None
        elif len(line) > MAX_TEXT_BYTES:
            yield _text_too_long(len(line), text, source, lines.number)
        else:
            yield Record(text, source, lines.number, row_bytes=len(line))


def _json_rows(lines: Lines, source: str, fields: RowFields) -> Iterator[Record | Rejected | None]:
    for raw in lines:
        if lines.cut_from_bytes:
            yield _too_long(raw, lines.cut_from_bytes, source, lines.number)
            continue
        line = raw.removesuffix(b"\r")
        number = lines.number
        try:
            text = line.decode()
        except UnicodeDecodeError as error:
            yield _invalid_utf8(line, error, source, number)
            continue
        if not text.strip():
            yield None
            continue
        try:
            row = json_rows.parse(text)
        except json_rows.BadRow as error:
            yield Rejected(error.reason, str(error), "read", source, number, text)
        else:
            yield _structured(row, text, len(line), source, number, fields)


class _RowTooLong(Exception):
    """A CSV row has grown beyond the limit; the next line is taken as a row's first again."""


class _CsvLines:
    """Decoded lines for csv.reader, remembering what the current row was made of."""

    def __init__(self, lines: Lines) -> None:
        self._lines = lines
        self._iterator = iter(lines)
        self.begin()

    def begin(self) -> None:
        """A row begins."""
        self.row: list[bytes] = []
        self.row_bytes = 0
        self.number = self._lines.number + 1

    def __iter__(self) -> "_CsvLines":
        return self

    def __next__(self) -> str:
        line = next(self._iterator)
        self.row.append(line)
        self.row_bytes += (self._lines.cut_from_bytes or len(line)) + 1
        if self.row_bytes > MAX_ROW_BYTES:
            raise _RowTooLong
        # The row is judged as a whole once it is complete; until then, keep its bytes.
        return line.decode(errors="surrogateescape") + "\n"


def _csv_rows(lines: Lines, source: str, fields: RowFields) -> Iterator[Record | Rejected | None]:
    csv.field_size_limit(MAX_ROW_BYTES)
    tracked = _CsvLines(lines)
    reader = csv.reader(tracked, strict=True)
    header: list[str] | None = None
    while True:
        tracked.begin()
        number = tracked.number
        problem = ""
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            cells, problem = [""], str(error)
        except _RowTooLong:
            lost = _too_long(b"\n".join(tracked.row), tracked.row_bytes, source, number)
            # A quote that is never closed has swallowed rows: say how many lines.
            yield replace(lost, detail=f"{lost.detail}; the next row begins at line "
                                       f"{lines.number + 1:,}")  # fmt: skip
            reader = csv.reader(tracked, strict=True)
            header = [] if header is None else header
            continue
        except CorruptFile as error:
            rest = b"\n".join([*tracked.row, lines.rest])
            yield _corrupt(error, rest, number - 1, source)
            return
        raw = b"\n".join(tracked.row).removesuffix(b"\r")
        try:
            text = raw.decode()
        except UnicodeDecodeError as error:
            yield _invalid_utf8(raw, error, source, number)
            header = [] if header is None else header
            continue
        if not cells:
            yield None
        elif problem:
            yield Rejected("malformed_csv", problem, "read", source, number, text)
            header = [] if header is None else header
        elif header is None:
            header = cells
            if len(set(header)) < len(header):
                detail = "the header names a column twice"
                yield Rejected("malformed_csv", detail, "read", source, number, text)
                header = []
        elif not header:
            detail = "the header of this file could not be read"
            yield Rejected("malformed_csv", detail, "read", source, number, text)
        elif len(cells) != len(header):
            detail = f"expected {len(header)} cells, as in the header, got {len(cells)}"
            yield Rejected("malformed_csv", detail, "read", source, number, text)
        else:
            row = dict(zip(header, cells, strict=True))
            yield _structured(row, text, len(raw), source, number, fields)


def _structured(
    row: dict[str, Any], raw: str, row_bytes: int, source: str, number: int, fields: RowFields
) -> Record | Rejected:
    row_id = fields.id_of(row)
    name = fields.text_field
    if name not in row:
        detail = f"no field {name!r} (--text_field); there are {_listed(row)}"
        return Rejected("missing_text_field", detail, "read", source, number, raw, row_id)
    text = row[name]
    if not isinstance(text, str):
        detail = f"field {name!r} is not a string but {type(text).__name__}"
        return Rejected("text_not_a_string", detail, "read", source, number, raw, row_id)
    if not text.strip():
        detail = f"field {name!r} is blank"
        return Rejected("blank_text", detail, "read", source, number, raw, row_id)
    if row_bytes > MAX_TEXT_BYTES and len(text.encode()) > MAX_TEXT_BYTES:
        return _text_too_long(len(text.encode()), raw, source, number, row_id)
    return Record(text, source, number, row_id, fields.kept(row), row_bytes)


def _text_too_long(
    num_bytes: int, raw: str, source: str, number: int, row_id: Any = None
) -> Rejected:
    detail = f"the text has {num_bytes:,} bytes, the most is {MAX_TEXT_BYTES:,}"
    return Rejected("text_too_long", detail, "read", source, number, raw, row_id)


def _listed(row: dict[str, Any]) -> str:
    more = f" and {len(row) - _MOST_NAMES:,} more" if len(row) > _MOST_NAMES else ""
    return ", ".join(f"{name[:100]!r}" for name in list(row)[:_MOST_NAMES]) + more
