"""How right a model was, by the rows' own labels: what adds up over batches in any order."""

from collections import Counter
from dataclasses import dataclass, field

import numpy as np

from runinference_metrics.records.certainty import Scored, cells
from runinference_metrics.records.example import MOST_EXAMPLES, Example, highest
from runinference_metrics.records.record import ClassifiedBatch
from runinference_metrics.records.right_labels import UNLABELLED, right_labels

# Equal bins of the score from 0 to 1, as many as by Guo et al., On Calibration of Modern Neural
# Networks (2017).
CALIBRATION_BINS = 15
_UNITS_OF_1 = 1_000_000
# Distinct values that are none of the model's labels; a field of free text has as many as rows.
_MOST_UNKNOWN = 100
_LONGEST_UNKNOWN = 100


@dataclass
class Quality:
    """How right a model was.

    Args:
        confusion: texts by their right label and the model's.
        unlabelled: texts whose row has no label.
        unknown: texts by what their row has for a label, where that is none of the model's.
        unknown_others: texts with other such values.
        calibration: by bin of the score: texts, sum of their scores in units, how many are right.
        not_shares: texts whose score is none between 0 and 1.
        wrong: the texts with a wrong label and the highest scores.
    """

    confusion: Counter[tuple[str, str]] = field(default_factory=Counter)
    unlabelled: int = 0
    unknown: Counter[str] = field(default_factory=Counter)
    unknown_others: int = 0
    calibration: dict[int, tuple[int, int, int]] = field(default_factory=dict)
    not_shares: int = 0
    wrong: list[Example] = field(default_factory=list)

    @classmethod
    def of(cls, classified: ClassifiedBatch, scored: Scored) -> "Quality | None":
        """That of a batch and its scores; None where no field with right labels is named."""
        own = classified.batch.right_labels
        if not len(scored) or own[0] is None:
            return None
        names = classified.classification.label_names
        meant = right_labels(names)
        values = [own[at] or UNLABELLED for at in scored.at.tolist()]
        places = {value: meant.place(value) if value else None for value in set(values)}
        found = cls(unlabelled=values.count(UNLABELLED))
        for value, texts in Counter(values).items():
            if value and places[value] is None:
                found.unknown[value[:_LONGEST_UNKNOWN]] += texts
        # Of texts without a label of the model -1.
        rights = np.array([-1 if (one := places[value]) is None else one for value in values])
        known = rights >= 0
        for right, label, texts in cells(rights[known], scored.labels[known]):
            found.confusion[names[right], names[label]] = texts
        found.calibrate(scored.units[known], (rights == scored.labels)[known])
        wrong = known & (rights != scored.labels)
        found.wrong = highest(map(classified.example, scored.highest(MOST_EXAMPLES, wrong)))
        found._limit()
        return found

    @property
    def labelled(self) -> int:
        """The texts whose row has one of the model's labels."""
        return self.confusion.total()

    @property
    def right(self) -> int:
        """Those of them to which the model gave it."""
        return sum(texts for (right, label), texts in self.confusion.items() if right == label)

    def calibrate(self, units: np.ndarray, right: np.ndarray) -> None:
        """Adds texts to the bins of their scores.

        Args:
            units: int64, their scores in millionths.
            right: bool, whether they have the right label.
        """
        shares = (units >= 0) & (units <= _UNITS_OF_1)
        self.not_shares += int((~shares).sum())
        units, right = units[shares], right[shares]
        bins = np.minimum(CALIBRATION_BINS - 1, units * CALIBRATION_BINS // _UNITS_OF_1)
        for at in np.unique(bins).tolist():
            here = bins == at
            self._add(at, (int(here.sum()), int(units[here].sum()), int(right[here].sum())))

    def merge(self, other: "Quality") -> None:
        """Adds another's."""
        self.confusion.update(other.confusion)
        self.unlabelled += other.unlabelled
        self.unknown.update(other.unknown)
        self.unknown_others += other.unknown_others
        for at, counts in other.calibration.items():
            self._add(at, counts)
        self.not_shares += other.not_shares
        if other.wrong:
            self.wrong = highest([*self.wrong, *other.wrong])
        self._limit()

    def _add(self, at: int, counts: tuple[int, int, int]) -> None:
        texts, units, right = self.calibration.get(at, (0, 0, 0))
        self.calibration[at] = texts + counts[0], units + counts[1], right + counts[2]

    def _limit(self) -> None:
        # The first ones of the alphabet are kept: what is dropped anywhere would be dropped at the
        # end too, so merging gives the same result in any grouping.
        for value in sorted(self.unknown)[_MOST_UNKNOWN:]:
            self.unknown_others += self.unknown.pop(value)
