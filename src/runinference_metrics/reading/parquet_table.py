"""Parquet files: their columns, and their row groups, which are read apart."""

import zlib
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
        ahead: whether all of a row group is asked for at once, in few requests, as is right where
            all of it is wanted.

    Raises:
        pyarrow.ArrowInvalid: it is none, or damaged.
    """

    def __init__(self, stream: BinaryIO, ahead: bool = False) -> None:
        # Of a bucket's object nobody needs a byte twice, and columns lie apart.
        self._file = pq.ParquetFile(
            stream, pre_buffer=ahead, buffer_size=CHUNK_BYTES, page_checksum_verification=True
        )
        self.schema: pa.Schema = self._file.schema_arrow
        self.num_rows: int = self._file.metadata.num_rows
        groups = sum(self._file.metadata.row_group(at).num_rows for at in range(self.num_parts))
        if groups != self.num_rows:
            raise ValueError(f"its end says {self.num_rows} rows, its row groups have {groups}")

    @property
    def mark(self) -> int:
        """What stands at its end: where every column of a row group lies, how large it is."""
        sink = pa.BufferOutputStream()
        self._file.metadata.write_metadata_file(sink)
        return zlib.crc32(sink.getvalue())

    @property
    def num_parts(self) -> int:
        """How many row groups there are."""
        return self._file.metadata.num_row_groups

    def ranges(self, names: Sequence[str], range_bytes: int) -> Iterator[tuple[int, int, int]]:
        """Row groups that are read together.

        Args:
            names: the fields that are read; what is said of the size of a row group is of all.
            range_bytes: how many bytes are a unit of reading.

        Yields:
            The first of them, the one behind the last, and the number of the first row.
        """
        start, first_row, rows, size = 0, 1, 0, 0
        for at in range(self.num_parts):
            group = self._file.metadata.row_group(at)
            size += group.total_byte_size
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
            left = self._file.metadata.row_group(at).num_rows
            for batch in self._file.iter_batches(
                self._rows_at_once(at), [at], [self._path(one) for one in leaves],
                use_threads=False,
            ):  # fmt: skip
                yield batch
                left -= batch.num_rows
            if left:
                raise ValueError(f"row group {at} says that it has {left} rows more than it has")

    def _rows_at_once(self, at: int) -> int:
        # Not by its columns, by which Arrow ends the process where their metadata are damaged.
        group = self._file.metadata.row_group(at)
        rows = _DECODED_BYTES * group.num_rows // max(1, group.total_byte_size)
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
