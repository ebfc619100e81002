"""The right labels that rows have, beside those that the model gave them."""

import re
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

import orjson

# What a row with an empty field has, or without one.
UNLABELLED = ""
# What JSON has for the first of two labels, and for the second.
_BOOLEANS = ("false", "true")


def as_text(value: Any) -> str:
    """A field's value as it is compared: the text of a string, number, true or false.

    Anything else, which is no label, is its JSON.
    """
    if value is None:
        return UNLABELLED
    if isinstance(value, str):
        return value.strip()
    try:
        return orjson.dumps(value).decode()
    except TypeError:
        # Whole numbers beyond 64 bits.
        return str(value)


class RightLabels:
    """Which of a model's labels a row's own is.

    A label is meant by its name, in whatever case if that tells it apart, or by a number: by the
    one number in its name, as in `LABEL_1` and `5 stars`, or, where no name has a number, by its
    place among the labels from 0 on, as in most data sets; or, of two such labels, by true or
    false, which are 1 and 0.

    Args:
        names: the model's labels.
    """

    def __init__(self, names: Sequence[str]) -> None:
        self._places = _places(names)
        self._exact = {name: place for place, name in enumerate(names)}

    def place(self, value: str) -> int | None:
        """The place of the label that `value` means; None if it means none."""
        found = self._exact.get(value)
        if found is None:
            found = self._places.get(_folded(value))
        return found


@cache
def right_labels(names: tuple[str, ...]) -> RightLabels:
    """The right labels of a model, made once."""
    return RightLabels(names)


def _places(names: Sequence[str]) -> Mapping[str, int]:
    """The places of labels by what else may be said for them; what fits several is left out."""
    numbers = [re.findall(r"\d+", name) for name in names]
    found: dict[str, list[int]] = {}
    for place, name in enumerate(names):
        said = {_folded(name)}
        if not any(numbers):
            said.add(str(place))
            if len(names) == len(_BOOLEANS) and not {*map(_folded, names)} & {*_BOOLEANS}:
                said.add(_BOOLEANS[place])
        elif len(numbers[place]) == 1:
            said.add(str(int(numbers[place][0])))
        for one in said:
            found.setdefault(one, []).append(place)
    return {one: places[0] for one, places in found.items() if len(places) == 1}


def _folded(value: str) -> str:
    """A name in any case; a number without a fraction of zero, as a table with gaps writes it."""
    whole = re.fullmatch(r"([+-]?\d+)(\.0*)?", value)
    return str(int(whole[1])) if whole else value.strip().casefold()
