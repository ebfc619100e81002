"""Where a source's files lie: in a folder, in a bucket, or on the hub."""

import os
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Protocol

from runinference_metrics.bundling import checkpoints
from runinference_metrics.bundling.hub import OnHub
from runinference_metrics.bundling.hub_name import HubName
from runinference_metrics.bundling.parts import TAKES, is_part
from runinference_metrics.errors import UserError
from runinference_metrics.models.remote import RemoteModel, is_remote

Say = Callable[[str], None]


class Place(Protocol):
    """Where the files of one model lie."""

    @property
    def name(self) -> str:
        """What it is called, for messages."""

    @property
    def origin(self) -> dict[str, str]:
        """What the record of the bundled folder says of it."""

    @property
    def names(self) -> frozenset[str]:
        """Its files."""

    def get(self, names: Iterable[str]) -> Path:
        """A folder on this machine with these files."""


def find(source: str, scratch: Path, say: Say) -> Place:
    """The place that a source names.

    Args:
        source: a folder, `gs://bucket/folder`, or a name on the hub.
        scratch: a folder for what is downloaded.
        say: takes a sentence for the user.

    Raises:
        UserError: it is none, or is not there.
    """
    if is_remote(source):
        return InBucket(source, scratch)
    path = Path(source)
    if path.is_dir():
        folder, said = checkpoints.choose(path)
        if said:
            say(said)
        return InFolder(folder)
    if path.exists():
        hint = f"a file: name its folder, {os.path.dirname(source) or '.'}"
        raise UserError("model", TAKES, f"{source!r}, which is {hint}")
    name = HubName.parse(source)
    if name is None:
        got = f"{source!r}, which is no folder here and no name on the hub (owner/name@revision)"
        raise UserError("model", TAKES, got)
    return OnHub.find(name, say)


class InFolder:
    """A folder on this machine.

    Args:
        folder: the folder.
    """

    def __init__(self, folder: Path) -> None:
        self.name = str(folder)
        self.origin = {"source": "folder"}
        self.names = frozenset(
            one.name if one.is_file() else f"{one.name}/" for one in folder.iterdir()
        )
        self._folder = folder

    def get(self, names: Iterable[str]) -> Path:
        """The folder itself."""
        return self._folder


class InBucket:
    """A folder in a bucket.

    Args:
        path: `gs://bucket/folder`.
        scratch: a folder for what is downloaded.

    Raises:
        UserError: nothing of a model is in it.
    """

    def __init__(self, path: str, scratch: Path) -> None:
        self.name = path
        self.origin = {"source": "bucket", "model": path}
        self.names = frozenset(file.name for file in RemoteModel.find(path, is_part).files)
        self._scratch = scratch

    def get(self, names: Iterable[str]) -> Path:
        """Downloads them."""
        wanted = RemoteModel.find(self.name, set(names).__contains__)
        folder = self._scratch / wanted.key
        if not folder.is_dir():
            wanted.download_into(folder)
        return folder
