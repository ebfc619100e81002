"""How right a model was, by the rows' own labels: what adds up over batches in any order."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from runinference_metrics.records.example import Example, highest
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
    def of(cls, classified: ClassifiedBatch, scores: Sequence[tuple[int, int]]) -> "Quality | None":
        """That of a batch; None where no field with right labels is named.

        Args:
            classified: the batch.
            scores: of each predicted text its place in the batch, and its score in millionths.
        """
        batch, answers = classified.batch, classified.classification
        if not scores or batch.right_labels[scores[0][0]] is None:
            return None
        names, meant = answers.label_names, right_labels(answers.label_names)
        found = cls()
        wrong = []
        for at, units in scores:
            value = batch.right_labels[at] or UNLABELLED
            place = meant.place(value) if value else None
            if value == UNLABELLED:
                found.unlabelled += 1
            elif place is None:
                found.unknown[value[:_LONGEST_UNKNOWN]] += 1
            else:
                winner = answers.winners[at]
                found.confusion[names[place], names[winner]] += 1  # type: ignore[index]
                found._calibrate(units, winner == place)
                if winner != place:
                    wrong.append(at)
        found.wrong = highest(classified.example(at) for at in wrong)
        found._limit()
        return found

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

    def _calibrate(self, units: int, right: bool) -> None:
        if not 0 <= units <= _UNITS_OF_1:
            self.not_shares += 1
            return
        at = min(CALIBRATION_BINS - 1, units * CALIBRATION_BINS // _UNITS_OF_1)
        self._add(at, (1, units, int(right)))

    def _add(self, at: int, counts: tuple[int, int, int]) -> None:
        texts, units, right = self.calibration.get(at, (0, 0, 0))
        self.calibration[at] = texts + counts[0], units + counts[1], right + counts[2]

    def _limit(self) -> None:
        # The first ones of the alphabet are kept: what is dropped anywhere would be dropped at the
        # end too, so merging gives the same result in any grouping.
        for value in sorted(self.unknown)[_MOST_UNKNOWN:]:
            self.unknown_others += self.unknown.pop(value)
