"""Kinds of values that a flag of Beam's takes, by its type."""

import argparse
import json
import math
import os
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

# What a message of the job's description holds; all of Beam's whole numbers are counts and sizes.
LARGEST = 2**31 - 1


@dataclass(frozen=True)
class Kind:
    """A kind of value.

    Args:
        takes: what a value must be, as the end of "--flag takes …".
        parse: the value as Beam takes it, None where the flag is better left out; raises anything
            when it is wrong.
    """

    takes: str
    parse: Callable[[str], str | None]


def by_type(action: argparse.Action) -> Kind:
    """The kind of value of a flag of which no more is known than Beam's parser knows."""
    if action.choices:
        return one_of(list(action.choices))
    if isinstance(action.default, bool):
        return Kind("true or false", _true_or_nothing)
    if action.type is int or isinstance(action.default, int):
        # The default may be a number that stands for something else, as -1 for "as many as fit".
        return whole_number(0, LARGEST, also=action.default)
    if action.type is float:
        return Kind("a number from 0 to 1", _share)
    if action.type not in (None, str):
        return Kind('a JSON object such as {"name": "value"}', _json_object)
    return Kind("a value", str)


def one_of(choices: Sequence[str]) -> Kind:
    """One of these, in any case."""
    known = {one.lower(): one for one in choices}
    return Kind(f"one of {', '.join(choices)}", lambda text: known[text.lower()])


def _true_or_nothing(text: str) -> str | None:
    # Any word at all would be true for Beam.
    return {"true": "true", "false": None}[text.lower()]


def whole_number(smallest: int, largest: int, also: Any = None, said: str = "") -> Kind:
    """A whole number in a range, or `also`; `said` explains the smallest."""

    def parse(text: str) -> str:
        if not smallest <= int(text) <= largest and int(text) != also:
            raise ValueError(text)
        return text

    return Kind(f"a whole number from {smallest}{said} to {largest}", parse)


def _share(text: str) -> str:
    if not (math.isfinite(float(text)) and 0 <= float(text) <= 1):
        raise ValueError(text)
    return text


def _json_object(text: str) -> str:
    if not isinstance(json.loads(text), dict):
        raise ValueError(text)
    return text


def matching(pattern: str, takes: str) -> Kind:
    """What a regular expression matches."""

    def parse(text: str) -> str:
        if not re.fullmatch(pattern, text):
            raise ValueError(text)
        return text

    return Kind(takes, parse)


def file(takes: str, fits: Callable[[str], bool] = os.path.isfile, remote: bool = False) -> Kind:
    """A file on this machine; if `remote`, also an address, which is not asked."""

    def parse(text: str) -> str:
        if not (remote and "://" in text) and not fits(text):
            raise ValueError(text)
        return text

    return Kind(takes, parse)
