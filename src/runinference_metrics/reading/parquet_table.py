"""Parquet files: their columns, and their row groups, which are read apart."""

from collections.abc import Iterator, Sequence
from typing import BinaryIO

import pyarrow as pa
import pyarrow.parquet as pq

from runinference_metrics.reading import paths
from runinference_metrics.reading.files import CHUNK_BYTES

# What of a row group is decoded at once, as far as its rows are of like size: some batches.
_DECODED_BYTES = 16 << 20
# Fewer would be slow, and more are no faster (measured with 512 to 65,536).
_LEAST_ROWS, _MOST_ROWS = 64, 8192


class ParquetTable:
    """An opened Parquet file.

    Attributes:
        schema: its columns.
        num_rows: how many rows it has.

    Args:
        stream: the file, in which places can be looked up.

    Raises:
        pyarrow.ArrowInvalid: it is none, or damaged.
    """

    def __init__(self, stream: BinaryIO) -> None:
        # Of a bucket's object nobody needs a byte twice, and columns lie apart.
        self._file = pq.ParquetFile(stream, pre_buffer=False, buffer_size=CHUNK_BYTES)
        self.schema: pa.Schema = self._file.schema_arrow
        self.num_rows: int = self._file.metadata.num_rows

    def begins(self, start: int, first_row: int) -> bool:
        """Whether a row group begins with this row, as it did when the file was cut."""
        groups = self._file.metadata
        before = range(min(start, self.num_parts))
        return start <= self.num_parts and first_row == 1 + sum(
            groups.row_group(at).num_rows for at in before
        )

    @property
    def num_parts(self) -> int:
        """How many row groups there are."""
        return self._file.metadata.num_row_groups

    def ranges(self, names: Sequence[str], range_bytes: int) -> Iterator[tuple[int, int, int]]:
        """Row groups that are read together.

        Args:
            names: the fields that are read.
            range_bytes: how many bytes of them are a unit of reading.

        Yields:
            The first of them, the one behind the last, and the number of the first row.
        """
        start, first_row, rows, size = 0, 1, 0, 0
        for at in range(self.num_parts):
            group = self._file.metadata.row_group(at)
            size += sum(group.column(one).total_compressed_size for one in self._leaves(names))
            rows += group.num_rows
            if size >= range_bytes or at == self.num_parts - 1:
                yield start, at + 1, first_row
                start, first_row, rows, size = at + 1, first_row + rows, 0, 0

    def batches(
        self, names: Sequence[str], start: int = 0, stop: int | None = None
    ) -> Iterator[pa.RecordBatch]:
        """The rows of some row groups, with the columns that hold these fields.

        Args:
            names: the fields.
            start: the first row group.
            stop: the one behind the last; None for the last of all.
        """
        leaves = self._leaves(names)
        for at in range(start, self.num_parts if stop is None else stop):
            rows = self._rows_at_once(at, leaves)
            yield from self._file.iter_batches(
                rows, [at], [self._path(one) for one in leaves], use_threads=False
            )

    def _rows_at_once(self, at: int, leaves: Sequence[int]) -> int:
        group = self._file.metadata.row_group(at)
        size = sum(group.column(one).total_uncompressed_size for one in leaves)
        rows = _DECODED_BYTES * group.num_rows // max(1, size)
        return min(_MOST_ROWS, max(_LEAST_ROWS, rows))

    def _leaves(self, names: Sequence[str]) -> list[int]:
        """Parquet's columns, which objects have several of, of these fields."""
        prefixes = []
        for name in names:
            at = paths.indices(self.schema, name)
            fields = [paths.field(self.schema, at[:depth]).name for depth in range(1, len(at) + 1)]
            prefixes += [".".join(fields)] if fields else []
        return [
            leaf
            for leaf in range(len(self._file.schema))
            if any(f"{self._path(leaf)}.".startswith(f"{one}.") for one in prefixes)
        ]

    def _path(self, leaf: int) -> str:
        return self._file.schema.column(leaf).path
