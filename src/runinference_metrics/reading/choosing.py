"""Which of many files are looked at: some of each kind, and some from all over the list."""

import os
from collections.abc import Callable, Iterable, Sequence

from runinference_metrics.reading.compression import ENDINGS
from runinference_metrics.reading.listing import Found

# In a bucket each takes some tenths of a second, and eight are opened at once.
MOST_FILES = 20


def chosen(files: Sequence[Found], most: int = MOST_FILES) -> list[Found]:
    """Some of the files, always the same, in their order.

    Args:
        files: all of them, in the order in which they are listed.
        most: how many at most.
    """
    # A file of no bytes tells nothing.
    told = [file for file in files if file.size_bytes] or list(files)
    firsts = [
        *_firsts(told, lambda file: _ending(file.path)),
        *_firsts(told, lambda file: os.path.dirname(file.path)),
    ]
    taken = set(list(dict.fromkeys(file.path for file in firsts))[:most])
    others = [file for file in told if file.path not in taken]
    left = min(most - len(taken), len(others))
    # From the first to the last of them.
    taken.update(others[at * (len(others) - 1) // max(1, left - 1)].path for at in range(left))
    return [file for file in told if file.path in taken]


def _firsts(files: Iterable[Found], key: Callable[[Found], str]) -> list[Found]:
    found: dict[str, Found] = {}
    for file in files:
        found.setdefault(key(file), file)
    return list(found.values())


def _ending(path: str) -> str:
    """The ending of a name, that of a compression with the one before it."""
    name, ending = os.path.splitext(os.path.basename(path).lower())
    return os.path.splitext(name)[1] + ending if ending in ENDINGS else ending
