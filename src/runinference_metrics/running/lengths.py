"""How many tokens the texts of a surveyed input have."""

import itertools
import math
import statistics
from collections.abc import Callable
from dataclasses import dataclass

from runinference_metrics.models.folder import ModelFolder
from runinference_metrics.models.token_lengths import token_lengths
from runinference_metrics.reading.survey import Spot, Survey
from runinference_metrics.records.interval import Interval

# Of all spots: their mean is known to a percent, and they are tokenised in a second.
_TOKENISED_TEXTS = 16_384


@dataclass(frozen=True)
class Lengths:
    """How many tokens texts have, before they are cut.

    Args:
        by_spot: of some texts of each spot, by the spot's identity.
        max_length: where the model cuts them.
    """

    by_spot: dict[int, list[int]]
    max_length: int

    @classmethod
    def of(cls, survey: Survey, model: ModelFolder, max_length: int) -> "Lengths":
        """The lengths of some texts of each spot."""
        spots = list({id(one): one for one in survey.spots}.values())
        most = max(1, _TOKENISED_TEXTS // max(1, len(spots)))
        some = [one.texts[:: -(-len(one.texts) // most) or 1] for one in spots]
        found = iter(token_lengths(model, list(itertools.chain.from_iterable(some))))
        return cls({id(spot): list(itertools.islice(found, len(texts)))
                    for spot, texts in zip(spots, some, strict=True)}, max_length)  # fmt: skip

    def tokens(self, survey: Survey) -> Interval:
        """The tokens that the model reads, of the whole input."""
        cut = [min(one, self.max_length) for found in self.by_spot.values() for one in found]
        if len(cut) < 2 or len(cut) == sum(one.num_texts for one in survey.spots):
            error = 0.0
        else:
            error = 2 * statistics.stdev(cut) / math.sqrt(len(cut)) / statistics.fmean(cut)
        total = survey.total(
            lambda one: self._total(one, lambda length: min(length, self.max_length))
        )
        return total * Interval.within(1.0, error)

    def truncated(self, survey: Survey) -> Interval:
        """How many texts of the whole input are cut."""
        return survey.total(lambda one: self._total(one, lambda length: length > self.max_length))

    def _total(self, spot: Spot, of: Callable[[int], float]) -> float:
        found = self.by_spot[id(spot)]
        return spot.num_texts * sum(map(of, found)) / len(found) if found else 0.0
