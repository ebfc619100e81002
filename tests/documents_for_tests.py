"""Documents as a run leaves them, made from batches that a test describes."""

import json
import random
from collections import Counter
from collections.abc import Sequence
from importlib.resources import files
from typing import Any

import numpy as np
from jsonschema import Draft202012Validator

from runinference_metrics.metrics.document import document_of
from runinference_metrics.metrics.prices import Prices
from runinference_metrics.metrics.quality import quality
from runinference_metrics.metrics.summary import Summary
from runinference_metrics.records.certainty import SCORE_UNIT, UNITS_PER_BIN, Certainty
from runinference_metrics.records.events import (
    BatchMeasured,
    Began,
    DeadLettered,
    Event,
    FileFound,
    PartRead,
)
from runinference_metrics.records.example import Example, highest
from runinference_metrics.records.faults import NO_FAULTS, Faults
from runinference_metrics.records.measured import BatchRun, BatchStats, Effective, Machine, Worker
from runinference_metrics.records.quality import Quality

PRICES = Prices("USD", "nowhere", "2026-01-31", vcpu_hour=0.5, memory_gb_hour=0.01, gpu_hour=2.0)
START_MICRO_SECS = 1_790_000_000_000_000
PARAMETERS = {
    "input": ["a.txt"], "output": "out", "device": "CPU", "model": "models/demo",
    "min_batch_size": 64, "max_batch_size": 512, "max_batch_tokens": "auto", "max_length": "auto",
    "precision": "auto", "text_field": "text", "text_pair_field": "", "id_field": "",
    "keep_fields": [], "label_field": "", "max_failure_rate": 0.05, "inference_timeout_secs": 0,
    "prices": "", "thresholds": "", "history": "", "overwrite": False,
}  # fmt: skip


SCHEMA = json.loads((files("runinference_metrics.metrics") / "metrics.schema.json").read_text())


def schema_faults(document: dict[str, Any]) -> list[str]:
    """Where a document is not as the JSON Schema of metrics.json says."""
    validator = Draft202012Validator(SCHEMA)
    # As a reader would see it: written and read back.
    found = validator.iter_errors(json.loads(json.dumps(document)))
    return [f"{'/'.join(map(str, one.path))}: {one.message}" for one in found]


def make_effective(**changes: Any) -> Effective:
    values: dict[str, Any] = {
        "device_name": "Some CPU", "instruction_sets": ("avx2",), "precision": "float32",
        "grouping": "packed", "attention": "", "fused": "", "fallback": "", "quantised": "",
        "switch_interval_micro_secs": 5000,
        "max_batch_tokens": 1024, "max_batch_tokens_from": "table", "max_length": 64, "threads": 2,
        "model_architecture": "XForSequenceClassification",
        "model_digest": "sha256:" + "0" * 64, "torch_version": "2", "transformers_version": "5",
    }  # fmt: skip
    return Effective(**(values | changes))


def make_worker(number: int = 0, **effective: Any) -> Worker:
    machine = Machine(f"host-{number // 2}", vcpus=4, memory_bytes=16 * 2**30, gpus=0)
    return Worker(f"process-{number:05d}", machine, make_effective(**effective))


def make_batch(rng: random.Random, texts: int | None = None, workers: int = 3) -> BatchMeasured:
    """A random batch whose figures could be those of a real one."""
    texts = texts or rng.randint(1, 512)
    lengths: dict[int, int] = {}
    for _ in range(texts):
        length = rng.randint(3, 64)
        lengths[length] = lengths.get(length, 0) + 1
    tokenize, wait, forward = (rng.randint(0, 10 ** rng.randint(1, 6)) for _ in range(3))
    good = rng.randint(0, texts)
    first = rng.random() < 0.1
    run = BatchRun(
        START_MICRO_SECS + rng.randint(0, 10 ** rng.randint(5, 9)),
        tokenize + wait + forward + rng.randint(0, 999),
        texts * rng.randint(1, 300),
        make_worker(rng.randrange(workers)),
        rng.randint(100, 9000) if first else None,
        rng.randint(1, 10**9) if first else None,
        Faults(1, rng.randint(1, 40), rng.randint(0, 2)) if rng.random() < 0.1 else NO_FAULTS,
    )
    full = rng.random() < 0.1
    stats = BatchStats(
        texts=texts, tokens=sum(length * n for length, n in lengths.items()),
        padding=rng.randint(0, 500), truncated=rng.randint(0, texts), micro_batches=3,
        tokenize_micro_secs=tokenize, wait_micro_secs=wait, forward_micro_secs=forward,
        lengths=lengths, out_of_memory_retries=2 * full,
        lowered_batch_tokens=rng.randint(1, 999) if full else None,
    )  # fmt: skip
    labels = Counter({name: n for name, n in (("GOOD", good), ("BAD", texts - good)) if n})
    return BatchMeasured(run, stats, labels, make_certainty(rng, labels), None, rng.getrandbits(60))


def make_certainty(rng: random.Random, labels: Counter[str]) -> Certainty:
    """How sure a model could have been: all texts of a label have the same score."""
    found = Certainty()
    for name, texts in labels.items():
        score_units = rng.randint(500_000, 1_000_000)
        found.units[name] = texts * score_units
        found.bins[name, score_units // UNITS_PER_BIN] = texts
        score, position = score_units * SCORE_UNIT, rng.randint(1, 10**6)
        found.least.append(Example(score, name, None, (f"a {name} film",), "a.txt", position))
    return found


def make_quality(
    names: Sequence[str], seed: int = 1, text: str = "a film", texts: int = 1000
) -> dict[str, Any]:
    """How right a model could have been."""
    rng = random.Random(seed)
    found = Quality(unlabelled=3, unknown=Counter({f"not {names[0]}": 2}))
    for position in range(1, texts + 1):
        right = rng.choice(names)
        label = right if rng.random() < 0.8 else rng.choice(names)
        score_units = rng.randint(500_000, 1_000_000)
        found.confusion[right, label] += 1
        found.calibrate(np.array([score_units]), np.array([right == label]))
        if right != label:
            score = score_units * SCORE_UNIT
            found.wrong.append(Example(score, label, right, (text,), "a.txt", position))
    found.wrong = highest(found.wrong)
    section = quality(found)
    assert section is not None
    return section


def make_document(
    batches: int = 0,
    texts: int | None = None,
    dead_letters: list[str] | None = None,
    prices: Prices | None = None,
    label: str | None = None,
    parameters: dict[str, Any] | None = None,
    seed: int = 1,
    files: list[Event] | None = None,
) -> dict[str, Any]:
    """The document of a run with so many random batches, of one file unless `files` says more."""
    rng = random.Random(seed)
    summary = Summary()
    summary.add(Began(START_MICRO_SECS))
    for _ in range(batches):
        batch = make_batch(rng, texts)
        if label:
            count = batch.stats.texts
            labels = Counter({label: count})
            sure = make_certainty(rng, labels)
            batch = BatchMeasured(batch.run, batch.stats, labels, sure, None, 1)
        summary.add(batch)
    for reason in dead_letters or []:
        summary.add(DeadLettered(reason))
    read = summary.predicted + summary.dead_letters.total()
    for event in [FileFound(1000), PartRead("a.txt", read, 0)] if files is None else files:
        summary.add(event)
    return document_of_batches(summary, prices, parameters)


def document_of_batches(
    summary: Summary, prices: Prices | None = None, parameters: dict[str, Any] | None = None
) -> dict[str, Any]:
    """The document of a summary."""
    facts = {
        "job": "a job", "labels": {}, "failure": None, "runner": "DirectRunner", "version": "0",
        "beam_version": "2",
        "python_version": "3", "parameters": parameters or PARAMETERS,
    }  # fmt: skip
    ended = (summary.ended or START_MICRO_SECS) + 1_000_000
    return document_of(summary, facts, prices, ended)
