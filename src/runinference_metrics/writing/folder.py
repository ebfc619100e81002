"""The output folder: what a run leaves in it, and files that appear whole or not at all."""

import contextlib
import os
import uuid
from pathlib import Path

from apache_beam.io.filesystems import FileSystems

from runinference_metrics.errors import UserError

PREDICTIONS = "predictions"
DEAD_LETTERS = "dead_letters"
METRICS_FILE = "metrics.json"
REPORT_FILE = "report.html"
# What a run leaves in its folder: predictions in any format.
RESULT_PATTERNS = (
    f"{PREDICTIONS}-*-of-*.*",
    f"{DEAD_LETTERS}-*-of-*.*",
    METRICS_FILE,
    REPORT_FILE,
)
# Where Beam's sink keeps shards until they are whole; removed after an interrupted run.
TEMPORARY_PATTERNS = (
    f"beam-temp-{PREDICTIONS}-*",
    f"beam-temp-{DEAD_LETTERS}-*",
    f".{METRICS_FILE}.*.part",
    f".{REPORT_FILE}.*.part",
)


def in_folder(folder: str, name: str) -> str:
    """The path of a file or pattern in the output folder."""
    return FileSystems.join(folder, name)


def make_folder(output: str) -> None:
    """Makes a local output folder; raises UserError when it cannot be made or written to."""
    if "://" in output:
        return
    try:
        os.makedirs(output, exist_ok=True)
    except OSError as error:
        takes = "a folder that can be made"
        raise UserError("output", takes, f"{output!r}: {error.strerror}") from error
    if not os.access(output, os.W_OK):
        raise UserError("output", "a folder that can be written to", repr(output))


def matching(folder: str, patterns: tuple[str, ...]) -> list[str]:
    """The files in `folder` that match any of the patterns."""
    found = FileSystems.match([in_folder(folder, pattern) for pattern in patterns])
    return [one.path for result in found for one in result.metadata_list]


def unfinished_in(folder: str) -> list[str]:
    """What a run that is going on, or that was killed, keeps in `folder` until it is whole.

    Returns:
        Files and folders; folders in a bucket end in /, without which they would not be deleted.
    """
    if "://" not in folder:
        return [str(path) for one in TEMPORARY_PATTERNS for path in Path(folder).glob(one)]
    # A bucket has no folders, only files with long names.
    found = matching(folder, TEMPORARY_PATTERNS)
    inside = matching(folder, tuple(f"{one}/*" for one in TEMPORARY_PATTERNS))
    return sorted({*found, *(f"{os.path.dirname(path)}/" for path in inside)})


def write_whole(path: str, content: bytes, mime_type: str) -> None:
    """Writes a file beside its place, then renames it: it is whole when it is there."""
    folder, name = FileSystems.split(path)
    temporary = FileSystems.join(folder, f".{name}.{uuid.uuid4().hex[:8]}.part")
    try:
        with FileSystems.create(temporary, mime_type=mime_type) as stream:
            stream.write(content)
        FileSystems.rename([temporary], [path])
    except BaseException:
        # What is wrong with writing may be wrong with deleting too; the first error matters.
        with contextlib.suppress(Exception):
            FileSystems.delete([temporary])
        raise
