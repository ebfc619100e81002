"""How many cores this process may use, in a container too."""

import math
import os
from pathlib import Path

# Where the kernel says how much time a container has, and of which period, in µs.
# https://docs.kernel.org/admin-guide/cgroup-v2.html, cpu.max; before it two files.
_CGROUP = Path("/sys/fs/cgroup")
_NO_LIMIT = ("max", "-1")


def usable_cores(cgroup: Path = _CGROUP) -> int:
    """The cores that the scheduler gives this process, or as many as its time fills, if fewer.

    `docker run --cpus=2` and a limit of Kubernetes leave all cores to be seen. A thread on each of
    them would use up the time at once, and all would stand still for the rest of each period.

    Args:
        cgroup: the folder of the kernel's limits.
    """
    seen = len(os.sched_getaffinity(0))
    limit = _limit(cgroup)
    return seen if limit is None else max(1, min(seen, math.ceil(limit)))


def _limit(cgroup: Path) -> float | None:
    """The cores that the time is worth; None where there is no limit, or none to be read."""
    for names in (("cpu.max",), ("cpu/cpu.cfs_quota_us", "cpu/cpu.cfs_period_us")):
        try:
            quota, period = " ".join((cgroup / name).read_text() for name in names).split()
            return None if quota in _NO_LIMIT else int(quota) / int(period)
        except (OSError, ValueError, ZeroDivisionError):
            continue
    return None
