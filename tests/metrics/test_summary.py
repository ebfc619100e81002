"""The summary against an independent recomputation from a trace of every batch."""

import math
import pickle
import random
import time
from collections import Counter
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from documents_for_tests import START_MICRO_SECS, make_batch, make_worker
from runinference_metrics.metrics.distribution import PERCENTILES, RELATIVE_ERROR
from runinference_metrics.metrics.document import document_of
from runinference_metrics.metrics.summary import MOST_WORKER_ROWS, Summary, SummaryFn
from runinference_metrics.records.classification import Classification
from runinference_metrics.records.events import (
    BatchMeasured,
    Began,
    DeadLettered,
    Event,
    FileFound,
    PartRead,
)
from runinference_metrics.records.measured import BatchStats
from runinference_metrics.records.record import ClassifiedBatch, Record, RecordBatch

FACTS: dict[str, Any] = {"runner": "r", "parameters": {}}


def document(events: list[Event]) -> dict[str, Any]:
    return of_summary(summed(events))


def summed(events: list[Event]) -> Summary:
    combine = SummaryFn()
    summary = combine.create_accumulator()
    for event in events:
        summary = combine.add_input(summary, event)
    return summary


def of_summary(summary: Summary) -> dict[str, Any]:
    return document_of(summary, FACTS, None, START_MICRO_SECS + 2 * 10**9)


def make_file(rng: random.Random, name: str) -> PartRead:
    blank, kept, rejected = (rng.choice([0, 0, rng.randint(1, 99)]) for _ in range(3))
    why = rng.choice(["corrupt_file", ""]) if rejected else ""
    return PartRead(
        f"{name}.csv", blank + kept + rejected, blank, rejected,
        # More than a summary keeps apart.
        rng.choice(["", "jsonl", *(f"csv of {columns} columns" for columns in range(60))]),
        why, f"a sentence on {name}", why or rng.choice("ab") if rejected else "",
    )  # fmt: skip


def make_events(seed: int, batches: int, workers: int = 3) -> list[Event]:
    rng = random.Random(seed)
    events: list[Event] = [make_batch(rng, workers=workers) for _ in range(batches)]
    events += [make_file(rng, f"{seed}-{number}") for number in range(rng.randint(0, 30))]
    events += [DeadLettered(rng.choice("abc")) for _ in range(rng.randint(0, 5))]
    events += [FileFound(rng.randint(0, 99), rng.choice(["", "hidden"])) for _ in range(3)]
    events += [Began(START_MICRO_SECS + rng.randint(0, 99))]
    rng.shuffle(events)
    return events


@pytest.mark.parametrize("batches", [1, 7, 10_000])
def test_the_summary_is_that_of_every_batch(batches: int) -> None:
    events = make_events(batches, batches)
    trace = [event for event in events if isinstance(event, BatchMeasured)]
    # Merged in parts, as a runner would.
    parts = [pickle.loads(pickle.dumps(summed(events[start::5]))) for start in range(5)]
    found = of_summary(SummaryFn().merge_accumulators(parts))
    beam = found["runinference"]
    assert beam["num_inferences"] == sum(one.stats.texts for one in trace)
    columns = {
        "inference_request_batch_size": [one.stats.texts for one in trace],
        "inference_request_batch_byte_size": [one.run.request_bytes for one in trace],
        "inference_batch_latency_micro_secs": [one.run.latency_micro_secs for one in trace],
        "load_model_latency_milli_secs": [
            one.run.load_milli_secs for one in trace if one.run.load_milli_secs is not None
        ],
        "model_byte_size": [
            one.run.model_bytes for one in trace if one.run.model_bytes is not None
        ],
    }
    stages = {
        "tokenize_micro_secs": [one.stats.tokenize_micro_secs for one in trace],
        "wait_micro_secs": [one.stats.wait_micro_secs for one in trace],
        "forward_micro_secs": [one.stats.forward_micro_secs for one in trace],
    }
    lengths = [n for one in trace for n, times in one.stats.lengths.items() for _ in range(times)]
    for values, shown in [
        *((values, beam[name]) for name, values in columns.items()),
        *((values, found["stages"][name]) for name, values in stages.items()),
        (lengths, found["tokens"]["lengths"]),
    ]:
        check(values, shown)
    assert found["tokens"]["real"] == sum(one.stats.tokens for one in trace)
    assert found["tokens"]["padding"] == sum(one.stats.padding for one in trace)
    assert found["records"]["truncated"] == sum(one.stats.truncated for one in trace)
    failed = [one.run.faults for one in trace]
    assert beam["failed_batches_counter"] == sum(one.failed_batches for one in failed)
    lowered = [one.stats.lowered_batch_tokens for one in trace]
    assert found["faults"] == {
        "reclassifications": sum(one.reclassifications for one in failed),
        "timeouts": sum(one.timeouts for one in failed),
        "out_of_memory_retries": sum(one.stats.out_of_memory_retries for one in trace),
        "float32_retries": sum(one.stats.float32_retries for one in trace),
        "lowest_batch_tokens": min((one for one in lowered if one is not None), default=None),
    }
    labels = Counter(dict.fromkeys(("GOOD", "BAD"), 0))
    for one in trace:
        labels.update(one.labels)
    assert {row["label"]: row["texts"] for row in found["labels"]} == dict(+labels)
    for row in found["labels"]:
        units = sum(one.certainty.units[row["label"]] for one in trace)
        assert row["mean_score"] == pytest.approx(units / 1e6 / row["texts"])
    assert sum(row["texts"] for row in found["workers"]) == beam["num_inferences"]
    for row in found["workers"]:
        own = [one for one in trace if one.run.worker.process == row["process"]]
        assert row["batches"] == len(own)
        first = min(one.run.started_micro_secs for one in own)
        last = max(one.run.started_micro_secs + one.run.latency_micro_secs for one in own)
        assert row["active_secs"] == pytest.approx((last - first) / 1e6)
    assert sum(point["texts"] for point in found["timeline"]["points"]) == beam["num_inferences"]


def check(values: list[int], shown: dict[str, Any]) -> None:
    assert (shown["count"], shown["sum"]) == (len(values), sum(values))
    if not values:
        assert shown["p50"] is None
        return
    assert (shown["min"], shown["max"]) == (min(values), max(values))
    ordered = sorted(values)
    for name, percent in PERCENTILES.items():
        true = ordered[math.ceil(percent * len(values) / 100) - 1]
        assert shown[name] == pytest.approx(true, rel=RELATIVE_ERROR, abs=0)


@given(st.integers(0, 10**6), st.lists(st.integers(0, 12), min_size=3, max_size=3))
@settings(max_examples=40)
def test_merging_is_associative_and_commutative(seed: int, sizes: list[int]) -> None:
    groups = [make_events(seed + n, size) for n, size in enumerate(sizes)]
    expected = document([event for group in groups for event in group])
    one, two, three = (summed(group) for group in groups)
    merge = SummaryFn().merge_accumulators
    assert of_summary(merge([merge([one, two]), three])) == expected
    assert of_summary(merge([one, merge([two, three])])) == expected
    assert of_summary(merge([three, one, two])) == expected
    assert of_summary(merge([one])) == document(groups[0])


def test_worker_rows_are_bounded_in_any_grouping() -> None:
    count = MOST_WORKER_ROWS + 500
    rng = random.Random(1)
    batch = make_batch(rng, 10)
    events: list[Event] = [
        BatchMeasured(
            type(batch.run)(START_MICRO_SECS + number, 5, 5, make_worker(number)),
            batch.stats, batch.labels, batch.certainty, None, 0,
        )
        for number in range(count)
    ]  # fmt: skip
    rng.shuffle(events)
    expected = document(events)
    assert len(expected["workers"]) == MOST_WORKER_ROWS + 1
    others = next(row for row in expected["workers"] if row["process"] == "others")
    assert others["texts"] == 500 * 10
    assert others["busy_share"] is None
    parts = [summed(events[start::7]) for start in range(7)]
    assert of_summary(SummaryFn().merge_accumulators(parts)) == expected


def test_the_fingerprint_knows_texts_and_not_batches() -> None:
    def batch(*texts: str) -> RecordBatch:
        return RecordBatch.of([Record(text, "f", 1) for text in texts])

    assert batch("a", "b", "é").fingerprint() == (
        batch("é").fingerprint() + batch("b", "a").fingerprint()
    )
    assert batch("a", "b").fingerprint() != batch("a", "c").fingerprint()


def test_a_batch_says_labels_and_scores_of_what_was_predicted() -> None:
    records = RecordBatch.of([Record(text, "f", 1) for text in "abc"])
    stats = BatchStats(3, 9, 0, 0, 1, 1, 1, 1, {3: 3})
    found = Classification(("N", "P"), [[0.1, 0.9], [0.3, 0.7], [math.nan, 1]], [1, 1, None], stats)
    run = make_batch(random.Random(1)).run
    measured = BatchMeasured.of(ClassifiedBatch(records, found, run))
    assert measured.labels == {"P": 2}
    assert measured.certainty.units == {"P": 1_600_000}


def test_summarising_is_cheap() -> None:
    """Under 1 % of the 50 ms and more that the demo model takes for 512 texts."""
    rng = random.Random(1)
    batches = [make_batch(rng, 512) for _ in range(400)]
    summary = Summary()
    started = time.process_time()
    for batch in batches:
        summary.add(batch)
    assert (time.process_time() - started) / len(batches) < 0.5e-3
