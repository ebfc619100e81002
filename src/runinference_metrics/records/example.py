"""A prediction that somebody should look at."""

import heapq
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

# A page of them; each is there to be read.
MOST_EXAMPLES = 20
# Enough to see what a text is about.
_LONGEST_TEXT = 300


@dataclass(frozen=True, slots=True)
class Example:
    """A prediction that somebody should look at.

    Args:
        score: of its label.
        label: the model's.
        right_label: the row's own; None where it has none.
        text: its beginning; both texts of a pair.
        source: the file.
        position: the line on which the row starts, from 1.
        id: the value of `id_field`, if any.
    """

    score: float
    label: str
    right_label: str | None
    text: tuple[str, ...]
    source: str
    position: int
    id: Any = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "text", tuple(_beginning(one) for one in self.text))


def lowest(examples: Iterable[Example]) -> list[Example]:
    """Those with the lowest scores, the lowest first; the same ones in any order and grouping."""
    return heapq.nsmallest(
        MOST_EXAMPLES, examples, key=lambda one: (one.score, one.source, one.position)
    )


def highest(examples: Iterable[Example]) -> list[Example]:
    """Those with the highest scores, the highest first; likewise."""
    return heapq.nsmallest(
        MOST_EXAMPLES, examples, key=lambda one: (-one.score, one.source, one.position)
    )


def _beginning(text: str) -> str:
    return text if len(text) <= _LONGEST_TEXT else f"{text[:_LONGEST_TEXT]}…"
