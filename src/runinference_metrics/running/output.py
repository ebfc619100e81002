"""How a run's predictions are to be written, and of which types their columns are."""

from collections.abc import Sequence

import pyarrow as pa

from runinference_metrics.options import output as options
from runinference_metrics.options.settings import Settings
from runinference_metrics.reading.preview import Preview
from runinference_metrics.records.kept_types import KeptTypes, kept_types
from runinference_metrics.records.prediction import PredictionFields, PredictionTable
from runinference_metrics.writing.formats import (
    BIGQUERY,
    PARQUET,
    Output,
    columns_named,
    has_columns,
    types_in,
)


def output_of(settings: Settings, previews: Sequence[Preview], to_load: bool = False) -> Output:
    """How predictions are written.

    Args:
        settings: the parameters.
        previews: what the first rows of the input show.
        to_load: whether a table is to have them.

    Raises:
        UserError: the format cannot have what is asked for.
    """
    fields = options.output_fields(settings.output_fields)
    shards = options.shards(settings.output_shards)
    wanted = PredictionFields(fields.names, fields.most_scores)
    name = BIGQUERY if to_load else settings.output_format
    if not has_columns(name):
        return Output(name, wanted, None, shards.number, shards.most_bytes)
    types = types_in(name, _types(settings, previews, "fields" in wanted))
    columns = columns_named(name, types.fields.names)
    pairs, labelled = bool(settings.text_pair_field), bool(settings.label_field)
    table = PredictionTable(wanted, types, columns, pairs, labelled)
    written = PARQUET if to_load else name
    return Output(written, wanted, table, shards.number, shards.most_bytes, table.schema)


def _types(settings: Settings, previews: Sequence[Preview], with_fields: bool) -> KeptTypes:
    names = list(settings.keep_fields) if with_fields else []
    if names == ["*"]:
        names = list(dict.fromkeys(name for one in previews for name in one.kinds))
    kinds = {name: [one.kinds.get(name, pa.null()) for one in previews] for name in names}
    ids = [one.id_kind for one in previews] if settings.id_field else None
    return kept_types(ids, kinds)
