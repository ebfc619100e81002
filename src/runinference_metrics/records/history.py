"""Runs that are over, as the lines of a history: a file to which each run adds one."""

import datetime
import json
import math
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from typing import Any

import orjson

# Rises when a reader of a line would have to change.
LINE_VERSION = 1
VERSION_NAME = "line_version"


@dataclass(frozen=True)
class PastRun:
    """A run that is over. Nothing of the texts that it classified is in it.

    Args:
        start: when it began, as ISO 8601 in UTC.
        end: when its predictions had been written.
        wall_secs: how long that took.
        job: its name, where the runner has names.
        labels: the job's labels.
        runner: the runner's name.
        version: this program's.
        output: the output folder.
        fingerprint: of the texts.
        model: where the model is from.
        model_digests: of its weights, several where the workers differ; none where nothing was
            classified, as for the next two.
        device_names: what it ran on.
        precisions: in which it computed.
        thresholds: what it had to keep, and whether it did.
        ok: whether it was good: it lost no more than it may, and kept its thresholds.
        failure: why it was not.
        currency: of what it cost, if that is known.
        figures: its figures that are known, by the names that a threshold has for them.
    """

    start: str
    end: str
    wall_secs: float
    job: str | None
    labels: dict[str, str]
    runner: str
    version: str | None
    output: str
    fingerprint: str
    model: str
    model_digests: tuple[str, ...]
    device_names: tuple[str, ...]
    precisions: tuple[str, ...]
    thresholds: tuple[dict[str, Any], ...]
    ok: bool
    failure: str | None
    currency: str | None
    figures: dict[str, float]

    @property
    def key(self) -> tuple[str, str, str]:
        """What tells this run from all others, however often its line is written."""
        return (self.start, self.fingerprint, self.output)

    def as_line(self) -> bytes:
        """The line, with the byte that ends it; all of it is ASCII, whatever names there are."""
        return json.dumps({VERSION_NAME: LINE_VERSION, **asdict(self)}, allow_nan=False).encode(
            "ascii"
        ) + b"\n"  # fmt: skip

    @classmethod
    def parse(cls, line: bytes) -> "PastRun | None":
        """Reads a line; None when it is none of a run, or cannot be read."""
        try:
            found = orjson.loads(line)
        except orjson.JSONDecodeError:
            return None
        if not isinstance(found, dict) or found.get(VERSION_NAME) != LINE_VERSION:
            return None
        if not all(name in found and is_it(found[name]) for name, is_it in _FORMS.items()):
            return None
        values: dict[str, Any] = {
            name: tuple(found[name]) if isinstance(found[name], list) else found[name]
            for name in _FORMS
        }
        return cls(**values)


@dataclass(frozen=True)
class History:
    """The runs of a history, the oldest first.

    Args:
        runs: those that could be read.
        damaged: how many lines could not.
        first_damaged: the number of the first of these, from 1; 0 if there is none.
    """

    runs: tuple[PastRun, ...]
    damaged: int = 0
    first_damaged: int = 0

    @classmethod
    def of_lines(cls, lines: Iterable[bytes]) -> "History":
        """Reads lines; blank ones are none. A run is there once, as its last line has it."""
        runs: dict[tuple[str, str, str], PastRun] = {}
        damaged = []
        for number, line in enumerate(lines, 1):
            if not line.strip():
                continue
            if run := PastRun.parse(line):
                runs[run.key] = run
            else:
                damaged.append(number)
        ordered = sorted(runs.values(), key=lambda run: _time(run.start))
        return cls(tuple(ordered), len(damaged), damaged[0] if damaged else 0)


def _time(text: str) -> datetime.datetime:
    return datetime.datetime.fromisoformat(text)


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


def _is_time(value: Any) -> bool:
    try:
        return _time(value).tzinfo is not None
    except (TypeError, ValueError):
        return False


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _is_flag(value: Any) -> bool:
    return isinstance(value, bool)


def _or_none(is_it: Callable[[Any], bool]) -> Callable[[Any], bool]:
    return lambda value: value is None or is_it(value)


def _list_of(is_it: Callable[[Any], bool]) -> Callable[[Any], bool]:
    return lambda value: isinstance(value, list) and all(map(is_it, value))


def _names_of(is_it: Callable[[Any], bool]) -> Callable[[Any], bool]:
    return lambda value: isinstance(value, dict) and all(map(is_it, value.values()))


def _is_verdict(value: Any) -> bool:
    return (
        isinstance(value, dict)
        and _is_text(value.get("threshold"))
        and _is_flag(value.get("passed"))
        and _is_flag(value.get("warns"))
    )


# What each field must be: a file that anybody may write to is not trusted.
_FORMS: dict[str, Callable[[Any], bool]] = {
    "start": _is_time,
    "end": _is_time,
    "wall_secs": _is_number,
    "job": _or_none(_is_text),
    "labels": _names_of(_is_text),
    "runner": _is_text,
    "version": _or_none(_is_text),
    "output": _is_text,
    "fingerprint": _is_text,
    "model": _is_text,
    "model_digests": _list_of(_is_text),
    "device_names": _list_of(_is_text),
    "precisions": _list_of(_is_text),
    "thresholds": _list_of(_is_verdict),
    "ok": _is_flag,
    "failure": _or_none(_is_text),
    "currency": _or_none(_is_text),
    "figures": _names_of(_is_number),
}
