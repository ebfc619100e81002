"""What the first rows of a table look like, or what a query would find."""

from collections import Counter
from typing import Any

import pyarrow as pa

from runinference_metrics.bigquery import queries, tables
from runinference_metrics.bigquery.inputs import Input
from runinference_metrics.errors import UserError
from runinference_metrics.reading import paths
from runinference_metrics.reading.fields import RowFields
from runinference_metrics.reading.formats import FileFormat
from runinference_metrics.reading.preview import Preview, Seen, add_columns
from runinference_metrics.reading.table_input import QUERY, TABLE, streams

# Some hundred rows: what comes first of a stream is a thousand or more.
_MOST_ROWS = 512


def table_preview(given: Input, fields: RowFields) -> Preview:
    """Looks at the first rows of a table; a query does not run for it.

    Args:
        given: the table or query.
        fields: the fields that matter.

    Raises:
        UserError: it is a view, which only a query can read.
        google.api_core.exceptions.GoogleAPICallError: the service refuses.
    """
    seen = Seen()
    source = given.source
    if source.table is None:
        dry = queries.dry_run(source.query, given.project)
        add_columns(seen, dry.schema, fields)
        _note_missing(seen, dry.schema, fields)
        return _preview(given, dry.num_bytes, QUERY, seen, None)
    table = tables.described(source.table, given.project)
    if not table.can_be_streamed:
        kind = table.kind.lower().replace("_", " ")
        takes = "a table, or a query, which reads views and what lies elsewhere too"
        got = f"{str(given)!r}, a {kind}: say --input='SELECT * FROM `{source.table.id}`'"
        raise UserError("input", takes, got)
    add_columns(seen, table.schema, fields)
    _note_missing(seen, table.schema, fields)
    if not seen.rejected:
        there = [one for one in fields.named if paths.indices(table.schema, one)]
        _read(seen, given, fields.only(there))
    rows = None if source.where else table.num_rows
    return _preview(given, table.num_bytes, TABLE, seen, rows)


def _note_missing(seen: Seen, schema: pa.Schema, fields: RowFields) -> None:
    for name, what in zip(fields.texts, ("text", "text_pair"), strict=False):
        if not paths.indices(schema, name):
            seen.rejected[f"missing_{what}_field"] += 1


def _read(seen: Seen, given: Input, fields: RowFields) -> None:
    (stream,) = list(streams(given, fields, most_streams=1))[:1]
    for row in stream.outcomes(fields, _MOST_ROWS):
        seen.add(row)
        if seen.rows >= _MOST_ROWS:
            return


def _preview(given: Input, num_bytes: int, kind: str, seen: Seen, num_rows: int | None) -> Preview:
    known: dict[str, Any] = {"kinds": seen.kinds, "id_kind": seen.id_kind, "num_rows": num_rows}
    return Preview(
        str(given), num_bytes, FileFormat(kind), None, None, seen.first, tuple(seen.texts),
        tuple(seen.right_labels), seen.rows, seen.blank, Counter(seen.rejected), seen.worst,
        seen.one_fault, seen.row_bytes, 1.0, False, **known,
    )  # fmt: skip
