"""The end of a local run that does not succeed: leave nothing half-written."""

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

from runinference_metrics.writing.folder import unfinished_in

# What a shell reports for a program that Ctrl-C ended: 128 + SIGINT.
INTERRUPTED = 130


@contextlib.contextmanager
def handled(output: str, progress_folder: str) -> Iterator[None]:
    """Until the block ends, a failure removes the shards that are not whole, and so do Ctrl-C and
    SIGTERM, which end the program with code 130.

    The runner's threads are in the middle of a batch and cannot be stopped, and an exception
    through the runner would wait for them. So the handler itself ends the worker processes,
    removes the shards that are not whole, and leaves.

    Args:
        output: the output folder.
        progress_folder: a folder that goes away with the run.
    """
    before = set(unfinished_in(output))

    def leave(number: int, frame: FrameType | None) -> NoReturn:
        print("\nInterrupted: no half-written shard is left.", file=sys.stderr, flush=True)
        # From here on the runner's threads would complain about their dying workers.
        os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
        try:
            # All are found before the first is ended: its children would no longer be below us.
            for process in list(_descendants(os.getpid())):
                with contextlib.suppress(OSError):
                    os.kill(process, signal.SIGKILL)
            _remove_unfinished(output, before)
            shutil.rmtree(progress_folder, ignore_errors=True)
        finally:
            os._exit(INTERRUPTED)

    previous = {number: signal.signal(number, leave) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    except Exception:
        _remove_unfinished(output, before)
        raise
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)


def _remove_unfinished(output: str, before: set[str]) -> None:
    # Where nothing can be deleted any more, what ended the run is still the error to show.
    with contextlib.suppress(Exception):
        FileSystems.delete(sorted(set(unfinished_in(output)) - before))


def _descendants(process: int) -> Iterator[int]:
    """The processes below this one, as Linux tells them."""
    for task in Path(f"/proc/{process}/task").glob("*/children"):
        with contextlib.suppress(OSError):
            for child in task.read_text().split():
                yield int(child)
                yield from _descendants(int(child))
