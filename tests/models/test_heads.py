from typing import Any

import pytest

from runinference_metrics.errors import UserError
from runinference_metrics.models.heads import Head


@pytest.mark.parametrize(
    ("config", "expected"),
    [
        ({"id2label": {"0": "no", "1": "yes"}}, Head(("no", "yes"), "softmax")),
        # In no order, as JSON allows; and as a list, which some tools write.
        ({"id2label": {"1": "yes", "0": "no"}}, Head(("no", "yes"), "softmax")),
        ({"id2label": ["no", "yes"]}, Head(("no", "yes"), "softmax")),
        ({"id2label": {"0": 1, "1": 5}}, Head(("1", "5"), "softmax")),
        ({}, Head(("LABEL_0", "LABEL_1"), "softmax")),
        ({"id2label": None}, Head(("LABEL_0", "LABEL_1"), "softmax")),
        ({"num_labels": 3}, Head(("LABEL_0", "LABEL_1", "LABEL_2"), "softmax")),
        ({"num_labels": 1}, Head(("LABEL_0",), "sigmoid")),
        ({"id2label": {"0": "toxic"}}, Head(("toxic",), "sigmoid")),
        ({"num_labels": 1, "problem_type": "regression"}, Head(("LABEL_0",), "none")),
        ({"num_labels": 2, "problem_type": "regression"}, Head(("LABEL_0", "LABEL_1"), "none")),
        (
            {"id2label": {"0": "a", "1": "b"}, "problem_type": "multi_label_classification"},
            Head(("a", "b"), "sigmoid"),
        ),
        (
            {"id2label": {"0": "a", "1": "b"}, "problem_type": "single_label_classification"},
            Head(("a", "b"), "softmax"),
        ),
    ],
)
def test_a_head_is_what_transformers_makes_of_it(config: dict[str, Any], expected: Head) -> None:
    assert Head.of("m", config) == expected


@pytest.mark.parametrize(
    ("labels", "got", "step"),
    [
        (
            {"1": "neg", "2": "pos"},
            "numbers 2 labels 1, 2, not from 0 to 1",
            "--label_names=0=neg,1=pos",
        ),
        ({"0": "neg", "2": "pos"}, "0, 2, not from 0 to 1", "--label_names=0=neg,1=pos"),
        ({"0": "neg", "1": None}, "whose label 1 is None", "--label_names=0=label_0,1=label_1"),
        ({"0": "neg", "1": " "}, "whose label 1 is ' '", "--label_names=0=label_0,1=label_1"),
        ({"0": "neg", "1": "neg"}, "with neg, neg", "--label_names=0=label_0,1=label_1"),
        ({"zero": "neg"}, "no table of whole numbers and labels", "--label_names="),
        ("neg,pos", "no table of whole numbers and labels", "--label_names="),
        ({str(n): "same" for n in range(20)}, "and 12 more", "7=label_7,…"),
    ],
)
def test_labels_that_tell_nothing_are_refused_with_the_way_out(
    labels: Any, got: str, step: str
) -> None:
    with pytest.raises(UserError, match="--model takes") as caught:
        Head.of("m", {"id2label": labels})
    assert got in str(caught.value)
    assert step in str(caught.value)
    outputs = 2 if isinstance(labels, str) else len(labels)
    names = [f"name {number}" for number in range(outputs)]
    if isinstance(labels, dict) and "zero" not in labels:
        assert Head.of("m", {"id2label": labels}, names).label_names == tuple(names)


def test_names_of_the_users_own_are_as_many_as_the_outputs() -> None:
    config = {"id2label": {"0": "a", "1": "b", "2": "c"}}
    assert Head.of("m", config, ["x", "y", "z"]).label_names == ("x", "y", "z")
    with pytest.raises(UserError, match="a name for each of the 3 labels of this model; got x, y"):
        Head.of("m", config, ["x", "y"])
    # Nothing says how many there are: loading compares them with the weights.
    assert Head.of("m", {}, ["x", "y", "z"]).label_names == ("x", "y", "z")
