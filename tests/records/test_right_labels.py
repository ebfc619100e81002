"""Which of a model's labels a row's own is."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runinference_metrics.records.right_labels import UNLABELLED, RightLabels, as_text

TWO = ("NEGATIVE", "POSITIVE")
STARS = ("1 star", "2 stars", "3 stars", "4 stars", "5 stars")


@pytest.mark.parametrize(
    ("names", "value", "place"),
    [
        (TWO, "POSITIVE", 1),
        (TWO, "positive", 1),
        (TWO, "1", 1),
        (TWO, "0.0", 0),
        (TWO, "01", 1),
        (TWO, "2", None),
        (TWO, "-1", None),
        (TWO, "1.5", None),
        (TWO, "neutral", None),
        (TWO, "true", 1),
        (TWO, "False", 0),
        (STARS, "true", None),
        (("True", "False"), "true", 0),
        (("untrue", "true"), "false", None),
        # A number means the one in a name, never a place beside it.
        (STARS, "1", 0),
        (STARS, "5", 4),
        (STARS, "0", None),
        (("LABEL_0", "LABEL_1"), "1", 1),
        (("1", "0"), "1", 0),
        (("1", "0"), "0", 1),
        # What fits several fits none.
        (("Good", "good", "bad"), "GOOD", None),
        (("Good", "good", "bad"), "good", 1),
        (("a 1", "b 1", "c 2"), "1", None),
        (("a 1", "b", "c"), "2", None),
        (("1 to 2", "3"), "1", None),
        (("\u0661", "b"), "\u0661", 0),
        (("Straße", "x"), "STRASSE", 0),
    ],
)
def test_a_label_is_meant_by_name_or_number(
    names: tuple[str, ...], value: str, place: int | None
) -> None:
    assert RightLabels(names).place(value) == place


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, UNLABELLED), ("", UNLABELLED), ("  ", UNLABELLED), (" good ", "good"), (1, "1"),
        (1.0, "1.0"), (True, "true"), (["a"], '["a"]'), ({"a": 1}, '{"a":1}'),
        (10**30, str(10**30)),
    ],
)  # fmt: skip
def test_values_are_compared_as_texts(value: object, text: str) -> None:
    assert as_text(value) == text


@given(st.lists(st.text(min_size=1), min_size=1, max_size=8, unique=True), st.text())
def test_a_name_always_means_its_label(names: list[str], other: str) -> None:
    found = RightLabels(names)
    for place, name in enumerate(names):
        assert found.place(name) == place
    assert found.place(other) in (None, *range(len(names)))
