"""How many tokens a forward pass takes, from a table and from a search."""

from pathlib import Path

import pytest

from conftest import make_model
from runinference_metrics.classifier import classifier as classifier_module
from runinference_metrics.classifier.classifier import ClassifierSpec
from runinference_metrics.classifier.token_budgets import (
    SEARCH_SECS,
    Source,
    from_table,
    searched,
)


class Machine:
    """A clock that goes on as budgets are run: so many seconds a call, and a token."""

    def __init__(self, call_secs: float, token_secs: dict[int, float]) -> None:
        self.call_secs, self.token_secs = call_secs, token_secs
        self.now, self.ran = 0.0, list[int]()

    def run(self, tokens: int) -> None:
        self.ran.append(tokens)
        self.now += self.call_secs + tokens * self.token_secs[tokens]

    def clock_secs(self) -> float:
        return self.now


@pytest.mark.parametrize(
    ("call_secs", "token_secs", "expected"),
    [
        # As a thousand tokens go through a cache that two thousand do not fit.
        (0.0, {512: 1e-5, 1024: 1e-5, 2048: 2e-5}, 1024),
        # What comes with each call counts.
        (0.01, {512: 1e-5, 1024: 1e-5, 2048: 1e-5}, 2048),
        (0.0, {512: 0.8e-5, 1024: 1e-5, 2048: 1e-5}, 512),
        # Less than a round differs from the next.
        (0.0, {512: 0.98e-5, 1024: 1e-5, 2048: 0.97e-5}, 1024),
    ],
)
def test_the_fastest_is_found(
    call_secs: float, token_secs: dict[int, float], expected: int
) -> None:
    machine = Machine(call_secs, token_secs)
    assert searched(1024, machine.run, machine.clock_secs) == expected


def test_a_search_ends_in_time_and_in_doubt_changes_nothing() -> None:
    machine = Machine(0.0, dict.fromkeys((512, 1024, 2048), 1e-3))
    assert searched(1024, machine.run, machine.clock_secs) == 1024
    assert machine.ran == [1024]
    assert machine.now > SEARCH_SECS


def test_a_slow_moment_decides_nothing() -> None:
    machine = Machine(0.0, dict.fromkeys((512, 1024, 2048), 1e-5))

    def run(tokens: int) -> None:
        machine.run(tokens)
        # A stranger takes the core during the first round of the usual one.
        machine.now += 0.05 if len(machine.ran) == 1 else 0.0

    assert searched(1024, run, machine.clock_secs) == 1024
    assert len(machine.ran) > 3


def test_amx_takes_larger_ones() -> None:
    assert from_table("CPU", "bfloat16", ["avx2", "amx_bf16"]) > from_table("CPU", "bfloat16", [])
    assert from_table("CPU", "float32", ["amx_bf16"]) == from_table("CPU", "float32", [])


def test_texts_that_are_padded_take_smaller_ones(tmp_path: Path) -> None:
    for sets in ([], ["amx_bf16"]):
        assert from_table("CPU", "bfloat16", sets, packed=False) == 1024
    assert from_table("CPU", "int8", [], packed=False) == from_table("CPU", "int8", [])
    model = str(make_model(tmp_path / "m", "electra"))
    effective = ClassifierSpec(model, precision="bfloat16").load().effective
    assert (effective.grouping, effective.max_batch_tokens) == ("padded_right", 1024)


def test_what_is_found_takes_effect_and_is_recorded(
    distilbert: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []

    def found(usual: int, run: object) -> int:
        assert callable(run)
        run(usual)
        asked.append(usual)
        return 300

    monkeypatch.setattr(classifier_module, "searched", found)
    spec = {"model": str(distilbert), "precision": "float32"}
    classifier = ClassifierSpec(**spec, searches=True, threads=2).load()  # type: ignore[arg-type]
    assert asked == [from_table("CPU", "float32", [])]
    effective = classifier.effective
    assert (effective.max_batch_tokens, effective.max_batch_tokens_from) == (300, Source.SEARCH)
    assert classifier.classify(["good"] * 200).stats.micro_batches == 2
    for more, expected in (
        ({}, Source.TABLE),
        ({"searches": True, "max_batch_tokens": 99}, Source.PARAMETER),
    ):
        effective = ClassifierSpec(**spec, **more).load().effective  # type: ignore[arg-type]
        assert effective.max_batch_tokens_from == expected
    assert len(asked) == 1
