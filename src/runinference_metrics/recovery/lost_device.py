"""What becomes of a process whose device is lost."""

import contextlib
import logging
import os
import sys
import threading
from collections.abc import Iterator

from runinference_metrics.recovery.blame import is_of_device
from runinference_metrics.recovery.memory import is_out_of_memory

_LOG = logging.getLogger(__name__)

# Beam's log handler sends what it holds when it is closed, and waits for the service without limit.
_MOST_SECS_FOR_LOGS = 10
# Anything but 0: Beam's boot then starts the process again, three times (its sdks/python/container/
# boot.go), and logs what stood on standard error.
_EXIT_CODE = 1


@contextlib.contextmanager
def ending_with_device(ends: bool) -> Iterator[None]:
    """After an error of CUDA inside of it, or a GPU that hangs, ends the process.

    Such a process can do nothing more with its GPU: whatever the runner gives it fails, up to the
    job itself. Where something starts workers again, it had better be gone.

    Args:
        ends: whether something does; else errors are only passed on.
    """
    try:
        yield
    except BaseException as error:
        if ends and is_of_device(error) and not is_out_of_memory(error):
            _end(error)
        raise


def _end(error: BaseException) -> None:
    line = (str(error).strip().splitlines() or [""])[0]
    said = (
        f"The GPU is lost to this process ({type(error).__name__}: {line}). The process ends, so "
        "that the runner starts another and repeats the bundle."
    )
    _LOG.critical(said)
    print(said, file=sys.stderr, flush=True)
    closing = threading.Thread(target=logging.shutdown, daemon=True)
    closing.start()
    closing.join(_MOST_SECS_FOR_LOGS)
    # Not sys.exit, which in a worker's thread ends nothing.
    os._exit(_EXIT_CODE)
