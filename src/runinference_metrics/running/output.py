"""How a run's predictions are to be written, and of which types their columns are."""

from collections.abc import Sequence

import pyarrow as pa

from runinference_metrics.options import output as options
from runinference_metrics.options.settings import Settings
from runinference_metrics.reading.preview import Preview
from runinference_metrics.records.kept_types import KeptTypes, kept_types
from runinference_metrics.records.prediction import PredictionFields, PredictionTable
from runinference_metrics.writing.formats import Output, columns_named, has_columns, types_in


def output_of(settings: Settings, previews: Sequence[Preview]) -> Output:
    """How predictions are written.

    Args:
        settings: the parameters.
        previews: what the first rows of the input show.

    Raises:
        UserError: the format cannot have what is asked for.
    """
    fields = options.output_fields(settings.output_fields)
    shards = options.shards(settings.output_shards)
    wanted = PredictionFields(fields.names, fields.most_scores)
    table = None
    if has_columns(settings.output_format):
        types = types_in(settings.output_format, _types(settings, previews, "fields" in wanted))
        table = PredictionTable(
            wanted,
            types,
            columns_named(settings.output_format, types.fields.names),
            bool(settings.text_pair_field),
            bool(settings.label_field),
        )
    return Output(settings.output_format, wanted, table, shards.number, shards.most_bytes)


def _types(settings: Settings, previews: Sequence[Preview], with_fields: bool) -> KeptTypes:
    names = list(settings.keep_fields) if with_fields else []
    if names == ["*"]:
        names = list(dict.fromkeys(name for one in previews for name in one.kinds))
    kinds = {name: [one.kinds.get(name, pa.null()) for one in previews] for name in names}
    ids = [one.id_kind for one in previews] if settings.id_field else None
    return kept_types(ids, kinds)
