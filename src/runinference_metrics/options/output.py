"""What the user says of predictions: their fields, and how many files or how large ones."""

import re
from dataclasses import dataclass

from runinference_metrics.options.values import AUTO

# As records/prediction.py has them; a test holds them together.
FIELDS = ("text", "label", "score", "scores", "source", "position", "right_label", "id", "fields")
_TOP = re.compile(r"scores:([1-9][0-9]{0,5})")
_SIZE = re.compile(r"(\d+(?:\.\d+)?) ?([KMGT]?)i?B", re.IGNORECASE)
_POWERS = {"": 0, "K": 1, "M": 2, "G": 3, "T": 4}
_LEAST_BYTES, _MOST_SHARDS = 1 << 20, 10_000


@dataclass(frozen=True)
class OutputFields:
    """Which fields predictions have.

    Args:
        names: those of `FIELDS`.
        most_scores: how many labels `scores` has, the most probable first; None for all.
    """

    names: tuple[str, ...] = FIELDS
    most_scores: int | None = None


def output_fields(text: str) -> OutputFields:
    """Comma-separated names of fields; -NAME leaves one out; scores:3 is the three best labels.

    Raises:
        ValueError: it is something else, or nothing is left.
    """
    most: int | None = None
    names: list[str] = []
    without: list[str] = []
    for part in filter(None, map(str.strip, text.split(","))):
        if top := _TOP.fullmatch(part):
            most, part = int(top[1]), "scores"
        (without if part.startswith("-") else names).append(part.removeprefix("-"))
    all_names = [*names, *without]
    if not {*all_names} <= {*FIELDS} or len({*all_names}) < len(all_names):
        raise ValueError(text)
    if without and names == ["scores"] and most:
        # All but some, and the best labels alone: -text,scores:3.
        names = []
    found = tuple(one for one in FIELDS if (one in names or not names) and one not in without)
    if not found or (names and without):
        raise ValueError(text)
    return OutputFields(found, most)


@dataclass(frozen=True)
class Shards:
    """How predictions are cut into files.

    Args:
        number: how many there are; 0 for as many as come.
        most_bytes: how large one may be, about; None for no limit.
    """

    number: int = 0
    most_bytes: int | None = None


def shards(text: str) -> Shards:
    """auto, a number of files, or a size such as 256MB.

    Raises:
        ValueError: it is something else, or too small or too large.
    """
    if text.lower() == AUTO:
        return Shards()
    if size := _SIZE.fullmatch(text):
        num_bytes = int(float(size[1]) * 1024 ** _POWERS[size[2].upper()])
        if num_bytes < _LEAST_BYTES:
            raise ValueError(text)
        return Shards(most_bytes=num_bytes)
    if not 1 <= (number := int(text)) <= _MOST_SHARDS:
        raise ValueError(text)
    return Shards(number)
