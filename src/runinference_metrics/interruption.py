"""Ctrl-C and SIGTERM during a local run: leave at once, and leave nothing half-written."""

import contextlib
import os
import shutil
import signal
import sys
from collections.abc import Iterator
from pathlib import Path
from types import FrameType
from typing import NoReturn

from apache_beam.io.filesystems import FileSystems

from runinference_metrics import writing

# What a shell reports for a program that Ctrl-C ended: 128 + SIGINT.
INTERRUPTED = 130


@contextlib.contextmanager
def handled(output: str, progress_folder: str) -> Iterator[None]:
    """Until the block ends, Ctrl-C and SIGTERM end the program with code 130.

    The runner's threads are in the middle of a batch and cannot be stopped, and an exception
    through the runner would wait for them. So the handler itself ends the worker processes,
    removes the shards that are not whole, and leaves.

    Args:
        output: the output folder.
        progress_folder: a folder that goes away with the run.
    """
    before = set(_unfinished(output))

    def leave(number: int, frame: FrameType | None) -> NoReturn:
        print("\nInterrupted: no half-written shard is left.", file=sys.stderr, flush=True)
        # From here on the runner's threads would complain about their dying workers.
        os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
        try:
            for process in _descendants(os.getpid()):
                with contextlib.suppress(OSError):
                    os.kill(process, signal.SIGKILL)
            for folder in set(_unfinished(output)) - before:
                FileSystems.delete([folder])
            shutil.rmtree(progress_folder, ignore_errors=True)
        finally:
            os._exit(INTERRUPTED)

    previous = {number: signal.signal(number, leave) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)


def _unfinished(output: str) -> list[str]:
    """The folders in which Beam's sink keeps shards until they are whole."""
    # A pattern matches files only; their folders are meant.
    found = writing.matching(output, tuple(f"{one}/*" for one in writing.TEMPORARY_PATTERNS))
    return sorted({os.path.dirname(path) for path in found})


def _descendants(process: int) -> Iterator[int]:
    """The processes below this one, as Linux tells them."""
    for task in Path(f"/proc/{process}/task").glob("*/children"):
        with contextlib.suppress(OSError):
            for child in task.read_text().split():
                yield int(child)
                yield from _descendants(int(child))
