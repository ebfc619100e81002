"""Ctrl-C and SIGTERM: nothing half-written is left, no job goes on, and the program ends."""

import contextlib
import os
import shutil
import signal
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from types import FrameType
from typing import NoReturn

from apache_beam.io.filesystems import FileSystems

from runinference_metrics.errors import INTERRUPTED
from runinference_metrics.writing.folder import unfinished_in

_SIGNALS = (signal.SIGINT, signal.SIGTERM)
# Whoever sends SIGTERM sends SIGKILL some time later: Cloud Run after 10 s, Kubernetes after 30.
# A service gets most of that to answer that it cancels the job.
LEAVE_AFTER_SECS = 15.0
# What comes later was meant as a second time: now, without waiting.
_SAME_SIGNAL_SECS = 1.0


class Interruption:
    """Whether somebody asked the program to end, and its end when it does not come by itself."""

    def __init__(self) -> None:
        self._at: float | None = None

    @property
    def came(self) -> bool:
        """Whether somebody asked."""
        return self._at is not None

    def take_signals(self) -> None:
        """From now on Ctrl-C and SIGTERM are noted here."""
        for number in _SIGNALS:
            signal.signal(number, self._note)

    def _note(self, number: int, frame: FrameType | None) -> None:
        now = time.monotonic()
        if self._at is not None:
            # A shell's `timeout`, for one, sends a signal to the program and to its group.
            if now - self._at >= _SAME_SIGNAL_SECS:
                _leave()
            return
        self._at = now
        # print() may be what was interrupted, and cannot be entered twice.
        os.write(2, b"\nInterrupted.\n")
        # Beam's threads, or a service that does not answer, would keep the program alive.
        last_resort = threading.Timer(LEAVE_AFTER_SECS, _leave)
        last_resort.daemon = True
        last_resort.start()


@contextlib.contextmanager
def noted() -> Iterator[Interruption]:
    """Until the block ends, Ctrl-C and SIGTERM are noted; the program ends LEAVE_AFTER_SECS later
    at the latest."""
    interruption = Interruption()
    with _restored():
        interruption.take_signals()
        yield interruption


@contextlib.contextmanager
def leaves_nothing(output: str, scratch: str) -> Iterator[None]:
    """Until the block ends, a failure removes the shards that are not whole, and so do Ctrl-C and
    SIGTERM, which end the program with code 130.

    The local runner's threads are in the middle of a batch and cannot be stopped, and an exception
    through the runner would wait for them. So the handler itself ends the worker processes,
    removes the shards that are not whole, and leaves.

    Args:
        output: the output folder.
        scratch: a folder that goes away with the run.
    """
    before = set(unfinished_in(output))

    def stop(number: int, frame: FrameType | None) -> NoReturn:
        print("\nInterrupted: no half-written shard is left.", file=sys.stderr, flush=True)
        # From here on the runner's threads would complain about their dying workers.
        os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
        try:
            _end_descendants()
            remove_unfinished(output, before)
            shutil.rmtree(scratch, ignore_errors=True)
        finally:
            os._exit(INTERRUPTED)

    with _restored():
        for number in _SIGNALS:
            signal.signal(number, stop)
        try:
            yield
        except Exception:
            remove_unfinished(output, before)
            raise


def remove_unfinished(output: str, before: set[str]) -> None:
    """Deletes what is not whole in the output folder.

    Args:
        output: the output folder.
        before: what was there before, and stays.
    """
    # Where nothing can be deleted any more, what ended the run is still the error to show.
    with contextlib.suppress(Exception):
        FileSystems.delete(sorted(set(unfinished_in(output)) - before))


def _leave() -> NoReturn:
    os.write(2, b"Left without waiting; a job may go on.\n")
    _end_descendants()
    os._exit(INTERRUPTED)


@contextlib.contextmanager
def _restored() -> Iterator[None]:
    """After the block the signals' handlers are what they were."""
    previous = {number: signal.getsignal(number) for number in _SIGNALS}
    try:
        yield
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)


def _end_descendants() -> None:
    # All are found before the first is ended: its children would no longer be below us.
    for process in list(_descendants(os.getpid())):
        with contextlib.suppress(OSError):
            os.kill(process, signal.SIGKILL)


def _descendants(process: int) -> Iterator[int]:
    """The processes below this one, as Linux tells them."""
    for task in Path(f"/proc/{process}/task").glob("*/children"):
        with contextlib.suppress(OSError):
            for child in task.read_text().split():
                yield int(child)
                yield from _descendants(int(child))
