"""How far a run has come; locally, across its processes, by one small file a process."""

import contextlib
import os
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TextIO

# Often enough to look alive, seldom enough to cost nothing.
_WRITE_EVERY_SECS = 0.2
_SHOW_EVERY_SECS = 0.5
_LOG_EVERY_SECS = 10.0
_JOIN_SECS = 2.0


class ProgressCount:
    """Counts the texts that this process has classified, in a file of its own."""

    def __init__(self, folder: str) -> None:
        self._path = Path(folder) / f"{os.getpid()}"
        self._lock = threading.Lock()
        self._done = 0
        self._written_at = 0.0

    def add(self, texts: int) -> None:
        """Adds texts; writes the file now and then."""
        with self._lock:
            self._done += texts
            now = time.monotonic()
            if now - self._written_at >= _WRITE_EVERY_SECS:
                self._written_at = now
                # Progress is a courtesy: a full disk or a removed folder must not stop the work.
                with contextlib.suppress(OSError):
                    self._path.write_text(str(self._done))


def texts_done(folder: str) -> int:
    """The sum over all processes."""
    total = 0
    for path in Path(folder).iterdir():
        with contextlib.suppress(OSError, ValueError):
            # A file that is just being written is empty for a moment.
            total += int(path.read_text())
    return total


@contextlib.contextmanager
def shown(done: Callable[[], int | None], stream: TextIO | None = None) -> Iterator[None]:
    """Shows progress until the block ends: one moving line on a terminal, plain lines elsewhere.

    Args:
        done: how many texts are classified; None when that is not known.
        stream: where; None means standard error.
    """
    stop = threading.Event()
    arguments = (done, stop, stream or sys.stderr)
    thread = threading.Thread(target=_show, args=arguments, daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        # Whoever is asked for the number may have stopped answering.
        thread.join(_JOIN_SECS)


def _show(texts_done: Callable[[], int | None], stop: threading.Event, stream: TextIO) -> None:
    terminal = stream.isatty()
    first: tuple[float, int] | None = None
    while not stop.wait(_SHOW_EVERY_SECS if terminal else _LOG_EVERY_SECS):
        done, now = texts_done(), time.monotonic()
        if not done:
            continue
        # The rate counts from the first batch on: start-up is not throughput.
        first = first or (now, done)
        rate = (done - first[1]) / (now - first[0]) if now > first[0] else 0.0
        line = f"{done:,} texts classified" + (f", {rate:,.0f} texts/s" if rate else "")
        print(f"\r\033[K{line}" if terminal else line, end="" if terminal else "\n",
              file=stream, flush=True)  # fmt: skip
    if terminal:
        print("\r\033[K", end="", file=stream, flush=True)
