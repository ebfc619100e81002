"""Whether labels and scores changed, against scipy."""

import json
import math
import random
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from documents_for_tests import make_document
from runinference_metrics.report.drift import chi_squared_tail, drift, drifts
from scikit_learn_for_tests import REFERENCE

PROGRAM = """
import json, sys
from scipy import stats
tails, tables = json.load(sys.stdin)
print(json.dumps([
    [float(stats.chi2.sf(x, n)) for x, n in tails],
    [[float(one) for one in stats.chi2_contingency(table, correction=False)[:3]]
     for table in tables],
]))
"""


@pytest.mark.starts
def test_figures_are_those_of_scipy() -> None:
    if not (REFERENCE / "scipy").is_dir():
        pytest.skip("scipy is not in build/reference: `make test` puts it there")
    rng = random.Random(3)
    tails = [(rng.uniform(0, 4 * n), n) for n in (1, 2, 3, 9, 40, 399) for _ in range(8)]
    tails += [(1e-9, 1), (700.0, 1), (3000.0, 2000), (0.0, 5)]
    tables = [
        [[rng.randint(1, 500) for _ in range(kinds)] for _ in range(2)] for kinds in (2, 3, 20)
    ]
    ran = subprocess.run(
        [sys.executable, "-c", f"import sys; sys.path.insert(0, {str(REFERENCE)!r})\n{PROGRAM}"],
        input=json.dumps([tails, tables]), capture_output=True, text=True, check=True,
    )  # fmt: skip
    expected_tails, expected_tables = json.loads(ran.stdout)
    for (statistic, degrees), expected in zip(tails, expected_tails, strict=True):
        assert chi_squared_tail(statistic, degrees) == pytest.approx(expected, rel=1e-9, abs=1e-300)
    for table, (statistic, p_value, degrees) in zip(tables, expected_tables, strict=True):
        found = drift("", *table)
        assert found.statistic == pytest.approx(statistic)
        assert found.p_value == pytest.approx(p_value, rel=1e-6)
        assert found.degrees == degrees


@given(st.lists(st.tuples(st.integers(0, 1000), st.integers(0, 1000)), min_size=1, max_size=30))
def test_any_counts_have_a_drift(counts: list[tuple[int, int]]) -> None:
    first, other = (list(column) for column in zip(*counts, strict=True))
    if not (sum(first) and sum(other)):
        return
    found = drift("x", first, other)
    assert 0 <= found.p_value <= 1
    assert found.index >= 0
    assert math.isfinite(found.index)
    assert drift("x", other, first).index == pytest.approx(found.index)
    assert drift("x", first, first).p_value == 1.0
    assert drift("x", first, first).index == 0


def test_documents_are_compared_as_far_as_they_know() -> None:
    one, two = make_document(batches=40), make_document(batches=40, seed=2)
    assert [drift.of for drift in drifts(one, two)] == ["The shares of the labels", "The scores"]
    old = json.loads(json.dumps(two))
    for label in old["labels"]:
        del label["scores"]
    assert [drift.of for drift in drifts(one, old)] == ["The shares of the labels"]
    assert drifts(one, two | {"labels": []}) == []


def test_a_sentence_says_how_much() -> None:
    assert "differ no more than by chance" in str(drift("x", [50, 50], [52, 48]))
    assert "hardly changed" in str(drift("x", [5000, 5000], [5500, 4500]))
    assert "x changed: population" in str(drift("x", [5000, 5000], [7000, 3000]))
    assert "changed much" in str(drift("x", [5000, 5000], [9000, 1000]))
