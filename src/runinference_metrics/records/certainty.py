"""How sure a model was: what adds up over batches in any order."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from runinference_metrics.records.example import MOST_EXAMPLES, Example, lowest
from runinference_metrics.records.record import ClassifiedBatch

# Scores are summed as whole numbers of this size, which add up the same in any order.
SCORE_UNIT = 1e-6
# Scores are counted in bins of a hundredth; what is further from zero stands in the outermost.
UNITS_PER_BIN = 10_000
_OUTERMOST_BIN = 1000


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
    def of(cls, classified: ClassifiedBatch, scores: Sequence[tuple[int, int]]) -> "Certainty":
        """That of a batch.

        Args:
            classified: the batch.
            scores: of each predicted text its place in the batch, and its score in `SCORE_UNIT`.
        """
        names, winners = classified.classification.label_names, classified.classification.winners
        found = cls()
        for at, units in scores:
            label = names[winners[at]]  # type: ignore[index]
            found.bins[label, bin_of(units)] += 1
            found.units[label] += units
        # Of a single label the score says how much, and not how surely.
        if len(names) > 1 and scores:
            ordered = sorted(units for _, units in scores)
            most = ordered[min(MOST_EXAMPLES, len(ordered)) - 1]
            found.least = lowest(classified.example(at) for at, units in scores if units <= most)
        return found

    def merge(self, other: "Certainty") -> None:
        """Adds another's."""
        self.bins.update(other.bins)
        self.units.update(other.units)
        if other.least:
            self.least = lowest([*self.least, *other.least])


def bin_of(units: int) -> int:
    """The bin of a score in `SCORE_UNIT`."""
    return max(-_OUTERMOST_BIN, min(_OUTERMOST_BIN, units // UNITS_PER_BIN))
