"""What would match, for whoever wrote a pattern that does not."""

import contextlib
import difflib
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice

from runinference_metrics.errors import UserError
from runinference_metrics.reading import places
from runinference_metrics.reading.patterns import EVERYTHING, Pattern

# What is looked at for a hint: a page of a bucket's objects, and of a disk's files no more.
_LOOKED_AT = 1000


def nothing(patterns: Sequence[Pattern], several: bool) -> str:
    """What a user's text came to, which matches nothing, and what would.

    Args:
        patterns: what it stands for.
        several: whether it is one of a list, as a name with a comma would be.
    """
    given, first = patterns[0].given, patterns[0]
    which = f" {first.root!r}" if first.exact and first.root != given else ""
    comma = " (a comma parts patterns; in a file's name, write ? for it)" if several else ""
    try:
        would = f"; {_what_would(first)}"
    except UserError:
        # The pattern itself is wrong.
        raise
    except Exception:
        # As where a part of a bucket alone may be listed: the hint is not worth another error.
        would = ""
    return f"{given!r}: nothing matches{which}{comma}{would}"


def only_skipped(given: Sequence[str], example: str, skipped: Mapping[str, int]) -> str:
    """What is there, where all of it is skipped.

    Args:
        given: what the user wrote.
        example: one of the files.
        skipped: how many files there are, by the reason why each is no data.
    """
    reasons = ", ".join(f"{reason} {count:,}" for reason, count in skipped.items())
    return (
        f"{', '.join(map(repr, given))} with nothing but files that are skipped ({reasons}), such "
        f"as {example!r}; name a file itself to have it read"
    )


def _what_would(pattern: Pattern) -> str:
    if found := re.search(r"\{(\w+)\.\.(\w+)\}", pattern.given):
        return f"{found[0]} is no range here, write {{{found[1]},…,{found[2]}}}"
    if pattern.exact and os.path.islink(pattern.root):
        return "it is a link that leads nowhere"
    folder = _nearest(pattern.root)
    near = _below(folder)
    if not near:
        return f"{folder or './'!r} holds no files"
    for path in near:
        if _written_otherwise(pattern, path):
            return f"{path!r} would, with upper and lower case as it has them"
    for one in _reaching_deeper(pattern):
        if path := next((path for path in near if one.matches(path) and not one.skips(path)), ""):
            return f"write {one.root + one.globs[0]!r} for files such as {path!r}"
    return _holds(pattern, folder, near)


def _reaching_deeper(pattern: Pattern) -> Iterator[Pattern]:
    """Patterns that take the same names in sub-folders too, the likest first."""
    at = pattern.root.rfind("/") + 1
    folder, name = pattern.root[:at], pattern.root[at:]
    for glob in pattern.globs:
        # Between slashes ** stands for one folder at least.
        for deeper in (re.sub(r"\*\*/\*?", EVERYTHING, glob), re.sub(r"\*+", EVERYTHING, glob)):
            yield Pattern(pattern.given, pattern.root, (deeper,))
        yield Pattern(pattern.given, folder, (f"{EVERYTHING}/{name}{glob}",))


def _holds(pattern: Pattern, folder: str, near: Sequence[str]) -> str:
    """What the nearest folder has instead."""
    wanted = pattern.root + pattern.globs[0]
    # Of all that there is the likest.
    (like,) = difflib.get_close_matches(wanted, near, 1, 0.0)
    number = f"{len(near):,} files" if len(near) < _LOOKED_AT else f"{_LOOKED_AT:,} files or more"
    missing = pattern.root[len(folder) :].partition("/")
    none = f"there is no {folder + missing[0] + '/'!r}, and " if missing[1] else ""
    return (
        f"{none}{folder or './'!r} holds {'1 file' if len(near) == 1 else number}, such as {like!r}"
    )


def _nearest(root: str) -> str:
    """The deepest folder of a path that is there, with its slash; "" for the working folder."""
    folder = root[: root.rfind("/") + 1]
    while folder.strip("/") and not folder.endswith("://") and not places.is_folder(folder):
        above = folder.rstrip("/")
        folder = above[: above.rfind("/") + 1]
    return folder


def _below(folder: str) -> list[str]:
    """Some of the files below a folder."""
    everything = Pattern(folder, folder, (EVERYTHING,))
    found: list[str] = []
    with contextlib.suppress(OSError):
        found.extend(one.path for one in islice(places.below(everything), _LOOKED_AT))
    return found


def _written_otherwise(pattern: Pattern, path: str) -> bool:
    """Whether only upper and lower case part a path from a pattern."""
    lower = tuple(glob.lower() for glob in pattern.globs)
    same = Pattern(pattern.given, pattern.root.lower(), lower)
    return same.matches(path.lower()) and not same.skips(path.lower())
