"""Dead letters as lines of JSON, and as columns."""

from collections.abc import Sequence

import pyarrow as pa

from runinference_metrics.records.record import Rejected, to_json
from runinference_metrics.records.text import strings

# In a table; an id, which may be of any type, is text there.
DEAD_LETTER_SCHEMA = pa.schema([
    ("reason", pa.string()),
    ("detail", pa.string()),
    ("stage", pa.string()),
    ("source", pa.string()),
    ("position", pa.int64()),
    ("text", pa.string()),
    ("text_pair", pa.string()),
    ("id", pa.string()),
])  # fmt: skip


def dead_letter_columns(letters: Sequence[Rejected]) -> pa.RecordBatch:
    """Dead letters as columns of `DEAD_LETTER_SCHEMA`."""
    rows = []
    for one in letters:
        first, *second = strings(one.text)
        row_id = one.id if one.id is None or isinstance(one.id, str) else to_json(one.id).decode()
        rows.append({
            "reason": one.reason, "detail": one.detail, "stage": one.stage, "source": one.source,
            "position": one.position, "text": first, "text_pair": next(iter(second), None),
            "id": row_id,
        })  # fmt: skip
    return pa.RecordBatch.from_pylist(rows, DEAD_LETTER_SCHEMA)
