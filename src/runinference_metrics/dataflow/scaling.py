"""How many workers a job had when, from the events that the Dataflow API has of it."""

import datetime
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from runinference_metrics.dataflow.texts import plain

# As many as the timeline of a run has steps.
MOST_EVENTS = 240
_LONGEST_WHY = 200


@dataclass(frozen=True)
class _Step:
    """From a time on, until the next one.

    Args:
        time: when it began.
        workers: how many there were, of all pools.
        target: how many the service wanted.
        why: its own words.
    """

    time: datetime.datetime
    workers: int
    target: int
    why: str


def scaling(events: Sequence[dict[str, Any]], until: datetime.datetime) -> dict[str, Any] | None:
    """The section on workers over time; None where no event says anything.

    Args:
        events: the API's AutoscalingEvents.
        until: the job's end; of one that is going on, now.
    """
    steps = list(_steps(events))
    if not steps:
        return None
    end = max(until, steps[-1].time)
    kept = _thinned(steps)
    return {
        "most_workers": max(step.workers for step in steps),
        "mean_workers": _mean(steps, end),
        "until": _text(end),
        "events": [
            {"time": _text(step.time), "workers": step.workers, "target": step.target,
             "why": step.why}
            for step in kept
        ],
        "left_out": len(steps) - len(kept),
    }  # fmt: skip


def _steps(events: Sequence[dict[str, Any]]) -> Iterator[_Step]:
    """The events that change a number, and the first one."""
    workers: dict[str, int] = {}
    targets: dict[str, int] = {}
    last = None
    timed = [(_time(event["time"]), event) for event in events if event.get("time")]
    for time, event in sorted(timed, key=lambda one: one[0]):
        pool = event.get("workerPool", "")
        # A number that is 0 is not sent. Only where it is what the event is about, 0 is meant.
        for counts, name, kind in (
            (workers, "currentNumWorkers", "CURRENT_NUM_WORKERS_CHANGED"),
            (targets, "targetNumWorkers", "TARGET_NUM_WORKERS_CHANGED"),
        ):
            number = int(event.get(name, 0))
            if number or event.get("eventType") == kind:
                counts[pool] = number
        numbers = (sum(workers.values()), sum(targets.values()))
        if numbers != last:
            last = numbers
            said = event.get("description", {}).get("messageText", "")
            yield _Step(time, *numbers, plain(said, _LONGEST_WHY))


def _mean(steps: Sequence[_Step], end: datetime.datetime) -> float | None:
    """The mean over the time in which there were any."""
    ends = [*(step.time for step in steps[1:]), end]
    secs = [(to - step.time).total_seconds() for step, to in zip(steps, ends, strict=True)]
    worked = sum(one for step, one in zip(steps, secs, strict=True) if step.workers)
    if not worked:
        return None
    return sum(step.workers * one for step, one in zip(steps, secs, strict=True)) / worked


def _thinned(steps: list[_Step]) -> list[_Step]:
    """Each so-many-th of too many, and in any case the last and the one with the most workers."""
    every = -(-len(steps) // (MOST_EVENTS - 2)) if len(steps) > MOST_EVENTS else 1
    most = max(range(len(steps)), key=lambda at: steps[at].workers)
    return [steps[at] for at in sorted({*range(0, len(steps), every), most, len(steps) - 1})]


def _time(text: str) -> datetime.datetime:
    return datetime.datetime.fromisoformat(text)


def _text(time: datetime.datetime) -> str:
    return time.astimezone(datetime.UTC).isoformat(timespec="milliseconds")
