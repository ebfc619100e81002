"""How right and how sure a model was, against scikit-learn and plain arithmetic."""

import itertools
import random
from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from documents_for_tests import document_of_batches, make_batch, schema_faults
from runinference_metrics.metrics.quality import quality
from runinference_metrics.metrics.summary import Summary, SummaryFn
from runinference_metrics.records.classification import Classification
from runinference_metrics.records.events import BatchMeasured
from runinference_metrics.records.measured import BatchStats
from runinference_metrics.records.record import ClassifiedBatch, Record, RecordBatch
from scikit_learn_for_tests import assert_as_by_scikit_learn, by_scikit_learn

RUN = make_batch(random.Random(1)).run

Row = tuple[str | None, list[float]]


def classified(
    rows: Sequence[Row], names: tuple[str, ...], first: int = 1, source: str = "f"
) -> ClassifiedBatch:
    """A batch of rows with their right labels and scores."""
    records = [
        Record(f"text {first + at}", source, first + at, id=first + at, right_label=right)
        for at, (right, _) in enumerate(rows)
    ]
    winners = [int(np.argmax(scores)) for _, scores in rows]
    stats = BatchStats(len(rows), len(rows), 0, 0, 1, 1, 1, 1, {1: len(rows)})
    found = Classification(names, [scores for _, scores in rows], winners, stats)
    return ClassifiedBatch(RecordBatch.of(records), found, RUN)


def summed(rows: Sequence[Row], names: tuple[str, ...], cuts: Sequence[int] = ()) -> Summary:
    """The summary of rows, cut into batches at some places."""
    summary = Summary()
    edges = [0, *sorted(cuts), len(rows)]
    for begin, end in itertools.pairwise(edges):
        if begin < end:
            batch = classified(rows[begin:end], names, begin + 1)
            summary.add(BatchMeasured.of(batch))
    return summary


def random_rows(rng: random.Random, labels: int, texts: int) -> list[Row]:
    names = [f"label {chr(97 + at)}" for at in range(labels)]
    rows: list[Row] = []
    for _ in range(texts):
        scores = np.array([rng.random() ** 3 + 1e-3 for _ in names])
        scores /= scores.sum()
        right = names[int(np.argmax(scores))] if rng.random() < 0.6 else rng.choice(names)
        rows.append((right, [round(float(one), 8) for one in scores]))
    return rows


def given_label(row: Row, names: Sequence[str]) -> str:
    return names[int(np.argmax(row[1]))]


@pytest.mark.starts
def test_figures_are_those_of_scikit_learn() -> None:
    rng = random.Random(7)
    cases, ours = [], []
    for labels, texts in [(2, 1), (2, 2), (2, 40), (3, 5), (3, 300), (6, 30), (12, 500), (26, 60)]:
        for _ in range(4):
            rows = random_rows(rng, labels, texts)
            names = tuple(f"label {chr(97 + at)}" for at in range(labels))
            cuts = [rng.randrange(texts) for _ in range(rng.randrange(5))]
            ours.append(quality(summed(rows, names, cuts).quality))
            cases.append(
                {"right": [str(row[0]) for row in rows],
                 "given": [given_label(row, names) for row in rows]}
            )  # fmt: skip
    for found, expected in zip(ours, by_scikit_learn(cases), strict=True):
        assert found is not None
        assert_as_by_scikit_learn(found, expected)


@settings(deadline=None, max_examples=60)
@given(st.integers(0, 10**6), st.integers(2, 5), st.integers(1, 120), st.data())
def test_calibration_is_the_mean_distance_by_bin(
    seed: int, labels: int, texts: int, data: st.DataObject
) -> None:
    rows = random_rows(random.Random(seed), labels, texts)
    names = tuple(f"label {chr(97 + at)}" for at in range(labels))
    found = quality(summed(rows, names, data.draw(st.lists(st.integers(0, texts)))).quality)
    assert found is not None
    assert found["calibration"] is not None
    scores = np.round([max(row[1]) for row in rows], 6)
    right = np.array([given_label(row, names) == row[0] for row in rows])
    places = np.minimum((np.round(scores * 1e6).astype(int) * 15) // 1_000_000, 14)
    expected = sum(
        (places == at).mean() * abs(scores[places == at].mean() - right[places == at].mean())
        for at in range(15) if (places == at).any()
    )  # fmt: skip
    assert found["calibration"]["expected_error"] == pytest.approx(expected, abs=1e-6)
    assert sum(one["texts"] for one in found["calibration"]["bins"]) == texts


def of_texts(summary: Summary) -> list[Any]:
    """What a document says of texts, whatever batches they came in."""
    document = document_of_batches(summary)
    return [document[name] for name in ("labels", "certainty", "quality")]


@settings(deadline=None, max_examples=40)
@given(st.integers(0, 10**6), st.lists(st.integers(0, 90), min_size=3, max_size=3))
def test_any_grouping_gives_the_same(seed: int, cuts: list[int]) -> None:
    rng = random.Random(seed)
    names = ("label a", "label b", "label c")
    rows = random_rows(rng, 3, 90)
    # Of equal scores the order is by file and line; and there are labels of all kinds.
    rows = [
        (rng.choice([right, right, "", f"other {rng.randrange(300)}"]),
         [round(one, 2) for one in scores])
        for right, scores in rows
    ]  # fmt: skip
    whole = of_texts(summed(rows, names))
    assert of_texts(summed(rows, names, cuts)) == whole
    parts = []
    edges = [0, *sorted(cuts), len(rows)]
    for begin, end in itertools.pairwise(edges):
        part = Summary()
        if begin < end:
            part.add(BatchMeasured.of(classified(rows[begin:end], names, begin + 1)))
        parts.append(part)
    rng.shuffle(parts)
    merge = SummaryFn().merge_accumulators
    merged = merge([parts[0], merge(parts[1:])])
    assert of_texts(merged) == whole
    assert schema_faults(document_of_batches(merged)) == []


def test_rows_without_a_label_of_the_model_are_counted_beside() -> None:
    names = ("NEGATIVE", "POSITIVE")
    rows: list[Row] = [
        ("1", [0.2, 0.8]), ("0", [0.3, 0.7]), ("", [0.4, 0.6]), ("neutral", [0.9, 0.1]),
        ("neutral", [0.9, 0.1]), ("x" * 500, [0.9, 0.1]),
    ]  # fmt: skip
    found = quality(summed(rows, names).quality)
    assert found is not None
    assert (found["labelled"], found["unlabelled"], found["unknown"]) == (2, 1, 3)
    assert found["unknown_labels"] == [
        {"label": "neutral", "texts": 2}, {"label": "x" * 100, "texts": 1},
    ]  # fmt: skip
    assert found["accuracy"] == 0.5
    (wrong,) = found["wrong"]
    assert (wrong["position"], wrong["right_label"], wrong["label"]) == (2, "NEGATIVE", "POSITIVE")
    assert (wrong["score"], wrong["text"], wrong["id"]) == (0.7, ("text 2",), 2)


def test_values_that_are_no_labels_take_bounded_memory() -> None:
    rows: list[Row] = [(f"value {at:05}", [0.1, 0.9]) for at in range(1000)]
    found = quality(summed(rows, ("a", "b"), range(0, 1000, 37)).quality)
    assert found is not None
    assert found["unknown"] == 1000
    assert len(found["unknown_labels"]) == 100
    assert found["accuracy"] is None
    assert found["calibration"] is None


def test_without_a_field_there_is_no_quality() -> None:
    summary = summed([(None, [0.1, 0.9])], ("a", "b"))
    assert summary.quality is None
    assert document_of_batches(summary)["quality"] is None


def test_scores_that_are_no_shares_are_not_calibrated() -> None:
    found = quality(summed([("a", [-3.0, -4.0]), ("b", [0.2, 7.5])], ("a", "b")).quality)
    assert found is not None
    assert found["accuracy"] == 1
    assert found["calibration"] is None


@given(
    st.lists(st.floats(0, 1), min_size=1, max_size=300), st.lists(st.integers(0, 300), max_size=4)
)
def test_certainty_is_a_count_of_scores(values: list[float], cuts: list[int]) -> None:
    scores = [round(max(one, 1 - one), 6) for one in values]
    rows: list[Row] = [(None, [one, 1 - one]) for one in scores]
    document = document_of_batches(
        summed(rows, ("yes", "no"), [cut for cut in cuts if cut < len(rows)])
    )
    for under in document["certainty"]["under"]:
        assert under["texts"] == sum(
            round(one * 1e6) < round(under["score"] * 1e6) for one in scores
        )
    least = document["certainty"]["least"]
    ordered = sorted(enumerate(scores, 1), key=lambda one: (one[1], one[0]))[:20]
    assert [(one["position"], one["score"]) for one in least] == ordered
    for row in document["labels"]:
        drawn = row["scores"]
        assert sum(drawn["counts"]) == row["texts"]
        assert drawn["counts"][0] > 0
        assert drawn["counts"][-1] > 0
        assert drawn["from"] >= 0
        assert drawn["from"] + drawn["step"] * len(drawn["counts"]) <= 1 + 1e-9


def test_scores_of_one_label_are_drawn_and_not_ranked() -> None:
    rows: list[Row] = [(None, [at / 100]) for at in range(-50, 450)]
    document = document_of_batches(summed(rows, ("stars",)))
    assert document["certainty"]["least"] == []
    (row,) = document["labels"]
    assert (row["scores"]["from"], row["scores"]["step"]) == (-0.5, 0.05)
    assert Counter(row["scores"]["counts"]) == Counter({5: 100})
    assert schema_faults(document) == []
