"""A figure that is not known exactly: the likeliest value, and between which two it lies."""

import math
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Interval:
    """A figure from zero with what it may be at least and at most.

    Args:
        low: the least that is to be expected.
        likely: the likeliest.
        high: the most.
    """

    low: float
    likely: float
    high: float

    def __post_init__(self) -> None:
        if not 0 <= self.low <= self.likely <= self.high:
            raise ValueError(f"no interval: {self.low}, {self.likely}, {self.high}")

    @classmethod
    def exactly(cls, value: float) -> "Interval":
        """A figure that is known."""
        return cls(value, value, value)

    @classmethod
    def within(cls, value: float, share: float) -> "Interval":
        """A figure that is off by a share of itself at most, either way, as a factor."""
        return cls(value / (1 + share), value, value * (1 + share))

    @property
    def exact(self) -> bool:
        """Whether the figure is known."""
        return self.low == self.high

    def __mul__(self, other: "Interval") -> "Interval":
        """The product of two figures that are off independently of each other.

        Their logarithms' distances add up like those of independent errors, as the root of the sum
        of squares: both at their worst at once would be as good as never.
        """
        likely = self.likely * other.likely
        if not likely:
            return Interval(0.0, 0.0, self.high * other.high)
        down = math.hypot(*(math.log(one.likely / one.low) if one.low else math.inf
                            for one in (self, other)))  # fmt: skip
        up = math.hypot(*(math.log(one.high / one.likely) for one in (self, other)))
        return Interval(likely * math.exp(-down), likely, likely * math.exp(up))

    def __add__(self, other: "Interval") -> "Interval":
        """The sum of two figures, which may well be off in the same direction."""
        return Interval(self.low + other.low, self.likely + other.likely, self.high + other.high)

    def __rtruediv__(self, one: float) -> "Interval":
        """A number divided by the figure, which is nowhere zero."""
        return Interval(one / self.high, one / self.likely, one / self.low)

    def times(self, factor: float) -> "Interval":
        """The figure times a number that is known."""
        return Interval(self.low * factor, self.likely * factor, self.high * factor)

    def as_json(self) -> dict[str, Any]:
        """As a document has it."""
        return {"low": self.low, "likely": self.likely, "high": self.high}
