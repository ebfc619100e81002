"""What a process needed until its model had answered for the first time."""

import os
import threading
import time
from dataclasses import dataclass
from pathlib import Path

from runinference_metrics.records import names

_IMPORTED_AT = time.monotonic()
# In /proc/PID/stat, behind the name in parentheses: when the process started, in ticks since boot.
# https://man7.org/linux/man-pages/man5/proc_pid_stat.5.html: field 22, the 20th behind the name.
_START_TIME_FIELD = 19


@dataclass(frozen=True, slots=True)
class Startup:
    """The start of a process, in its parts.

    Args:
        before_load_milli_secs: from the process's start to the loading of its model: the imports,
            and waiting for work.
        load_milli_secs: loading the model.
        first_pass_milli_secs: the first forward pass.
    """

    before_load_milli_secs: int
    load_milli_secs: int
    first_pass_milli_secs: int

    def by_name(self) -> dict[str, int]:
        """The parts under the names of their metrics, and the whole."""
        parts = (self.before_load_milli_secs, self.load_milli_secs, self.first_pass_milli_secs)
        return {
            names.BEFORE_LOAD: self.before_load_milli_secs,
            names.FIRST_PASS: self.first_pass_milli_secs,
            names.TO_FIRST_PASS: sum(parts),
        }


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
