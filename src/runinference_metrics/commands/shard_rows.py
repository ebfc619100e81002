"""The rows of an output folder's shards, in whatever format they are; or of tables."""

import csv
import gzip
import io
import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, BinaryIO, cast

import orjson

from runinference_metrics.bigquery import addresses, clients, sessions
from runinference_metrics.bigquery import tables as bigquery_tables
from runinference_metrics.bigquery.addresses import Table
from runinference_metrics.errors import RunFailed, brief, first_line
from runinference_metrics.reading import csv_reader, limits, tables
from runinference_metrics.reading.files import CHUNK_BYTES, open_raw
from runinference_metrics.reading.formats import Dialect
from runinference_metrics.reading.lines import Lines
from runinference_metrics.reading.watched import Watched
from runinference_metrics.writing.folder import DEAD_LETTERS, PREDICTIONS
from runinference_metrics.writing.loading import DEAD_LETTERS_ENDING

# Characters become up to six in JSON, and a long field may be there as id and under fields.
_MAX_LINE_BYTES = 16 * limits.MAX_ROW_BYTES
_LONGEST_FAULT = 200
# A row as lines of JSON have it, or why it is none.
Row = dict[str, Any] | str
_Rows = Iterator[tuple[int, Row]]


class Damaged(RunFailed):
    """A shard holds something else than it should.

    Args:
        place: the shard.
        what: what is wrong with it, to be said behind its name.
    """

    def __init__(self, place: str, what: str) -> None:
        self.what = what
        super().__init__(f"{place} {what}")


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

    def rows(self, names: Sequence[str]) -> _Rows:
        """The rows with their numbers from 1; those of columns have no others than these.

        A CSV file knows no types: ids are texts there, and an empty one is none.

        Args:
            names: the fields that are wanted.

        Raises:
            Damaged: it is not whole, or not what its name says.
            RunFailed: it cannot be read.
        """
        number = 0
        try:
            if addresses.is_table(self.place):
                yield from enumerate(_of_table(self.place, self.project, names), 1)
                return
            with open_raw(self.place) as stored:
                stream = Watched(stored)
                try:
                    for number, row in _of_file(self.place, cast(BinaryIO, stream), names):
                        yield number, row
                except Exception as error:
                    if stream.error:
                        raise
                    behind = f" behind {self.unit} {number:,}" if number else ""
                    what = f"cannot be read{behind}: {_why(error)}"
                    raise Damaged(self.place, what) from error
        except RunFailed:
            raise
        except Exception as error:
            raise RunFailed(f"{self.place} cannot be read: {_why(error)}") from error


def _why(error: Exception) -> str:
    return brief(first_line(error), _LONGEST_FAULT)


def _of_file(path: str, stream: BinaryIO, names: Sequence[str]) -> _Rows:
    stem, _, ending = path.rpartition(".")
    if ending == "gz":
        stream = cast(BinaryIO, gzip.GzipFile(fileobj=stream))
        ending = stem.rpartition(".")[2]
    return _READERS[ending](stream, names)


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


def _of_lines(stream: BinaryIO, names: Sequence[str]) -> _Rows:
    lines = Lines(iter(lambda: stream.read(CHUNK_BYTES), b""), 1, _MAX_LINE_BYTES)
    for line in lines:
        try:
            row = orjson.loads(line)
        except ValueError as error:
            yield lines.number, str(error)
            continue
        yield lines.number, row if isinstance(row, dict) else {}


def _of_csv(stream: BinaryIO, names: Sequence[str]) -> _Rows:
    csv.field_size_limit(_MAX_LINE_BYTES)
    text = io.TextIOWrapper(stream, encoding="utf-8", newline="")
    rows = csv_reader.reader(text, Dialect(), strict=True)
    header: list[str] = next(rows, [])
    wanted = [(at, name, _OF_CELL.get(name)) for at, name in enumerate(header) if name in names]
    for number, cells in enumerate(rows, 1):
        # Where there is one column, nothing at all stands for null.
        cells = cells or [""]
        if len(cells) != len(header):
            yield number, f"it has {len(cells):,} cells, and the header {len(header):,}"
            continue
        try:
            yield (
                number,
                {
                    name: made(cells[at]) if made else cells[at]
                    for at, name, made in wanted
                    if cells[at] or name not in _MAY_BE_NONE
                },
            )
        except ValueError as error:
            yield number, str(error)


_OF_CELL: dict[str, Callable[[str], Any]] = {
    "position": int, "score": float, "scores": orjson.loads,
}  # fmt: skip
_MAY_BE_NONE = ("right_label", "id")


def _of_columns(kind: str, stream: BinaryIO, names: Sequence[str]) -> _Rows:
    return enumerate(map(_by_label, tables.rows_of(stream, kind, names)), 1)


def _of_table(place: str, project: str, names: Sequence[str]) -> Iterator[Row]:
    found = addresses.destination(place)
    assert found
    table: Table = found.table
    there = bigquery_tables.described(table, project).schema.names
    session = sessions.opened(table, project, [one for one in there if one in names])
    for stream in session.streams:
        for batch in sessions.batches(session.schema, stream):
            yield from map(_by_label, tables.json_rows(batch))


def _by_label(row: dict[str, Any]) -> dict[str, Any]:
    """A row with its scores by their labels."""
    if isinstance(scores := row.get("scores"), list):
        row["scores"] = {one["label"]: one["score"] for one in scores}
    return row


_READERS: dict[str, Callable[[BinaryIO, Sequence[str]], _Rows]] = {
    "jsonl": _of_lines,
    "csv": _of_csv,
    "parquet": partial(_of_columns, "parquet"),
    "avro": partial(_of_columns, "avro"),
}
