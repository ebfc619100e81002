"""What to change where processes start for a large part of the time that is paid for."""

from collections.abc import Callable, Iterator
from typing import Any

from runinference_metrics.records import names
from runinference_metrics.report.formats import count, duration, percent
from runinference_metrics.report.piece_of_advice import Advice

# Half as many processes start half as often: of a run in which this share is starting, an eighth is
# saved. For less nobody waits longer.
_LARGE_SHARE = 0.25
# Where only loading is known: the share of the run's time that is loading's.
_LARGE_LOAD = 0.3


def _starting(document: dict[str, Any]) -> Iterator[Advice]:
    startup = document["startup"] or {}
    rows = [one for one in document["workers"] if one["process"] != "others"]
    starts = startup.get(names.TO_FIRST_PASS) or {}
    # A process that has classified nothing has no row, and those beyond the table have no starts
    # of their own.
    if not starts.get("count") or len(rows) != starts["count"]:
        yield from _loading(document)
        return
    secs = starts["sum"] / 1e3
    share = secs / (secs + sum(one["active_secs"] for one in rows))
    if share > _LARGE_SHARE:
        yield Advice(_change(document["run"]["runner"], len(rows)), _why(share, secs, len(rows)))


def _change(runner: str, processes: int) -> str:
    if "Dataflow" in runner:
        return (
            "Classify more texts in one job, or take fewer workers (--max_num_workers). Machines "
            "that start and pull the image come on top: a smaller image shortens that "
            "(docs/launching.md)."
        )
    if processes > 1:
        return "Classify more texts in one run, or take fewer processes (--direct_num_workers)."
    return "Classify more texts in one run, before judging its speed."


def _why(share: float, secs: float, processes: int) -> str:
    whose = "the process" if processes == 1 else f"all {count(processes)} processes"
    return (
        f"{percent(share)} of the time of {whose} ({duration(secs)}) went into starting, until the "
        "model had answered for the first time: it is paid for, and without a result."
    )


def _loading(document: dict[str, Any]) -> Iterator[Advice]:
    wall_secs = document["run"]["wall_secs"]
    load = document["runinference"][names.LOAD_LATENCY]
    if not wall_secs or not load["count"]:
        return
    mean_secs = load["mean"] / 1e3
    if mean_secs >= _LARGE_LOAD * wall_secs:
        yield Advice(
            "Use fewer processes, or classify more texts in one run, before judging the speed.",
            f"Loading the model took {duration(mean_secs)} of the run's {duration(wall_secs)}.",
        )


RULES: tuple[Callable[[dict[str, Any]], Iterator[Advice]], ...] = (_starting,)
