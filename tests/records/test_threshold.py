"""Thresholds as they are written, and what they ask for."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runinference_metrics.records.threshold import Threshold


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("accuracy>=0.9", Threshold("accuracy", ">=", 0.9)),
        ("  accuracy  >  90 % ", Threshold("accuracy", ">", 0.9)),
        ("warn cost_per_million<1e-1", Threshold("cost_per_million", "<", 0.1, warns=True)),
        ("p95(x) <= .5", Threshold("p95(x)", "<=", 0.5)),
        ("share (a<b)>1", Threshold("share(a<b)", ">", 1)),
        ("f1(5 stars)>+0.5", Threshold("f1(5 stars)", ">", 0.5)),
    ],
)
def test_a_threshold_is_read(text: str, expected: Threshold) -> None:
    assert Threshold.parse(text) == expected
    assert Threshold.parse(str(expected)) == Threshold(
        expected.figure, expected.operator, expected.number
    )


@pytest.mark.parametrize(
    "text",
    ["", "accuracy", "accuracy=0.9", "accuracy==1", ">=0.9", "a>", "a>b", "a>0.9x", "a>nan",
     "a>inf", "a>1,000", "warn", "a<>1"],
)  # fmt: skip
def test_anything_else_is_none(text: str) -> None:
    with pytest.raises(ValueError, match=r"^$"):
        Threshold.parse(text)


@given(st.floats(allow_nan=False), st.floats(-1e9, 1e9))
def test_a_threshold_holds_on_its_side(value: float, number: float) -> None:
    assert Threshold("x", "<", number).holds(value) == (value < number)
    assert Threshold("x", ">=", number).holds(value) == (value >= number)
    assert Threshold("x", "<=", number).holds(value) == (value <= number)
    assert Threshold("x", ">", number).holds(value) == (value > number)


def test_what_is_not_known_does_not_hold() -> None:
    assert not any(Threshold("x", one, 0.0).holds(None) for one in ("<", "<=", ">", ">="))
