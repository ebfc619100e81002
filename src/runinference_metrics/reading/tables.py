"""Files that have columns: Parquet and Avro, by the parts that are read apart."""

import bisect
from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any, BinaryIO, Protocol

import pyarrow as pa

from runinference_metrics.errors import brief, first_line
from runinference_metrics.reading import paths, rejections, table_rows
from runinference_metrics.reading.avro_table import AvroTable
from runinference_metrics.reading.fields import RowFields
from runinference_metrics.reading.files import FileRange, changed
from runinference_metrics.reading.formats import TABLES, FileFormat
from runinference_metrics.reading.parquet_table import ParquetTable
from runinference_metrics.reading.table_rows import Outcome
from runinference_metrics.reading.watched import Watched
from runinference_metrics.records.kept import Kept
from runinference_metrics.records.plain_types import plain

_PARQUET, _AVRO = TABLES
# Enough to see what is wrong with a file.
_LONGEST_FAULT = 300


class Table(Protocol):
    """A file that has columns."""

    schema: pa.Schema
    num_rows: int | None

    @property
    def mark(self) -> int:
        """A number that another file, written at the same place, does not have."""
        ...

    def ranges(self, names: Sequence[str], range_bytes: int) -> Iterator[tuple[int, int, int]]:
        """Parts that are read together: the first, the one behind, the first row's number."""
        ...

    def batches(
        self, names: Sequence[str], start: int = 0, stop: int | None = None
    ) -> Iterator[pa.RecordBatch]:
        """The rows of some parts, with the columns that hold these fields."""
        ...


class NoTable(Exception):
    """A file is damaged, or none of its kind."""


class OpenedTable:
    """A table of which rows are read.

    Attributes:
        schema: its columns, plainly.
        num_rows: how many rows it has; None where the file does not say.

    Args:
        stream: the file, at its beginning.
        kind: one of `TABLES`.
        fields: the fields that matter.
        ahead: whether all of its rows are wanted.

    Raises:
        NoTable: it is none.
        OSError: it cannot be read.
    """

    def __init__(self, stream: BinaryIO, kind: str, fields: RowFields, ahead: bool = False) -> None:
        self._stream = Watched(stream)
        self._fields = fields
        made: Any = partial(ParquetTable, ahead=ahead) if kind == _PARQUET else AvroTable
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
        if self._fields.keeps_all:
            return (*named, *self.schema.names)
        # Where no column is read, no row is seen.
        there = any(paths.indices(self.schema, one) for one in named)
        return named if there else self.schema.names[:1]

    def ranges(self, path: str, range_bytes: int, found: FileFormat) -> list[FileRange]:
        """The ranges of a file, each some of its parts."""
        cut = self._try(lambda: list(self._table.ranges(self._names, range_bytes)))
        mark = self._try(lambda: self._table.mark)
        return [FileRange(path, start, stop, first, found, mark) for start, stop, first in cut]

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

    def json_rows(self, names: Sequence[str]) -> Iterator[dict[str, Any]]:
        """All rows with some columns, those that there are of these names; see `json_rows`.

        Raises:
            NoTable: a row cannot be read.
            OSError: the file cannot be read.
        """
        # Where no column is read, no row is seen.
        there = [one for one in self.schema.names if one in names]
        batches = self._table.batches(there or self.schema.names[:1])
        while (batch := self._try(lambda: next(batches, None))) is not None:
            yield from json_rows(batch.select(there))

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
        if part.mark is not None and part.mark != self._table.mark:
            raise OSError(changed(part.path))
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
            stop = number + batch.num_rows
            rows = table_rows.Rows(
                batch, self._fields, part.path, range(number, stop), self.schema.names
            )
            yield from rows.outcomes(most_rows)
            number = stop


def json_rows(batch: pa.RecordBatch) -> Iterator[dict[str, Any]]:
    """Rows of columns as objects of JSON, without what is null."""
    for row in Kept(batch).json_rows():
        yield {name: value for name, value in row.items() if value is not None}


def rows_of(stream: BinaryIO, kind: str, names: Sequence[str]) -> Iterator[dict[str, Any]]:
    """All rows of a file with some columns; see `OpenedTable`."""
    yield from OpenedTable(stream, kind, RowFields("", "", ())).json_rows(names)
