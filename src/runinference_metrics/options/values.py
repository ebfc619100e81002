"""From a parameter's string to its value; each raises ValueError when the string is wrong."""

import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from runinference_metrics.bigquery.addresses import TableError, destination, is_table, source
from runinference_metrics.environment import MODEL_VARIABLE
from runinference_metrics.errors import UserError
from runinference_metrics.options import addresses, sources

AUTO = "auto"
# The largest token budget that is useful on the GPUs of today (an H200 saturates far below it).
LARGEST_BATCH_TOKENS = 4_194_304
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


def folder(text: str) -> str:
    """The address of a folder, or of a table."""
    if _of_table(destination, text):
        return text.strip()
    found = addresses.address(text)
    if not found:
        raise ValueError(text)
    return found


def optional_file(text: str) -> str:
    """The address of a file, or nothing."""
    found = addresses.address(text)
    if found.startswith("gs://") and (found.endswith("/") or "/" not in found[len("gs://") :]):
        raise ValueError(text)
    return found


def history(text: str) -> str:
    """The address of a .jsonl file, or of a table; or nothing."""
    if is_table(text):
        return str(_of_table(destination, text).table)
    found = optional_file(text)
    if found and not found.endswith(".jsonl"):
        raise ValueError(text)
    return found


def thresholds(text: str) -> str:
    """Thresholds, read later, which have < or > in them; or the address of a file, or nothing."""
    return text.strip() if re.search("[<>]", text) else optional_file(text)


def model(given: str) -> str:
    """A folder, or a name on the hub; "bundled" is the image's own, in a checkout the demo model.

    Raises:
        UserError: there is no bundled model, as where the package alone is installed.
    """
    found = sources.source(given)
    if found != BUNDLED:
        return found
    if in_image := os.environ.get(MODEL_VARIABLE):
        return in_image
    demo = _CHECKOUT / _DEMO_MODEL
    if not (demo / "config.json").is_file():
        takes = "a folder, since neither an image nor a checkout of the project is here to have one"
        raise UserError("model", takes, repr(BUNDLED))
    # As short as it can be said from here; it stands in metrics.json.
    here = Path.cwd()
    return str(demo.relative_to(here) if demo.is_relative_to(here) else demo)


def _of_table(parse: Callable[[str], Any], text: str) -> Any:
    try:
        return parse(text)
    except TableError as error:
        raise addresses.AddressError(error.got, error.takes) from None


def patterns(text: str) -> tuple[str, ...]:
    """One or several comma-separated addresses of files; a bucket means the files in it. Or a table
    or a query, alone."""
    if _of_table(source, text):
        return (text.strip(),)
    found = tuple(addresses.address(part, pattern=True) for part in addresses.parts(text))
    if not all(found) or not found:
        raise ValueError(text)
    return tuple(re.sub(r"^gs://[^/]*$", r"\g<0>/", one) for one in found)


def names(text: str) -> tuple[str, ...]:
    """Comma-separated values, also none."""
    return tuple(part.strip() for part in text.split(",") if part.strip())


def boolean(text: str) -> bool:
    """true or false, in any case."""
    return one_of("true", "false")(text) == "true"


def one_of(*choices: str) -> Callable[[str], str]:
    """One of these, in any case."""
    known = {choice.lower(): choice for choice in choices}

    def parse(text: str) -> str:
        if text.lower() not in known:
            raise ValueError(text)
        return known[text.lower()]

    return parse


def checked_by(parse: Callable[[str], object]) -> Callable[[str], str]:
    """A text that something can parse, later and again."""

    def same(text: str) -> str:
        parse(text)
        return text

    return same


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
    return lambda text: None if text.lower() == AUTO else number(text)
