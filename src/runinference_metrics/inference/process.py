"""This process: how old it is, what it is called, and on which machine it runs."""

import os
import socket
import threading
import time
import uuid
from pathlib import Path

from runinference_metrics.classifier.classifier import Classifier
from runinference_metrics.records.measured import Machine, Worker

_IMPORTED_AT = time.monotonic()
# In /proc/PID/stat, behind the name in parentheses: when the process started, in ticks since boot.
# https://man7.org/linux/man-pages/man5/proc_pid_stat.5.html: field 22, the 20th behind the name.
_START_TIME_FIELD = 19
# Process numbers repeat from container to container and from machine to machine.
_PROCESS = f"{os.getpid()}-{uuid.uuid4().hex[:8]}"


class _Once:
    """Says yes to the first who asks."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._asked = False

    def __call__(self) -> bool:
        with self._lock:
            first, self._asked = not self._asked, True
            return first


# A process starts once, however many models it loads.
is_first_load = _Once()


def process_age_milli_secs() -> int:
    """How long this process has been there; since this module's import where that is not known."""
    try:
        behind_name = Path("/proc/self/stat").read_text().rpartition(")")[2]
        started_secs = int(behind_name.split()[_START_TIME_FIELD]) / os.sysconf("SC_CLK_TCK")
        age_secs = time.clock_gettime(time.CLOCK_BOOTTIME) - started_secs
    except (OSError, ValueError, IndexError, AttributeError):
        age_secs = time.monotonic() - _IMPORTED_AT
    return max(0, round(age_secs * 1000))


def worker_of(model: Classifier) -> Worker:
    """This process as the worker that classifies with `model`."""
    memory_bytes = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    machine = Machine(socket.gethostname(), os.cpu_count() or 1, memory_bytes, model.gpus)
    return Worker(_PROCESS, machine, model.effective)
