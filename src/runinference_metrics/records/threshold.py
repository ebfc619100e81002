"""What a run must keep to be good: a figure, and on which side of which number it must be."""

import operator
import re
from collections.abc import Callable
from dataclasses import dataclass

_OPERATORS: dict[str, Callable[[float, float], bool]] = {
    "<=": operator.le, ">=": operator.ge, "<": operator.lt, ">": operator.gt,
}  # fmt: skip
# The last operator counts: a label's name may have one.
_FORM = re.compile(
    r"(?P<figure>.*[^\s<>=])\s*(?P<operator><=|>=|<|>)\s*(?P<number>[^<>=]+)", re.DOTALL
)
_NUMBER = re.compile(r"(?P<digits>[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?)\s*(?P<percent>%?)")
# Said before a threshold that ends no run.
WARN = "warn"


@dataclass(frozen=True)
class Threshold:
    """A figure of a run, and what it must be.

    Args:
        figure: its name, as in accuracy, p95(inference_batch_latency_micro_secs), f1(POSITIVE).
        operator: one of <, <=, >, >=.
        number: what it is compared with.
        warns: whether a run that fails it is told so, and does not end as failed.
    """

    figure: str
    operator: str
    number: float
    warns: bool = False

    @classmethod
    def parse(cls, text: str) -> "Threshold":
        """Reads one; raises ValueError, without a message, when it is none."""
        before, _, after = text.strip().partition(" ")
        warns = before.lower() == WARN
        found = _FORM.fullmatch(after.strip() if warns else text.strip())
        number = _NUMBER.fullmatch(found["number"].strip()) if found else None
        if not (found and number):
            raise ValueError
        value = float(number["digits"]) / (100 if number["percent"] else 1)
        return cls(found["figure"].replace(" (", "("), found["operator"], value, warns)

    def holds(self, value: float | None) -> bool:
        """Whether a figure is as it must be; one that is not known is not."""
        return value is not None and _OPERATORS[self.operator](value, self.number)

    def __str__(self) -> str:
        return f"{self.figure}{self.operator}{self.number:g}"
