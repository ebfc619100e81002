"""How much of the processor other programs took meanwhile, where the kernel tells it."""

import os
from dataclasses import dataclass
from pathlib import Path

# https://man7.org/linux/man-pages/man5/proc_stat.5.html: the first line, in ticks of all cores:
# user, nice, system, idle, iowait, irq, softirq, steal; what guests take is in user already.
_STAT = Path("/proc/stat")
_IDLE = (3, 4)
_COLUMNS = 8


@dataclass(frozen=True)
class Moment:
    """The processor's time so far.

    Args:
        busy_secs: of all cores, whatever they did; what the host took from a virtual machine too.
        total_secs: that there was.
        own_secs: of this process and of those that it started.
    """

    busy_secs: float
    total_secs: float
    own_secs: float

    @classmethod
    def now(cls) -> "Moment | None":
        """The time up to now; None where the kernel does not tell."""
        try:
            ticks = [int(one) for one in _STAT.read_text().split(maxsplit=_COLUMNS + 1)[1:9]]
            a_second = os.sysconf("SC_CLK_TCK")
        except (OSError, ValueError):
            return None
        times = os.times()
        own = times.user + times.system + times.children_user + times.children_system
        idle = sum(ticks[at] for at in _IDLE)
        return cls((sum(ticks) - idle) / a_second, sum(ticks) / a_second, own)


def share_since(before: Moment | None) -> float | None:
    """The share of the processor that others took since a moment; None if it is not known."""
    now = Moment.now()
    if before is None or now is None or now.total_secs <= before.total_secs:
        return None
    own = now.own_secs - before.own_secs
    others = now.busy_secs - before.busy_secs - own
    return min(1.0, max(0.0, others / (now.total_secs - before.total_secs)))
