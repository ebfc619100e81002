"""What failed in a job, from its messages in the Dataflow API."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from runinference_metrics.dataflow.reasons import advice_on
from runinference_metrics.dataflow.texts import plain

# As many as a person reads; a job that fails repeats a few.
MOST_MESSAGES = 20
# Both ends of a traceback: where it began, and the error.
_LONGEST = 600
# Machines have names of their own, by which messages that say the same would differ.
_MACHINE = re.compile(r"[\w-]+-harness-\w+")
_KINDS = {"JOB_MESSAGE_ERROR": "error", "JOB_MESSAGE_WARNING": "warning"}


@dataclass
class _Said:
    """A message and how often it came.

    Args:
        text: as it came last.
        first: when it came first.
        last: when it came last.
        advice: what to do about it, if that is known.
        times: how often.
    """

    text: str
    first: str
    last: str
    advice: str
    times: int = 1


def failures(
    messages: Sequence[dict[str, Any]], events: Sequence[dict[str, Any]]
) -> dict[str, Any]:
    """The section on what failed: errors before warnings, the newest of each first.

    Args:
        messages: the API's JobMessages.
        events: its AutoscalingEvents, of which some say why workers could not be had.
    """
    found: dict[tuple[str, str], _Said] = {}
    numbers = {"error": 0, "warning": 0}
    for kind, time, text in sorted((*_failed(messages), *_unmet(events)), key=lambda one: one[1]):
        numbers[kind] += 1
        shown = plain(text, _LONGEST)
        key = kind, _MACHINE.sub("", shown)
        if said := found.get(key):
            said.text, said.last, said.times = shown, time, said.times + 1
        else:
            found[key] = _Said(shown, time, time, advice_on(text))
    newest = sorted(found.items(), key=lambda one: one[1].last, reverse=True)
    newest.sort(key=lambda one: one[0][0])
    return {
        "errors": numbers["error"],
        "warnings": numbers["warning"],
        "messages": [
            {"kind": kind, "text": said.text, "times": said.times, "first": said.first,
             "last": said.last, "advice": said.advice}
            for (kind, _), said in newest[:MOST_MESSAGES]
        ],
        "left_out": max(0, len(newest) - MOST_MESSAGES),
    }  # fmt: skip


def _failed(messages: Sequence[dict[str, Any]]) -> Iterator[tuple[str, str, str]]:
    for one in messages:
        # What else comes was not asked for.
        if kind := _KINDS.get(one.get("messageImportance", "")):
            yield kind, one.get("time", ""), one.get("messageText", "")


def _unmet(events: Sequence[dict[str, Any]]) -> Iterator[tuple[str, str, str]]:
    for one in events:
        if one.get("eventType") == "ACTUATION_FAILURE":
            said = one.get("description", {}).get("messageText", "")
            yield "warning", one.get("time", ""), said or "The number of workers was not changed."
