"""How sure a model was: what adds up over batches in any order."""

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from runinference_metrics.records.classification import Classification
from runinference_metrics.records.example import MOST_EXAMPLES, Example, lowest
from runinference_metrics.records.record import ClassifiedBatch

# Scores are summed as whole numbers of this size, which add up the same in any order.
SCORE_UNIT = 1e-6
# Scores are counted in bins of a hundredth; what is further from zero stands in the outermost.
UNITS_PER_BIN = 10_000
OUTERMOST_BIN = 1000


@dataclass(frozen=True)
class Scored:
    """The predicted texts of a batch, in columns.

    Args:
        at: int64, the place of each in the batch.
        labels: int64, the number of its label.
        units: int64, its score in `SCORE_UNIT`.
    """

    at: np.ndarray
    labels: np.ndarray
    units: np.ndarray

    @classmethod
    def of(cls, found: Classification) -> "Scored":
        """Those of a classification."""
        winners: Any = found.winners
        at = np.arange(len(winners))
        if None in winners:
            at = np.array([place for place in at.tolist() if winners[place] is not None], np.int64)
            winners = [winners[place] for place in at.tolist()]
        scores = [found.scores[place][label]
                  for place, label in zip(at.tolist(), winners, strict=True)]  # fmt: skip
        units = np.rint(np.array(scores, np.float64) / SCORE_UNIT).astype(np.int64)
        return cls(at, np.array(winners, np.int64), units)

    def __len__(self) -> int:
        return len(self.at)

    def lowest(self, count: int) -> list[int]:
        """The places of the texts with the lowest scores, and of all that tie with the last."""
        return self._up_to(self.units, count)

    def highest(self, count: int, which: np.ndarray) -> list[int]:
        """Likewise with the highest, of those with true in `which`."""
        return self._up_to(np.where(which, -self.units, np.iinfo(np.int64).max), count, which)

    def _up_to(self, values: np.ndarray, count: int, which: np.ndarray | None = None) -> list[int]:
        chosen = np.ones(len(values), bool) if which is None else which
        if chosen.sum() > count:
            chosen = chosen & (values <= np.partition(values, count - 1)[count - 1])
        places: list[int] = self.at[chosen].tolist()
        return places


@dataclass
class Certainty:
    """How sure a model was of its labels.

    Args:
        bins: texts by label and bin of their score: 97 is from 0.97 to below 0.98.
        units: sum of the scores by label, in `SCORE_UNIT`.
        least: the texts with the lowest scores.
    """

    bins: Counter[tuple[str, int]] = field(default_factory=Counter)
    units: Counter[str] = field(default_factory=Counter)
    least: list[Example] = field(default_factory=list)

    @classmethod
    def of(cls, classified: ClassifiedBatch, scored: Scored) -> "Certainty":
        """That of a batch and its scores."""
        names = classified.classification.label_names
        bins = np.clip(scored.units // UNITS_PER_BIN, -OUTERMOST_BIN, OUTERMOST_BIN)
        found = cls(Counter({
            (names[label], at): texts for label, at, texts in cells(scored.labels, bins)
        }))  # fmt: skip
        for label in set(scored.labels.tolist()):
            found.units[names[label]] = int(scored.units[scored.labels == label].sum())
        # Of a single label the score says how much, and not how surely.
        if len(names) > 1:
            found.least = lowest(map(classified.example, scored.lowest(MOST_EXAMPLES)))
        return found

    def merge(self, other: "Certainty") -> None:
        """Adds another's."""
        self.bins.update(other.bins)
        self.units.update(other.units)
        if other.least:
            self.least = lowest([*self.least, *other.least])


def cells(rows: np.ndarray, columns: np.ndarray) -> list[tuple[int, int, int]]:
    """How often which two numbers stand beside each other: both, and how often.

    Args:
        rows: int64, from 0.
        columns: int64, of the same length.
    """
    if not len(rows):
        return []
    least = int(columns.min())
    width = int(columns.max()) - least + 1
    found, counts = np.unique(rows * width + columns - least, return_counts=True)
    return [
        (one // width, one % width + least, count)
        for one, count in zip(found.tolist(), counts.tolist(), strict=True)
    ]
