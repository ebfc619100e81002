"""Advice where starting is a large part of what is paid for."""

from typing import Any

import pytest

from documents_for_tests import make_document
from runinference_metrics.records import names
from runinference_metrics.report.advice import advice


def started(share: float, runner: str = "DataflowRunner", processes: int = 3) -> dict[str, Any]:
    """A run in which so large a share of the processes' time is their start."""
    document = make_document(batches=40, texts=512)
    document["run"]["runner"] = runner
    document["workers"] = document["workers"][:processes]
    active = sum(one["active_secs"] for one in document["workers"])
    secs = active * share / (1 - share)
    document["startup"][names.TO_FIRST_PASS] = {"count": processes, "sum": round(secs * 1000)}
    return document


def said(document: dict[str, Any]) -> str:
    return " ".join(f"{one.why} {one.change}" for one in advice(document))


def test_a_large_share_is_said_with_what_to_do() -> None:
    found = said(started(0.4))
    assert "40.0% of the time of all 3 processes" in found
    assert "it is paid for, and without a result" in found
    assert "--max_num_workers" in found
    assert "a smaller image" in found


@pytest.mark.parametrize(
    ("processes", "says"), [(3, "--direct_num_workers"), (1, "before judging its speed")]
)
def test_it_names_what_the_runner_has(processes: int, says: str) -> None:
    found = said(started(0.4, "DirectRunner", processes))
    assert says in found
    assert "--max_num_workers" not in found


def test_a_small_share_is_not_worth_a_word() -> None:
    assert "went into starting" in said(started(0.26))
    assert "went into starting" not in said(started(0.24))


def test_where_starts_are_not_known_loading_is_what_there_is() -> None:
    document = started(0.4)
    document["startup"] = None
    assert "went into starting" not in said(document)
    document["run"]["wall_secs"] = 1.0
    assert "Loading the model took" in said(document)
    # Of some processes alone nothing can be said of all.
    part = started(0.4)
    part["startup"][names.TO_FIRST_PASS]["count"] = 2
    assert "went into starting" not in said(part)
