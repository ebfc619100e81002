"""From patterns to files: which there are, and which of them are no data."""

import os
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from runinference_metrics.bigquery.inputs import Input
from runinference_metrics.errors import UserError
from runinference_metrics.reading import hints, places
from runinference_metrics.reading.patterns import Pattern
from runinference_metrics.reading.resolving import NobodysName, resolve


class Found(NamedTuple):
    """A file that a pattern matches.

    Args:
        path: the file.
        size_bytes: its size as stored.
        skipped: why it holds no data, as a short name; "" if it is to be read.
    """

    path: str
    size_bytes: int
    skipped: str = ""


class CannotList(Exception):
    """A place cannot be listed; the cause says why.

    Args:
        given: what the user wrote.
    """

    def __init__(self, given: str) -> None:
        super().__init__(given)
        self.given = given


@dataclass(frozen=True)
class Listed:
    """The input as it is when a run starts.

    Args:
        patterns: with which workers find the same files again.
        files: those to be read, each once, in the order of the patterns.
        skipped: how many are no data, by reason.
        table: what is read instead of files, if it is a table or a query.
    """

    patterns: tuple[Pattern, ...]
    files: tuple[Found, ...]
    skipped: dict[str, int]
    table: Input | None = None

    def __str__(self) -> str:
        """How much is to be read, and what is not."""
        reasons = ", ".join(f"{reason} {count:,}" for reason, count in self.skipped.items())
        skipped = f"; {sum(self.skipped.values()):,} skipped ({reasons})" if reasons else ""
        files = "1 file" if len(self.files) == 1 else f"{len(self.files):,} files"
        return f"{files}, {self.size_bytes:,} bytes{skipped}"

    @property
    def size_bytes(self) -> int:
        """The size of the files to be read, as stored."""
        return sum(file.size_bytes for file in self.files)


def found(pattern: Pattern, patterns: Sequence[Pattern]) -> Iterator[Found]:
    """The files that a pattern matches, as workers find them.

    Args:
        pattern: one of the patterns.
        patterns: all of them: what one of them asks for by name is no longer skipped by another.

    Raises:
        OSError: a file that was named is gone, or a folder cannot be listed.
    """
    for file in _matching(pattern, patterns):
        # A skipped file may be called as nothing that travels between machines can be.
        path = file.path.encode(errors="backslashreplace").decode()
        yield Found(path, file.size_bytes, file.skipped)


def _matching(pattern: Pattern, patterns: Sequence[Pattern]) -> Iterator[Found]:
    if pattern.exact:
        yield Found(*places.file(pattern.root))
        return
    for file in places.below(pattern):
        if not pattern.matches(file.path):
            continue
        skipped = file.fault
        if not skipped and pattern.skips(file.path):
            skipped = _why_all_skip(file.path, patterns)
        yield Found(file.path, file.size_bytes, skipped)


def _why_all_skip(path: str, patterns: Sequence[Pattern]) -> str:
    """Why no pattern that matches a file takes it; "" if one does. All of them say the same."""
    reasons = [one.skips(path) for one in patterns if one.matches(path)]
    return "" if "" in reasons else reasons[0]


def listed(given: Sequence[str], output: str = "") -> Listed:
    """The files that a user's patterns match.

    Args:
        given: what the user wrote.
        output: the output folder; inside a folder that is input its files are none.

    Raises:
        UserError: a pattern is wrong, matches nothing, or all that they match is no data; or a
            file cannot be read.
        CannotList: a place cannot be listed.
    """
    several = len(given) > 1
    resolved = {one: _resolved(one, output, several) for one in given}
    patterns = tuple(pattern for some in resolved.values() for pattern in some)
    files: dict[str, Found] = {}
    for some in resolved.values():
        matched = [file for pattern in some for file in _at_launch(pattern, patterns)]
        if not matched:
            raise _no_match(some, several)
        files.update((file.path, file) for file in matched)
    read = tuple(file for file in files.values() if not file.skipped)
    skipped = Counter(file.skipped for file in files.values() if file.skipped)
    if not read:
        got = hints.only_skipped(given, next(iter(files)), skipped)
        raise UserError("input", "patterns that match data", got)
    for file in read:
        _check(file.path)
    return Listed(patterns, read, dict(skipped.most_common()))


def _resolved(given: str, output: str, several: bool) -> list[Pattern]:
    try:
        return resolve(given, output)
    except UserError:
        raise
    except NobodysName as error:
        raise _no_match([error.pattern], several) from None
    except Exception as error:
        raise CannotList(given) from error


def _at_launch(pattern: Pattern, patterns: Sequence[Pattern]) -> list[Found]:
    try:
        return list(_matching(pattern, patterns))
    except UserError:
        raise
    except (FileNotFoundError, NotADirectoryError):
        # Not even the folder is there.
        return []
    except Exception as error:
        raise CannotList(pattern.given) from error


def _no_match(patterns: Sequence[Pattern], several: bool) -> UserError:
    return UserError("input", "patterns that match files", hints.nothing(patterns, several))


def _check(path: str) -> None:
    try:
        path.encode()
    except UnicodeEncodeError:
        raise UserError("input", "files whose names are UTF-8", repr(path)) from None
    if not places.is_remote(path) and not os.access(path, os.R_OK):
        raise UserError("input", "files that can be read", repr(path))
