"""How sure the model was, as sections of metrics.json."""

from collections import Counter, defaultdict
from dataclasses import asdict
from typing import Any

from runinference_metrics.metrics.ratio import ratio
from runinference_metrics.records.certainty import SCORE_UNIT, UNITS_PER_BIN, Certainty

# Below such a score people have a look themselves, or leave a text without a label.
_THRESHOLDS = (0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.99)
# A column of a label's scores has so many bins: a twentieth.
_BINS_PER_COLUMN = 5


def certainty(found: Certainty, predicted: int) -> dict[str, Any]:
    """How many texts have a score under some thresholds, and the least certain texts."""
    under = []
    for threshold in _THRESHOLDS:
        first = round(threshold / SCORE_UNIT) // UNITS_PER_BIN
        texts = sum(count for (_, at), count in found.bins.items() if at < first)
        under.append({"score": threshold, "texts": texts, "share": ratio(texts, predicted)})
    return {"under": under, "least": [asdict(one) for one in found.least]}


def scores(found: Certainty) -> dict[str, dict[str, Any]]:
    """The histogram of the scores of each label: columns of equal width, one behind the other.

    Returns:
        By label where the first column begins, how wide each is, and the texts in each.
    """
    per_1 = round(1 / SCORE_UNIT) // UNITS_PER_BIN // _BINS_PER_COLUMN
    by_label: defaultdict[str, Counter[int]] = defaultdict(Counter)
    for (label, at), count in found.bins.items():
        by_label[label][at // _BINS_PER_COLUMN] += count
    for columns in by_label.values():
        # Where none is higher, a score of 1 belongs to the last column below it.
        if max(columns) == per_1:
            columns[per_1 - 1] += columns.pop(per_1)
    return {
        label: {
            "from": min(columns) / per_1,
            "step": 1 / per_1,
            "counts": [columns[at] for at in range(min(columns), max(columns) + 1)],
        }
        for label, columns in by_label.items()
    }
