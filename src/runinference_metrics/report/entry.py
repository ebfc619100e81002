"""What the glossary says of one metric."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Entry:
    """One metric, explained."""

    name: str
    unit: str
    updated: str
    meaning: str
