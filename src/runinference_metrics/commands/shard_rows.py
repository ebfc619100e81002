"""The rows of an output folder's shards, in whatever format they are; or of tables."""

import csv
import gzip
import io
import json
import os
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from typing import Any, BinaryIO, cast

import fastavro
import orjson
import pyarrow.parquet as pq

from runinference_metrics.bigquery import addresses, clients, sessions, tables
from runinference_metrics.bigquery.addresses import Table
from runinference_metrics.errors import RunFailed, brief, first_line
from runinference_metrics.reading import limits
from runinference_metrics.reading.files import CHUNK_BYTES, open_raw
from runinference_metrics.reading.lines import Lines
from runinference_metrics.writing.folder import DEAD_LETTERS, PREDICTIONS
from runinference_metrics.writing.loading import DEAD_LETTERS_ENDING

# Characters become up to six in JSON, and a long field may be there as id and under fields.
_MAX_LINE_BYTES = 16 * limits.MAX_ROW_BYTES
_ROWS = 4096
_LONGEST_FAULT = 200
# A row, or why it is none.
Row = dict[str, Any] | str


@dataclass(frozen=True)
class Shard:
    """Some predictions or dead letters.

    Args:
        kind: `PREDICTIONS` or `DEAD_LETTERS`.
        place: a file, or a table.
        project: the one that pays for reading a table.
    """

    kind: str
    place: str
    project: str = ""

    @property
    def name(self) -> str:
        """What it is called in messages."""
        return os.path.basename(self.place)

    @property
    def unit(self) -> str:
        """What its rows are called there."""
        return "line" if self.place.endswith((".jsonl", ".jsonl.gz")) else "row"

    def rows(self, names: Collection[str]) -> Iterator[tuple[int, Row]]:
        """The rows with their numbers from 1; those of columns have no others than these.

        Args:
            names: the fields that are wanted.

        Raises:
            OSError: the shard cannot be read.
            RunFailed: it is damaged.
        """
        try:
            yield from self._rows(names)
        except (OSError, RunFailed):
            raise
        except Exception as error:
            why = brief(first_line(error), _LONGEST_FAULT)
            raise RunFailed(f"{self.place} cannot be read: {why}") from error

    def _rows(self, names: Collection[str]) -> Iterator[tuple[int, Row]]:
        if addresses.is_table(self.place):
            yield from enumerate(_of_table(self.place, self.project, names), 1)
            return
        with open_raw(self.place) as stored:
            stem, _, ending = self.place.rpartition(".")
            stream = stored
            if ending == "gz":
                stream = cast(BinaryIO, gzip.GzipFile(fileobj=stored))
                ending = stem.rpartition(".")[2]
            yield from _READERS.get(ending, _of_lines)(stream, names)


def tables_of(output: str) -> list[Shard] | None:
    """What stands for shards where results are in tables; None where the output is a folder.

    Args:
        output: the run's output.
    """
    found = addresses.destination(output)
    if found is None:
        return None
    if "$" in found.table.name:
        raise RunFailed(
            f"The predictions are in a partition, {found.table}, and the dead letters of other "
            "partitions in the same table as theirs: query them."
        )
    table = found.table
    project = clients.own_project() or table.project
    return [
        Shard(PREDICTIONS, str(table), project),
        Shard(DEAD_LETTERS, str(table.beside(DEAD_LETTERS_ENDING)), project),
    ]


def _of_lines(stream: BinaryIO, names: Collection[str]) -> Iterator[tuple[int, Row]]:
    lines = Lines(iter(lambda: stream.read(CHUNK_BYTES), b""), 1, _MAX_LINE_BYTES)
    for line in lines:
        try:
            row = orjson.loads(line)
        except ValueError as error:
            yield lines.number, str(error)
            continue
        yield lines.number, row if isinstance(row, dict) else {}


def _of_csv(stream: BinaryIO, names: Collection[str]) -> Iterator[tuple[int, Row]]:
    csv.field_size_limit(_MAX_LINE_BYTES)
    text = io.TextIOWrapper(stream, encoding="utf-8", newline="")
    for number, cells in enumerate(csv.DictReader(text, strict=True), 1):
        try:
            yield (
                number,
                {
                    name: _OF_CELL.get(name, str)(cell)
                    for name, cell in cells.items()
                    if name in names and cell
                },
            )
        except (ValueError, TypeError) as error:
            yield number, str(error)


_OF_CELL: dict[str, Callable[[str], Any]] = {
    "position": int, "score": float, "scores": json.loads,
}  # fmt: skip


def _of_parquet(stream: BinaryIO, names: Collection[str]) -> Iterator[tuple[int, Row]]:
    file = pq.ParquetFile(stream)
    there = [one for one in file.schema_arrow.names if one in names]
    number = 0
    for batch in file.iter_batches(_ROWS, columns=there):
        for row in batch.to_pylist() if there else [{}] * batch.num_rows:
            number += 1
            yield number, _plain(row)


def _of_avro(stream: BinaryIO, names: Collection[str]) -> Iterator[tuple[int, Row]]:
    for number, row in enumerate(fastavro.reader(stream), 1):
        found = cast(dict[str, Any], row)
        yield number, _plain({name: one for name, one in found.items() if name in names})


def _of_table(place: str, project: str, names: Collection[str]) -> Iterator[Row]:
    found = addresses.destination(place)
    assert found
    table: Table = found.table
    columns = [one for one in _columns(table, project) if one in names]
    session = sessions.opened(table, project, columns)
    for stream in session.streams:
        for batch in sessions.batches(session.schema, stream):
            for row in batch.to_pylist():
                yield _plain(row)


def _columns(table: Table, project: str) -> list[str]:
    return tables.described(table, project).schema.names


def _plain(row: dict[str, Any]) -> dict[str, Any]:
    """A row as lines of JSON have it: without what is null, and scores by their labels."""
    found = {name: one for name, one in row.items() if one is not None}
    if isinstance(found.get("scores"), list):
        found["scores"] = {one["label"]: one["score"] for one in found["scores"]}
    return found


_READERS: dict[str, Callable[[BinaryIO, Collection[str]], Iterator[tuple[int, Row]]]] = {
    "jsonl": _of_lines, "csv": _of_csv, "parquet": _of_parquet, "avro": _of_avro,
}  # fmt: skip
