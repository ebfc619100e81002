"""What the Dataflow API says of a job, ready to be shown; and what it does not say."""

import datetime
from typing import Any

from runinference_metrics.errors import brief
from runinference_metrics.report import charts
from runinference_metrics.report.formats import count, duration, number, percent

# A terminal shows the first of them; the page has all that there are.
_MOST_IN_TABLE, _LONGEST_IN_TABLE = 5, 300
_MOST_ROWS = 100
# What a run computes of itself, and counters cannot tell.
_NOT_KNOWN = (
    "percentiles and histograms",
    "throughput over time, and of each process",
    "labels and scores",
    "files by name",
    "what took effect where the model ran (device, precision, token budget)",
    "how busy GPUs were",
)


def rows(document: dict[str, Any]) -> list[tuple[str, str]]:
    """The figures for a terminal's table; none of a run that tells of itself."""
    job = document["job"]
    if not job:
        return []
    shown = []
    if found := job["scaling"]:
        shown.append(("most workers", count(found["most_workers"])))
        mean = f"{number(found['mean_workers'])}  (while there were any)"
        shown.append(("workers, mean over time", mean))
    if right := job["right_labels"]:
        of = f"{percent(right['accuracy'])} of {count(right['labelled'])} texts"
        shown.append(("accuracy (of the counters)", of))
    if failed := job["failures"]:
        shown.append(("messages of failure", _numbers(failed)))
    return shown


def failures(document: dict[str, Any]) -> dict[str, Any] | None:
    """The messages of failure; None where there are none to be had."""
    job = document["job"]
    found = job and job["failures"]
    if not found or not found["messages"]:
        return None
    return {
        "numbers": _numbers(found),
        "rows": [
            {
                "kind": one["kind"],
                "tone": "worse" if one["kind"] == "error" else "",
                "text": one["text"] or "(no text)",
                "times": count(one["times"]),
                "when": _clock(one["first"])
                + (f" to {_clock(one['last'])}" if one["last"] != one["first"] else ""),
                "advice": one["advice"],
            }
            for one in found["messages"]
        ],
        "left_out": count(found["left_out"]) if found["left_out"] else "",
    }


def failure_lines(document: dict[str, Any]) -> list[str]:
    """The messages for a terminal, a line each."""
    found = failures(document)
    if not found:
        return []
    lines = []
    for one in found["rows"][:_MOST_IN_TABLE]:
        times = f" ({one['times']} times)" if one["times"] != "1" else ""
        said = brief(one["text"], _LONGEST_IN_TABLE)
        lines.append(f"{one['kind']}{times}: {said} {one['advice']}".strip())
    if (more := len(found["rows"]) - _MOST_IN_TABLE) > 0:
        lines.append(f"{more} more are in metrics.json and the report (--output).")
    return lines


def scaling(document: dict[str, Any]) -> dict[str, Any] | None:
    """The chart of workers over time and its table; None where it is not known."""
    job = document["job"]
    found = job and job["scaling"]
    if not found:
        return None
    events = found["events"]
    times = [_time(one["time"]) for one in events]
    end = max(_time(found["until"]), times[-1])
    start = document["run"]["start"]
    begin = min(_time(start), times[0]) if start else times[0]

    def at(time: datetime.datetime) -> float:
        return (time - begin).total_seconds()

    spans = [
        (at(one), at(next_one), event)
        for one, next_one, event in zip(times, [*times[1:], end], events, strict=True)
    ]
    workers = [(first, last, float(event["workers"])) for first, last, event in spans]
    # Only what was wanted beyond what there was can be seen behind it.
    wanted = [
        (first, last, float(event["target"]))
        for first, last, event in spans
        if event["target"] > event["workers"]
    ]
    most = max(event["workers"] for event in events)
    return {
        "svg": charts.spans(workers, (0.0, at(end)), wanted),
        "most": count(found["most_workers"]),
        "mean": number(found["mean_workers"]),
        "peak": count(max(most, *(event["target"] for event in events))),
        "first": "0 s",
        "middle": duration(at(end) / 2),
        "last": duration(at(end)),
        "rows": [
            {
                "start": duration(first) if first else "0 s",
                "workers": count(event["workers"]),
                "target": count(event["target"]),
                "why": event["why"],
            }
            for first, _, event in spans[:_MOST_ROWS]
        ],
        "left_out": count(found["left_out"] + max(0, len(spans) - _MOST_ROWS)),
    }


def not_known(document: dict[str, Any]) -> list[str]:
    """What the API does not say, in sentences; none of a run that tells of itself."""
    run, job = document["run"], document["job"]
    if run["source"] != "dataflow_api":
        return []
    right = job and job["right_labels"]
    quality = "quality beyond the accuracy" if right else "quality"
    said = [f"The Dataflow API does not say: {', '.join((*_NOT_KNOWN, quality))}."]
    output = run["parameters"].get("output")
    where = f"in {output}" if output else "in the job's output folder"
    said.append(f"What the run itself says of them stands {where}, once it is done.")
    # Documents of an earlier report do not have what it asks for now.
    if not job:
        return said
    if job["messages_refused"]:
        said.append(f"Workers over time and messages of failure: {job['messages_refused']}")
    elif not job["messages_complete"]:
        said.append("The job said more than is read: newer messages and workers are missing.")
    elif not job["scaling"]:
        said.append("Of workers over time it says nothing for this job.")
    if not run["end"]:
        said.append("The job goes on: its figures grow, and those of cost come some minutes late.")
    return said


def _numbers(found: dict[str, Any]) -> str:
    return ", ".join(
        f"{count(found[name])} {name if found[name] != 1 else name.removesuffix('s')}"
        for name in ("errors", "warnings")
    )


def _time(text: str) -> datetime.datetime:
    return datetime.datetime.fromisoformat(text)


def _clock(text: str) -> str:
    """A time to the second, as services write it; whatever else there is, as it is."""
    try:
        return _time(text).astimezone(datetime.UTC).strftime("%Y-%m-%d %H:%M:%S")
    except ValueError:
        return text
