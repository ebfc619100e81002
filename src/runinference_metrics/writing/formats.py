"""How predictions are written: the format, the fields, the columns and the shards."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, BinaryIO

import pyarrow as pa

from runinference_metrics.bigquery import schemas
from runinference_metrics.errors import UserError
from runinference_metrics.records.kept_types import KeptTypes
from runinference_metrics.records.prediction import (
    ALL,
    COLUMNS,
    PredictionFields,
    PredictionTable,
)
from runinference_metrics.writing import avro_schema, shard_files
from runinference_metrics.writing.shard_files import ShardFile

JSON_LINES, CSV, PARQUET, AVRO = "jsonl", "csv", "parquet", "avro"
# A table, into which files of Parquet are loaded.
BIGQUERY = "BigQuery"
_GZIP = ".gz"


@dataclass(frozen=True)
class Output:
    """How predictions are written.

    Args:
        name: the format: `jsonl`, `csv`, each with `.gz` or without, `parquet` or `avro`.
        wanted: the fields.
        table: makes the columns of predictions, where the format has columns.
        num_shards: how many files there are to be; 0 for as many as come.
        max_shard_bytes: no file gets more rows when it has so many bytes; None for no limit.
        schema: the columns of what is written, where the format has columns.
    """

    name: str = JSON_LINES
    wanted: PredictionFields = ALL
    table: PredictionTable | None = None
    num_shards: int = 0
    max_shard_bytes: int | None = None
    schema: pa.Schema | None = None

    @property
    def suffix(self) -> str:
        """How the files' names end."""
        return f".{self.name}"

    def shard(self, stream: BinaryIO) -> ShardFile:
        """A shard to be written."""
        kind, compressed = self.name.removesuffix(_GZIP), self.name.endswith(_GZIP)
        made: Any
        if self.schema is None:
            made = shard_files.JsonLines(stream, compressed)
        elif kind == CSV:
            made = shard_files.Csv(stream, compressed, self.schema)
        elif kind == PARQUET:
            made = shard_files.Parquet(stream, self.schema)
        else:
            made = shard_files.Avro(stream, self.schema)
        return made


def has_columns(name: str) -> bool:
    """Whether a format has columns, each of one type."""
    return not name.startswith(JSON_LINES)


def types_in(name: str, found: KeptTypes) -> KeptTypes:
    """The types that kept fields have in a format.

    Args:
        name: the format.
        found: those of the input.
    """
    if name not in _NEAREST:
        return found
    nearest = _NEAREST[name]
    return KeptTypes(
        found.id and nearest(found.id),
        pa.schema([(one.name, nearest(one.type)) for one in found.fields]),
    )


_NEAREST = {AVRO: avro_schema.nearest, BIGQUERY: schemas.nearest}


def columns_named(name: str, fields: Sequence[str]) -> tuple[str, ...]:
    """What the columns of kept fields are called in a format.

    Avro takes letters, digits and _ alone, and so do most who read Parquet. What is called as a
    prediction's own column is called input_… instead.

    Args:
        name: the format.
        fields: the kept fields.

    Raises:
        UserError: two would be called the same, in whatever case, which is one to BigQuery.
    """
    found: dict[str, str] = {}
    columns = []
    for field in fields:
        column = field
        if name in (PARQUET, AVRO, BIGQUERY):
            column = re.sub(r"\W", "_", field, flags=re.NOFLAG if name == PARQUET else re.ASCII)
            column = f"_{column}" if column[:1].isdigit() or not column else column
        if column.lower() in COLUMNS:
            column = f"input_{column}"
        if other := found.get(column.lower()):
            takes = f"fields that have names of their own in {name}, in letters, digits and _"
            raise UserError("keep_fields", takes, f"{other!r} and {field!r}, both {column!r}")
        found[column.lower()] = field
        columns.append(column)
    return tuple(columns)
