"""The thresholds that a user gives, checked before a run starts."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from runinference_metrics.errors import UserError
from runinference_metrics.metrics import verdicts
from runinference_metrics.options.settings import Settings
from runinference_metrics.records.threshold import Threshold
from runinference_metrics.writing import documents

_TAKES = (
    "figures with <, <=, > or >= and a number, such as accuracy>=0.9, with ; between them, or a "
    "file with one a line"
)


def thresholds(settings: Settings, labels: Sequence[str] | None) -> tuple[Threshold, ...]:
    """What a run must keep to be good.

    Args:
        settings: the parameters.
        labels: the model's labels; None where they are not known.

    Raises:
        UserError: it is none, or names a figure that the run will not have.
    """
    found = given(settings.thresholds)
    verdicts.check_names(
        found,
        labels,
        label_field=bool(settings.label_field),
        prices=bool(settings.prices),
        gpu=settings.device == "GPU",
    )
    return found


@dataclass(frozen=True)
class Kept:
    """What a run that is done must have kept.

    Args:
        thresholds: all of it; nothing leaves the run as it was judged.
    """

    thresholds: tuple[Threshold, ...]

    @classmethod
    def given(cls, value: str) -> "Kept":
        """What a flag says; raises UserError when it is no threshold, or of no figure."""
        found = given(value)
        verdicts.check_names(found, None)
        return cls(found)

    def judged(self, document: dict[str, Any]) -> dict[str, Any]:
        """The content of metrics.json with what comes of the thresholds."""
        if not self.thresholds:
            return document
        return {**document, "thresholds": verdicts.verdicts(document, self.thresholds)}

    def check(self, document: dict[str, Any]) -> None:
        """Raises ThresholdsFailed when one of them does not hold in a judged document."""
        if self.thresholds:
            verdicts.check(document["thresholds"])


def given(value: str) -> tuple[Threshold, ...]:
    """The thresholds in a parameter's value, or in the file that it names.

    Raises:
        UserError: one of them is none.
    """
    if not value:
        return ()
    if re.search("[<>]", value):
        return _parsed(value.split(";"), "")
    try:
        text = documents.content(value, "thresholds").decode("utf-8-sig")
    except UserError as error:
        raise UserError("thresholds", _TAKES, error.got) from error
    except UnicodeDecodeError as error:
        raise UserError("thresholds", _TAKES, f"{value!r}: {error}") from None
    found = _parsed((_content(line) for line in text.splitlines()), f" in {value!r}")
    if not found:
        raise UserError("thresholds", _TAKES, f"{value!r}, in which there is none")
    return found


def _content(line: str) -> str:
    """A line without what is a comment in it, or YAML's mark and quotes of a list."""
    text = re.sub(r"(^|\s)#.*", "", line).strip()
    text = re.sub(r"^-\s+", "", text)
    return text[1:-1] if re.fullmatch(r"'.*'|\".*\"", text) else text


def _parsed(texts: Iterable[str], where: str) -> tuple[Threshold, ...]:
    found = []
    for text in texts:
        if not text.strip():
            continue
        try:
            found.append(Threshold.parse(text))
        except ValueError:
            raise UserError("thresholds", _TAKES, f"{text.strip()!r}{where}") from None
    return tuple(found)
