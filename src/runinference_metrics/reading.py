"""Lines to records: what a row says, and what is wrong with it."""

import csv
import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from runinference_metrics.files import (
    TAKES_FILES,
    CorruptFile,
    FileFormat,
    FileRange,
    Lines,
    lines_of,
    open_raw,
)
from runinference_metrics.records import Record, Rejected

# csv's own limit of 128 KiB is below what a long document takes.
_LARGEST_CSV_FIELD = 16 << 20


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
            detail = f"{error}; {lines.number} lines came before"
            tail = lines.rest.decode(errors="backslashreplace")
            yield Rejected("corrupt_file", detail, "read", part.path, lines.number + 1, tail)


def _without_newline(line: bytes) -> bytes:
    return line.removesuffix(b"\n").removesuffix(b"\r")


def _invalid_utf8(line: bytes, error: UnicodeDecodeError, source: str, number: int) -> Rejected:
    detail = f"byte {error.start + 1} of the row: {error.reason}"
    return Rejected("invalid_utf8", detail, "read", source, number,
                    line.decode(errors="backslashreplace"))  # fmt: skip


def _text_rows(lines: Lines, source: str, fields: RowFields) -> Iterator[Record | Rejected | None]:
    for raw in lines:
        line = _without_newline(raw)
        try:
            text = line.decode()
        except UnicodeDecodeError as error:
            yield _invalid_utf8(line, error, source, lines.number)
            continue
        yield Record(text, source, lines.number) if text.strip() else None


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is no JSON value")


def _json_rows(lines: Lines, source: str, fields: RowFields) -> Iterator[Record | Rejected | None]:
    for raw in lines:
        line = _without_newline(raw)
        number = lines.number
        try:
            text = line.decode()
            if not text.strip():
                yield None
                continue
            row = json.loads(text, parse_constant=_refuse_constant)
            if "\\ud" in text.lower():
                # Half a surrogate pair passes json.loads and no encoder after it.
                json.dumps(row, ensure_ascii=False).encode()
        except UnicodeDecodeError as error:
            yield _invalid_utf8(line, error, source, number)
        except UnicodeEncodeError:
            yield Rejected("invalid_unicode", "half of a surrogate pair stands alone", "read",
                           source, number, text)  # fmt: skip
        except (ValueError, RecursionError) as error:
            yield Rejected("malformed_json", str(error), "read", source, number, text)
        else:
            if isinstance(row, dict):
                yield _structured(row, text, source, number, fields)
            else:
                detail = f"expected a JSON object, got {type(row).__name__}"
                yield Rejected("malformed_json", detail, "read", source, number, text)


class _CsvLines:
    """Decoded lines for csv.reader, remembering what the current row was made of."""

    def __init__(self, lines: Lines) -> None:
        self._lines = iter(lines)
        self.row: list[bytes] = []

    def __iter__(self) -> "_CsvLines":
        return self

    def __next__(self) -> str:
        line = next(self._lines)
        self.row.append(line)
        # The row is judged as a whole once it is complete; until then, keep its bytes.
        return line.decode(errors="surrogateescape")


def _csv_rows(lines: Lines, source: str, fields: RowFields) -> Iterator[Record | Rejected | None]:
    csv.field_size_limit(_LARGEST_CSV_FIELD)
    tracked = _CsvLines(lines)
    reader = csv.reader(tracked, strict=True)
    header: list[str] | None = None
    while True:
        tracked.row.clear()
        number = lines.number + 1
        problem = ""
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            cells, problem = [""], str(error)
        raw = _without_newline(b"".join(tracked.row))
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
            yield _structured(row, text, source, number, fields)


def _structured(
    row: dict[str, Any], raw: str, source: str, number: int, fields: RowFields
) -> Record | Rejected:
    row_id = fields.id_of(row)
    name = fields.text_field
    if name not in row:
        detail = f"no field {name!r} (--text_field); there are {', '.join(map(repr, row))}"
        return Rejected("missing_text_field", detail, "read", source, number, raw, row_id)
    text = row[name]
    if not isinstance(text, str):
        detail = f"field {name!r} is not a string but {type(text).__name__}"
        return Rejected("text_not_a_string", detail, "read", source, number, raw, row_id)
    if not text.strip():
        detail = f"field {name!r} is blank"
        return Rejected("blank_text", detail, "read", source, number, raw, row_id)
    return Record(text, source, number, row_id, fields.kept(row))
