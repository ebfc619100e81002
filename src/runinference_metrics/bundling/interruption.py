"""Ctrl-C or SIGTERM while a model's folder is made: what is half-made goes, the program ends."""

import atexit
import contextlib
import os
import signal
import sys
import threading
from collections.abc import Iterator
from types import FrameType

from runinference_metrics.errors import INTERRUPTED

_SIGNALS = (signal.SIGINT, signal.SIGTERM)


@contextlib.contextmanager
def ends_at_once(message: str) -> Iterator[None]:
    """Ends the program with a message, should it be interrupted in the block.

    An exception would not do: it waits for the threads that download, which may take a minute.

    Args:
        message: what is said then.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def end(number: int, frame: FrameType | None) -> None:
        # print() may be what was interrupted, and cannot be entered twice.
        os.write(sys.__stderr__.fileno() if sys.__stderr__ else 2, f"\n{message}\n".encode())
        # Temporary folders go.
        atexit._run_exitfuncs()
        os._exit(INTERRUPTED)

    before = {one: signal.signal(one, end) for one in _SIGNALS}
    try:
        yield
    finally:
        for one, handler in before.items():
            signal.signal(one, handler)
