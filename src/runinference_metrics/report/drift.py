"""Whether the labels and scores of two inputs differ by more than chance, and by how much."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

# By usage in banking, where the index comes from: below the first nothing changed, above the second
# much did.
SMALL_INDEX, LARGE_INDEX = 0.1, 0.25
# What chance alone does more often than in one of a hundred comparisons is no news.
CHANCE = 0.01


@dataclass(frozen=True)
class Drift:
    """How far one distribution is from another.

    Args:
        of: what is distributed.
        statistic: of Pearson's chi-squared test of homogeneity.
        degrees: its degrees of freedom.
        p_value: how often chance alone would differ as much.
        index: the population stability index: the symmetric divergence of the two.
    """

    of: str
    statistic: float
    degrees: int
    p_value: float
    index: float

    def __str__(self) -> str:
        """In a sentence."""
        amount = (
            "differ no more than by chance" if self.p_value > CHANCE
            else "hardly changed" if self.index < SMALL_INDEX
            else "changed" if self.index < LARGE_INDEX else "changed much"
        )  # fmt: skip
        return (
            f"{self.of} {amount}: population stability index {self.index:.3f}, chi-squared "
            f"{self.statistic:,.1f} with {self.degrees} degrees of freedom, p = {self.p_value:.2g}"
        )


def drifts(first: dict[str, Any], other: dict[str, Any]) -> list[Drift]:
    """Of labels and of scores, as far as two documents know them."""
    found = []
    labels = [{one["label"]: one["texts"] for one in run["labels"]} for run in (first, other)]
    if all(labels):
        names = sorted({*labels[0], *labels[1]})
        counts = [[some.get(name, 0) for name in names] for some in labels]
        found.append(drift("The shares of the labels", *counts))
    scores = [_scores(run) for run in (first, other)]
    if all(scores):
        columns = sorted({*scores[0], *scores[1]})
        counts = [[some.get(at, 0) for at in columns] for some in scores]
        found.append(drift("The scores", *counts))
    return found


def _scores(document: dict[str, Any]) -> dict[int, int]:
    """Texts by column of their score, of all labels."""
    found: dict[int, int] = {}
    for one in document["labels"]:
        # Older documents have none.
        if drawn := one.get("scores"):
            begin = round(drawn["from"] / drawn["step"])
            for at, texts in enumerate(drawn["counts"], begin):
                found[at] = found.get(at, 0) + texts
    return found


def drift(of: str, first: Sequence[int], other: Sequence[int]) -> Drift:
    """How far counts of the same kinds are from each other.

    Args:
        of: what is counted.
        first: counts, a kind each.
        other: likewise.
    """
    kinds = [(one, two) for one, two in zip(first, other, strict=True) if one + two]
    wholes = sum(first), sum(other)
    statistic = 0.0
    for pair in kinds:
        for counted, whole in zip(pair, wholes, strict=True):
            expected = sum(pair) * whole / sum(wholes)
            statistic += (counted - expected) ** 2 / expected
    # Half a text in each kind, so that one of which there is none has a logarithm.
    shares = [
        [(pair[run] + 0.5) / (wholes[run] + 0.5 * len(kinds)) for pair in kinds] for run in (0, 1)
    ]
    index = sum((two - one) * math.log(two / one) for one, two in zip(*shares, strict=True))
    degrees = max(0, len(kinds) - 1)
    return Drift(of, statistic, degrees, chi_squared_tail(statistic, degrees), index)


def chi_squared_tail(statistic: float, degrees: int) -> float:
    """How often a chi-squared variable is larger: the regularised upper incomplete gamma function.

    By its series below the mean and Lentz's continued fraction above (Press et al., Numerical
    Recipes, 6.2).
    """
    if statistic <= 0 or not degrees:
        return 1.0
    a, x = degrees / 2, statistic / 2
    scale = math.exp(a * math.log(x) - x - math.lgamma(a))
    if x < a + 1:
        term = total = 1 / a
        at = a
        while abs(term) > abs(total) * 1e-15:
            at += 1
            term *= x / at
            total += term
        return max(0.0, 1 - total * scale)
    tiny = 1e-300
    b = x + 1 - a
    c, d = 1 / tiny, 1 / b
    fraction = d
    for n in range(1, 10_000):
        factor = -n * (n - a)
        b += 2
        d = 1 / (factor * d + b or tiny)
        c = b + factor / c or tiny
        fraction *= c * d
        if abs(c * d - 1) < 1e-15:
            break
    return scale * fraction
