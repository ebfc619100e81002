"""What a piece of advice says."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Advice:
    """One piece of advice.

    Args:
        change: what to change.
        why: the figures that say so.
    """

    change: str
    why: str
