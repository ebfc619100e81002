"""Rows of files that have columns: batches of records as they are, without an object a row."""

import bisect
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, BinaryIO, Protocol

import pyarrow as pa
from pyarrow import types

from runinference_metrics.errors import brief, first_line
from runinference_metrics.reading import limits, paths, rejections
from runinference_metrics.reading.avro_table import AvroTable
from runinference_metrics.reading.fields import RowFields, listed, no_string
from runinference_metrics.reading.files import FileRange, changed
from runinference_metrics.reading.formats import TABLES, FileFormat
from runinference_metrics.reading.parquet_table import ParquetTable
from runinference_metrics.records.batching import MAX_BATCH_BYTES
from runinference_metrics.records.kept import Kept, json_values
from runinference_metrics.records.kept_types import fitted_column, plain
from runinference_metrics.records.record import Record, RecordBatch, Rejected, to_json
from runinference_metrics.records.right_labels import as_text
from runinference_metrics.records.text import Text

_PARQUET, _AVRO = TABLES
# Enough to see what is wrong with a file.
_LONGEST_FAULT = 300
_Wrong = dict[int, tuple[str, str]]
Outcome = RecordBatch | Record | Rejected | None


class Table(Protocol):
    """A file that has columns."""

    schema: pa.Schema
    num_rows: int | None

    def ranges(self, names: Sequence[str], range_bytes: int) -> Iterator[tuple[int, int, int]]:
        """Parts that are read together: the first, the one behind, the first row's number."""
        ...

    def batches(
        self, names: Sequence[str], start: int = 0, stop: int | None = None
    ) -> Iterator[pa.RecordBatch]:
        """The rows of some parts, with the columns that hold these fields."""
        ...

    def begins(self, start: int, first_row: int) -> bool:
        """Whether the part `start` begins with this row, as it did when the file was cut."""
        ...


class NoTable(Exception):
    """A file is damaged, or none of its kind."""


@dataclass
class _Stream:
    """An opened file that remembers whether reading it failed, and not what it holds."""

    stream: BinaryIO
    error: BaseException | None = None
    closed: bool = field(default=False, init=False)

    def read(self, size: int = -1) -> bytes:
        return self._noted(self.stream.read, size)

    def seek(self, offset: int, whence: int = 0) -> int:
        return self._noted(self.stream.seek, offset, whence)

    def tell(self) -> int:
        return self.stream.tell()

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def writable(self) -> bool:
        return False

    def flush(self) -> None:
        pass

    def close(self) -> None:
        pass

    def _noted(self, do: Any, *arguments: Any) -> Any:
        try:
            return do(*arguments)
        except BaseException as error:
            self.error = error
            raise


class OpenedTable:
    """A table of which rows are read.

    Attributes:
        schema: its columns, plainly.
        num_rows: how many rows it has; None where the file does not say.

    Args:
        stream: the file, at its beginning.
        kind: one of `TABLES`.
        fields: the fields that matter.

    Raises:
        NoTable: it is none.
        OSError: it cannot be read.
    """

    def __init__(self, stream: BinaryIO, kind: str, fields: RowFields) -> None:
        self._stream = _Stream(stream)
        self._fields = fields
        made: Any = ParquetTable if kind == _PARQUET else AvroTable
        self._table: Table = self._try(lambda: made(self._stream))
        self.schema = pa.schema([(one.name, plain(one.type)) for one in self._table.schema])
        self.num_rows = self._table.num_rows

    def _try(self, do: Any) -> Any:
        try:
            return do()
        except Exception as error:
            if self._stream.error:
                # The runner tries it again.
                raise self._stream.error from error
            raise NoTable(brief(first_line(error), _LONGEST_FAULT)) from error

    @property
    def _names(self) -> Sequence[str]:
        """The fields that are read."""
        named = self._fields.named
        return (*named, *self.schema.names) if self._fields.keeps_all else named

    def ranges(self, path: str, range_bytes: int, found: FileFormat) -> list[FileRange]:
        """The ranges of a file, each some of its parts."""
        cut = self._try(lambda: list(self._table.ranges(self._names, range_bytes)))
        return [FileRange(path, start, stop, first, found) for start, stop, first in cut]

    @property
    def read_bytes(self) -> int:
        """How far the file was read, where it is read from its beginning to its end."""
        return self._stream.tell()

    def part_of(self, path: str, share: float) -> tuple[FileRange, int]:
        """The part in which a row lies, and the place of the row in it.

        Args:
            path: the file, which says how many rows it has.
            share: the row, as a share of all.
        """
        parts = self.ranges(path, 0, FileFormat(_PARQUET))
        row = 1 + int(share * (self.num_rows or 0))
        found = parts[bisect.bisect_right(parts, row, key=lambda one: one.first_line) - 1]
        return found, row - found.first_line

    def outcomes(
        self, part: FileRange, most_rows: int, skip: int = 0, limit: int | None = None
    ) -> Iterator[Outcome]:
        """The rows of a range: batches of records, rejected rows, None for each blank one.

        Args:
            part: the range.
            most_rows: no batch holds more.
            skip: how many of its first rows are passed over.
            limit: how many are read behind them, about; None for all.
        """
        if not self._table.begins(part.start, part.first_line):
            raise OSError(changed(part.path))
        names = self._fields.texts
        missing = next((one for one in names if not paths.indices(self.schema, one)), "")
        number = part.first_line
        batches = self._table.batches(self._names, part.start, part.stop)
        while True:
            try:
                batch = self._try(lambda: next(batches, None))
            except NoTable as error:
                yield rejections.unreadable(str(error), part.path, number)
                return
            if batch is None or limit == 0:
                return
            passed = min(skip, batch.num_rows)
            skip -= passed
            number += passed
            batch = batch.slice(passed, limit)
            limit = None if limit is None else limit - batch.num_rows
            for valid, rows in _parts(batch):
                found = _Rows(rows, self._fields, part.path, number, missing)
                yield from found.outcomes(most_rows) if valid else found.undecodable()
                number += rows.num_rows


def _parts(batch: pa.RecordBatch) -> Iterator[tuple[bool, pa.RecordBatch]]:
    """A batch, or its parts, and whether all of their strings are UTF-8."""
    try:
        batch.validate(full=True)
        yield True, batch
    except pa.ArrowInvalid:
        half = batch.num_rows // 2
        if half:
            yield from _parts(batch[:half])
            yield from _parts(batch[half:])
        else:
            yield False, batch


@dataclass(frozen=True)
class _Rows:
    """Rows of a table.

    Args:
        batch: their columns.
        fields: the fields that matter.
        source: the file.
        first: the number of the first row, from 1.
        missing: the field with a text that the table has not; "" if it has them.
    """

    batch: pa.RecordBatch
    fields: RowFields
    source: str
    first: int
    missing: str

    def outcomes(self, most_rows: int) -> Iterator[Outcome]:
        fields, size = self.fields, self.batch.num_rows
        wrong: _Wrong = {}
        ids = self._ids(wrong)
        if self.missing:
            what = "text" if self.missing == fields.text_field else "text_pair"
            fault = no_string(dict.fromkeys(self.batch.schema.names), self.missing, what)
            wrong = dict.fromkeys(range(size), fault)
        kept = self._kept(wrong)
        rights = self._right_labels()
        texts, blank = self._texts(wrong)
        for index in sorted(wrong):
            yield self._rejected(index, *wrong[index], ids[index])
        yield from (None for _ in blank)
        which = [index for index in range(size) if index not in wrong and index not in blank]
        if not which:
            return
        whole = RecordBatch(
            texts, [self.source] * size, [*range(self.first, self.first + size)], ids,
            [None] * size if kept is None else kept, rights,
        )  # fmt: skip
        if len(which) < size:
            whole = whole.only(which)
        yield from self._cut(whole, most_rows)

    def _cut(self, whole: RecordBatch, most_rows: int) -> Iterator[RecordBatch]:
        """Batches of a size that can be held, however long their rows are."""
        a_row = self.batch.nbytes // self.batch.num_rows
        at_once = min(most_rows, max(1, MAX_BATCH_BYTES // max(1, a_row)))
        for start in range(0, len(whole), at_once):
            yield whole.part(start, start + at_once, a_row)

    def undecodable(self) -> Iterator[Rejected]:
        """What becomes of the one row, some of whose strings are none."""
        names = [
            one.name for one, column in zip(self.batch.schema, self.batch.columns, strict=True)
            if not _is_valid(column)
        ]  # fmt: skip
        column = self._column(self.fields.text_field)
        text = ""
        if types.is_string(column.type) and column[0].is_valid:
            (raw,) = column.cast(pa.binary()).to_pylist()
            text = raw.decode(errors="backslashreplace")
        detail = f"columns {listed(names)} hold strings that are no UTF-8"
        yield Rejected("invalid_utf8", detail, "read", self.source, self.first, text)

    def _column(self, name: str) -> pa.Array:
        found = paths.column(self.batch, name)
        return pa.nulls(self.batch.num_rows) if found is None else found

    def _texts(self, wrong: _Wrong) -> tuple[list[Text], set[int]]:
        """The texts, and which rows have none; notes those whose texts cannot be used."""
        columns = [
            self._strings(name, what, wrong)
            for name, what in zip(self.fields.texts, ("text", "text_pair"), strict=False)
        ]
        blank = set()
        for index, row in enumerate(zip(*columns, strict=True)):
            if index in wrong:
                continue
            if not any(one.strip() for one in row):
                blank.add(index)
            elif sum(map(len, row)) * 4 > limits.MAX_TEXT_BYTES:
                num_bytes = sum(len(one.encode()) for one in row)
                if num_bytes > limits.MAX_TEXT_BYTES:
                    wrong[index] = rejections.beyond(num_bytes)
        if len(columns) == 1:
            return columns[0], blank  # type: ignore[return-value]
        return list(zip(*columns, strict=True)), blank

    def _strings(self, name: str, what: str, wrong: _Wrong) -> list[str]:
        """A column of texts; "" for nothing."""
        column = self._column(name)
        if types.is_dictionary(column.type):
            column = column.dictionary_decode()
        kind = plain(column.type)
        if types.is_string(kind) or types.is_null(kind):
            return [one or "" for one in column.to_pylist()]
        if types.is_binary(kind):
            # Strings, as Hive and older Spark wrote them.
            return [_decoded(index, one or b"", wrong)
                    for index, one in enumerate(column.to_pylist())]  # fmt: skip
        detail = f"field {name!r} is not a string but {kind}"
        valid = enumerate(column.is_valid().to_pylist())
        wrong.update({index: (f"{what}_not_a_string", detail) for index, there in valid if there})
        return [""] * len(column)

    def _ids(self, wrong: _Wrong) -> list[Any]:
        name, kinds = self.fields.id_field, self.fields.types
        if not name:
            return [None] * self.batch.num_rows
        column = self._column(name)
        if kinds is None or kinds.id is None:
            return json_values(column)
        return _fitted(column, kinds.id, name, wrong).to_pylist()

    def _right_labels(self) -> list[str | None]:
        name = self.fields.label_field
        if not name:
            return [None] * self.batch.num_rows
        return [as_text(one) for one in json_values(self._column(name))]

    def _kept(self, wrong: _Wrong) -> Kept | None:
        fields = self.fields
        if not fields.keep_fields:
            return None
        if fields.keeps_all:
            named = dict(paths.columns_without(self.batch, fields.texts))
        else:
            named = {name: self._column(name) for name in fields.keep_fields}
        if fields.types is None:
            return Kept(pa.RecordBatch.from_arrays(list(named.values()), list(named)))
        if unknown := [one for one in named if one not in fields.types.fields.names]:
            detail = (
                f"columns {listed(unknown)} were in none of the files that were looked at before "
                "the run: name them in --keep_fields"
            )
            wrong.update(dict.fromkeys(range(self.batch.num_rows), ("field_type", detail)))
        columns = []
        for one in fields.types.fields:
            column = named.get(one.name)
            if column is None:
                column = pa.nulls(self.batch.num_rows)
            columns.append(_fitted(column, one.type, one.name, wrong))
        return Kept(pa.RecordBatch.from_arrays(columns, schema=fields.types.fields))

    def _rejected(self, index: int, reason: str, detail: str, row_id: Any) -> Rejected:
        (row,) = Kept(self.batch.slice(index, 1)).json_rows()
        text = to_json(row).decode()
        return Rejected(reason, detail, "read", self.source, self.first + index, text, row_id)


def _fitted(column: pa.Array, kind: pa.DataType, name: str, wrong: _Wrong) -> pa.Array:
    found, misfits = fitted_column(column, kind, name)
    wrong.update({index: ("field_type", why) for index, why in misfits.items()})
    return found


def _decoded(index: int, value: bytes, wrong: _Wrong) -> str:
    try:
        return value.decode()
    except UnicodeDecodeError as error:
        wrong[index] = ("invalid_utf8", f"byte {error.start + 1} of the text: {error.reason}")
        return value.decode(errors="backslashreplace")


def _is_valid(column: pa.Array) -> bool:
    try:
        column.validate(full=True)
    except pa.ArrowInvalid:
        return False
    return True
