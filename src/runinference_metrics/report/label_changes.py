"""What became of labels from one run to another, over the same rows."""

from dataclasses import dataclass, field
from typing import Any

_NOT_KNOWN = "not known: by --output_fields the other's predictions lack scores"


@dataclass(frozen=True)
class Moves:
    """How far scores moved.

    Args:
        mean: in the mean of all.
        p95: in 95 of 100 at most.
        largest: at most.
    """

    mean: float
    p95: float
    largest: float

    def __str__(self) -> str:
        return f"mean {self.mean:.4f}, 95 % up to {self.p95:.4f}, most {self.largest:.4f}"


@dataclass(frozen=True)
class LabelChanges:
    """Two runs over the same rows.

    Args:
        by: what tells that rows are the same: "file and line" or "id".
        matched: rows that both have a prediction of.
        only_first: rows that only the first has one of.
        only_other: rows that only the other has one of.
        flipped: how many of the matched ones have another label.
        from_to: how many of these, by the first run's label and the other's; the most first.
        moves: how far the score of the first run's label moved; None where the other run's
            predictions lack it.
        became_right: flips to the row's right label; None where rows have none.
        became_wrong: flips away from it; likewise.
        examples: flips of which both runs were the surest, to be looked at.
    """

    by: str
    matched: int
    only_first: int
    only_other: int
    flipped: int = 0
    from_to: list[tuple[str, str, int]] = field(default_factory=list)
    moves: Moves | None = None
    became_right: int | None = None
    became_wrong: int | None = None
    examples: list[dict[str, Any]] = field(default_factory=list)

    def rows(self) -> list[tuple[str, str]]:
        """The figures by name, as shown."""
        alone = f"{self.only_first:,} only in the first, {self.only_other:,} only in the other"
        shown = [("rows of both", f"{self.matched:,}, by {self.by} ({alone})")]
        if not self.matched:
            return shown
        share = self.flipped / self.matched
        shown.append(("with another label", f"{self.flipped:,} ({share:.2%})"))
        shown.extend(
            (f"from {first} to {other}", f"{texts:,}") for first, other, texts in self.from_to
        )
        if self.became_right is not None and self.became_wrong is not None:
            changed = f"{self.became_right:,} became right, {self.became_wrong:,} became wrong"
            shown.append(("by the rows' own labels", changed))
        shown.append(("scores moved by", str(self.moves or _NOT_KNOWN)))
        return shown
