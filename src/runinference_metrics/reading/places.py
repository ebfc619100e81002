"""What there is on disks and in buckets, as it is stored: names and sizes, not yet chosen."""

import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

from apache_beam.io.filesystems import FileSystems

from runinference_metrics.reading.patterns import Pattern

# Why what has a name is no file that can be read; short names as those in patterns.py.
NO_FILE = "no file"
BROKEN_LINK = "broken link"
LINK_LOOP = "loop of links"


class Stored(NamedTuple):
    """What has a name.

    Args:
        path: its name.
        size_bytes: its size as stored.
        fault: why it is no file to be read, as a short name; "" if it is one.
    """

    path: str
    size_bytes: int
    fault: str = ""


def is_remote(path: str) -> bool:
    """Whether this is a bucket's, not this machine's."""
    return "://" in path


def is_there(path: str) -> bool:
    """Whether exactly this is a file's name, or on a disk that of anything that is no folder."""
    if not is_remote(path):
        return os.path.exists(path) and not os.path.isdir(path)
    # An object whose name ends so is only the mark of a folder.
    return not path.endswith("/") and bool(FileSystems.exists(path))


def is_folder(path: str) -> bool:
    """Whether something lies below this name."""
    if not is_remote(path):
        return os.path.isdir(path)
    return any(True for _ in objects(f"{path.rstrip('/')}/"))


def file(path: str) -> Stored:
    """What has exactly this name.

    Raises:
        OSError: nothing has it.
    """
    if is_remote(path):
        found = FileSystems.get_filesystem(path).metadata(path)
        return Stored(path, found.size_in_bytes)
    return _stored(path, os.stat(path))


def below(pattern: Pattern) -> Iterator[Stored]:
    """All that may fit a pattern: what begins as it does, no deeper than it reaches.

    Raises:
        OSError: a folder cannot be listed, and is none that the pattern skips.
    """
    return objects(pattern.root) if is_remote(pattern.root) else _on_disk(pattern)


def objects(prefix: str) -> Iterator[Stored]:
    """A bucket's objects whose names begin so, asked for page by page."""
    # Beam's own matching would take a bracket in a name for one of a set, and lists to the end.
    for one in FileSystems.get_filesystem(prefix)._list(prefix):
        yield Stored(one.path, one.size_in_bytes)


@dataclass(frozen=True)
class _Folder:
    """A folder to be listed.

    Args:
        prefix: its path as far as the names in it; "" for the working folder.
        real: its path without links.
        above: those of the folders in which links led here.
        levels: how many folders deeper files are wanted.
    """

    prefix: str
    real: str
    above: tuple[str, ...]
    levels: float

    def loops_to(self, real: str) -> bool:
        """Whether a link from here to `real` leads to a folder that holds this one."""
        return any(f"{one}/".startswith(f"{real.rstrip('/')}/") for one in (*self.above, self.real))


def _on_disk(pattern: Pattern) -> Iterator[Stored]:
    root = pattern.root
    prefix = root[: root.rfind("/") + 1]
    folders = [_Folder(prefix, os.path.realpath(prefix or "."), (), pattern.levels)]
    while folders:
        folder = folders.pop()
        try:
            with os.scandir(folder.prefix or ".") as listed:
                entries = sorted(listed, key=lambda entry: entry.name)
        except OSError as error:
            vanished = isinstance(error, FileNotFoundError) and folder.prefix != prefix
            # Nobody misses what lies in a folder whose files are no data.
            if vanished or pattern.skips(f"{folder.prefix}any"):
                continue
            raise
        inside = []
        for entry in entries:
            path = folder.prefix + entry.name
            if not f"{path}/".startswith(root):
                continue
            if not _is_folder(entry):
                if found := _entry(entry, path):
                    yield found
            elif folder.levels and (deeper := _deeper(folder, entry, path)):
                inside.append(deeper)
            elif folder.levels:
                yield Stored(path, 0, LINK_LOOP)
        folders += reversed(inside)


def _deeper(folder: _Folder, entry: os.DirEntry[str], path: str) -> _Folder | None:
    """A folder inside another; None if it is a link that leads back."""
    if not entry.is_symlink():
        real = os.path.join(folder.real, entry.name)
        return _Folder(f"{path}/", real, folder.above, folder.levels - 1)
    real = os.path.realpath(path)
    if folder.loops_to(real):
        return None
    return _Folder(f"{path}/", real, (*folder.above, folder.real), folder.levels - 1)


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:
        # A link that leads nowhere, or to itself.
        return False


def _entry(entry: os.DirEntry[str], path: str) -> Stored | None:
    try:
        return _stored(path, entry.stat())
    except OSError as error:
        if entry.is_symlink():
            return Stored(path, 0, BROKEN_LINK)
        if isinstance(error, FileNotFoundError):
            # It vanished since its folder was listed.
            return None
        raise


def _stored(path: str, found: os.stat_result) -> Stored:
    # Opening a pipe would wait for somebody to write to it.
    return Stored(path, found.st_size, "" if stat.S_ISREG(found.st_mode) else NO_FILE)
