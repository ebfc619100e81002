"""The lines of a history: what is written is read again, and what is none is counted."""

import dataclasses
import json
import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runinference_metrics.records import history
from runinference_metrics.records.history import History, PastRun

RUN = PastRun(
    start="2026-01-02T03:04:05.678+00:00", end="2026-01-02T03:05:05.678+00:00", wall_secs=60.0,
    job=None, labels={"team": "nlp"}, runner="DirectRunner", version="0.1.0", output="out",
    fingerprint="48-00000018fd0f2f88", model="models/demo", model_digests=("sha256:0",),
    device_names=("Some CPU",), precisions=("float32",),
    thresholds=({"threshold": "accuracy>=0.9", "passed": False, "warns": False},), ok=False,
    failure="1 of 1 threshold failed", currency="USD", figures={"accuracy": 0.8, "read": 3},
)  # fmt: skip
NAMES = st.text(st.characters(exclude_categories=("Cs",)), max_size=20)
RUNS = st.builds(
    dataclasses.replace,
    st.just(RUN),
    start=st.datetimes(timezones=st.timezones()).map(lambda time: time.isoformat()),
    job=st.none() | NAMES,
    labels=st.dictionaries(NAMES, NAMES, max_size=3),
    output=NAMES,
    fingerprint=NAMES,
    ok=st.booleans(),
    failure=st.none() | NAMES,
    figures=st.dictionaries(NAMES, st.floats(allow_nan=False, allow_infinity=False), max_size=3),
)


def test_every_field_has_a_form() -> None:
    assert list(history._FORMS) == [one.name for one in dataclasses.fields(PastRun)]


@given(RUNS)
def test_a_line_is_read_as_it_was_written(run: PastRun) -> None:
    line = run.as_line()
    assert line.isascii()
    assert line.count(b"\n") == 1
    assert line.endswith(b"\n")
    assert PastRun.parse(line) == run


@given(st.lists(RUNS | st.binary(max_size=30), max_size=8))
def test_all_runs_are_there_and_all_else_is_counted(parts: list[PastRun | bytes]) -> None:
    lines = [one if isinstance(one, bytes) else one.as_line() for one in parts]
    found = History.of_lines(lines)
    runs = {one.key: one for one in parts if isinstance(one, PastRun)}
    assert {one.key: one for one in found.runs} == runs
    others = [at for at, one in enumerate(parts, 1) if isinstance(one, bytes) and one.strip()]
    assert found.damaged == len(others)
    assert found.first_damaged == (others[0] if others else 0)


@given(RUNS, st.data())
def test_a_line_that_was_cut_is_none(run: PastRun, data: st.DataObject) -> None:
    line = run.as_line().rstrip()
    assert PastRun.parse(line[: data.draw(st.integers(0, len(line) - 1))]) is None


@pytest.mark.parametrize(
    "change",
    [
        {"line_version": 2}, {"line_version": None}, {"start": "yesterday"}, {"start": 5},
        {"start": "2026-01-02T03:04:05"}, {"figures": []}, {"figures": {"a": "1"}},
        {"figures": {"a": True}}, {"figures": {"a": None}}, {"ok": 1}, {"labels": {"a": 1}},
        {"labels": None}, {"thresholds": [{}]}, {"precisions": "float32"}, {"wall_secs": "60"},
        {"failure": ["a"]},
    ],
)  # fmt: skip
def test_what_has_another_form_is_no_run(change: dict[str, Any]) -> None:
    line = json.loads(RUN.as_line()) | change
    assert PastRun.parse(json.dumps(line).encode()) is None


@pytest.mark.parametrize("name", [one.name for one in dataclasses.fields(PastRun)])
def test_what_lacks_a_field_is_no_run(name: str) -> None:
    line = json.loads(RUN.as_line())
    del line[name]
    assert PastRun.parse(json.dumps(line).encode()) is None


def test_what_a_later_version_adds_is_left_out() -> None:
    line = json.loads(RUN.as_line()) | {"mood": "fine"}
    assert PastRun.parse(json.dumps(line).encode()) == RUN


@pytest.mark.parametrize("number", ["NaN", "Infinity", "1e999"])
def test_a_number_that_json_has_not_is_none(number: str) -> None:
    assert PastRun.parse(RUN.as_line().replace(b"0.8", number.encode())) is None


def test_no_number_is_written_that_json_has_not() -> None:
    with pytest.raises(ValueError, match="not JSON compliant"):
        dataclasses.replace(RUN, figures={"accuracy": math.nan}).as_line()


def test_runs_stand_in_the_order_of_their_begin_and_the_last_line_counts() -> None:
    early = dataclasses.replace(RUN, start="2026-01-02T04:00:00+02:00")
    late = dataclasses.replace(RUN, start="2026-01-02T03:00:00+00:00")
    again = dataclasses.replace(late, ok=True, failure=None)
    lines = [late.as_line(), early.as_line(), b"\n", again.as_line()]
    assert History.of_lines(lines).runs == (early, again)
