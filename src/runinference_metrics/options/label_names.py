"""The user's own names for a model's labels: `0=neg,1=pos`, or a file with them."""

import json
import re
from typing import Any

from runinference_metrics.errors import UserError
from runinference_metrics.options import values

TAKES = (
    "a name for each of the model's labels, counted from 0, such as 0=neg,1=pos, or the address of "
    "a file with them (a name a line, or JSON)"
)
_NUMBERED = re.compile(r"\s*(\d+)\s*=\s*(.*?)\s*", re.DOTALL)


def value(text: str) -> str:
    """Names, or a file of them, or nothing; raises ValueError when it is none of these."""
    stripped = text.strip()
    if _NUMBERED.match(stripped):
        inline(stripped)
        return stripped
    return values.optional_file(stripped)


def inline(text: str) -> tuple[str, ...] | None:
    """The names that stand in a parameter's value; None when it is a file's address or nothing.

    Raises:
        ValueError: they are not numbered from 0 on, or one of them is missing or there twice.
    """
    if not _NUMBERED.match(text):
        return None
    return _numbered(text.split(","))


def of_file(content: bytes, path: str) -> tuple[str, ...]:
    """The names in a file: a name a line, `0=name` a line, a JSON list, or a JSON object by number.

    Raises:
        UserError: they are none of these, or do not tell the labels apart.
    """
    try:
        text = content.decode("utf-8-sig")
        names = _json(text) if text.lstrip()[:1] in ("{", "[") else _lines(text)
    except (ValueError, TypeError, AttributeError) as error:
        raise UserError("label_names", TAKES, f"{path!r}: {error}") from None
    return names


def _json(text: str) -> tuple[str, ...]:
    found: Any = json.loads(text)
    if isinstance(found, list):
        return _distinct([str(name) for name in found])
    # config.json's own form, or label2id's.
    if all(isinstance(number, int) for number in found.values()):
        found = {number: name for name, number in found.items()}
    return _in_order({int(number): str(name) for number, name in found.items()}, len(found))


def _lines(text: str) -> tuple[str, ...]:
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    if lines and all(_NUMBERED.fullmatch(line) for line in lines):
        return _numbered(lines)
    return _distinct(lines)


def _numbered(parts: list[str]) -> tuple[str, ...]:
    found: dict[int, str] = {}
    for part in parts:
        match = _NUMBERED.fullmatch(part)
        if match is None:
            raise ValueError(f"{part.strip()!r} is no number = name")
        found[int(match[1])] = match[2]
    return _in_order(found, len(parts))


def _in_order(found: dict[int, str], count: int) -> tuple[str, ...]:
    if sorted(found) != list(range(count)):
        numbers = ", ".join(map(str, sorted(found)))
        raise ValueError(f"labels are counted from 0 to {count - 1} (here: {numbers})")
    return _distinct([found[number] for number in range(count)])


def _distinct(names: list[str]) -> tuple[str, ...]:
    if not names:
        raise ValueError("there are no names in it")
    if not all(name.strip() for name in names):
        raise ValueError("a name is empty")
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise ValueError(f"the name {twice!r} stands there twice")
    return tuple(names)
