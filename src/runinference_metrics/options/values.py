"""From a parameter's string to its value; each raises ValueError when the string is wrong."""

import os
from collections.abc import Callable
from pathlib import Path

from runinference_metrics.environment import MODEL_VARIABLE
from runinference_metrics.errors import UserError

AUTO = "auto"
BUNDLED = "bundled"
# What stands in for it in a checkout of the project, wherever the program is started.
_CHECKOUT = Path(__file__).parents[3]
_DEMO_MODEL = "models/demo"


def text(text: str) -> str:
    """Anything that is not blank."""
    if not text.strip():
        raise ValueError(text)
    return text.strip()


def optional_text(text: str) -> str:
    """Anything, also nothing."""
    return text.strip()


def model(given: str) -> str:
    """A folder; "bundled" is the image's own, in a checkout of the project its demo model.

    Raises:
        UserError: there is no bundled model, as where the package alone is installed.
    """
    folder = text(given)
    if folder != BUNDLED:
        return folder
    if in_image := os.environ.get(MODEL_VARIABLE):
        return in_image
    demo = _CHECKOUT / _DEMO_MODEL
    if not (demo / "config.json").is_file():
        takes = "a folder, since neither an image nor a checkout of the project is here to have one"
        raise UserError("model", takes, repr(BUNDLED))
    # As short as it can be said from here; it stands in metrics.json.
    here = Path.cwd()
    return str(demo.relative_to(here) if demo.is_relative_to(here) else demo)


def patterns(text: str) -> tuple[str, ...]:
    """One or several comma-separated values."""
    found = names(text)
    if not found:
        raise ValueError(text)
    return found


def names(text: str) -> tuple[str, ...]:
    """Comma-separated values, also none."""
    return tuple(part.strip() for part in text.split(",") if part.strip())


def boolean(text: str) -> bool:
    """true or false, in any case."""
    return {"true": True, "false": False}[one_of("true", "false")(text.lower())]


def one_of(*choices: str) -> Callable[[str], str]:
    """One of these."""

    def parse(text: str) -> str:
        if text not in choices:
            raise ValueError(text)
        return text

    return parse


def share(text: str) -> float:
    """A number from 0 to 1."""
    number = float(text)
    # Not a number is in no range.
    if not 0 <= number <= 1:
        raise ValueError(text)
    return number


def whole_number(largest: int, smallest: int = 1) -> Callable[[str], int]:
    """A whole number."""

    def parse(text: str) -> int:
        number = int(text)
        if not smallest <= number <= largest:
            raise ValueError(text)
        return number

    return parse


def whole_number_or_auto(largest: int) -> Callable[[str], int | None]:
    """A whole number from 1, or "auto", which is None."""
    number = whole_number(largest)
    return lambda text: None if text == AUTO else number(text)
