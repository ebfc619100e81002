"""Histories as many runs leave them."""

import dataclasses
import datetime
import random
from typing import Any

from documents_for_tests import PRICES, make_document, make_quality
from runinference_metrics.metrics.history import past_run
from runinference_metrics.records.history import History, PastRun

BEGIN = datetime.datetime(2026, 1, 1, 2, 30, tzinfo=datetime.UTC)


def make_run(number: int = 0, figures: dict[str, float] | None = None, **changes: Any) -> PastRun:
    """A nightly run, `number` nights after the first one.

    Args:
        number: which night.
        figures: those that are other than usual.
        changes: other fields that are.
    """
    document = make_document(batches=3, texts=100, prices=PRICES)
    document["quality"] = make_quality(["GOOD", "BAD"])
    run = past_run(document)
    start = (BEGIN + datetime.timedelta(days=number)).isoformat()
    changes = {"start": start, "job": f"nightly-{number}", **changes}
    return dataclasses.replace(run, figures=run.figures | (figures or {}), **changes)


def make_history(number_of_runs: int, seed: int = 1) -> History:
    """Runs of which every seventh fails, with a new version after half of them."""
    rng = random.Random(seed)
    first = make_run()
    runs = []
    for number in range(number_of_runs):
        share = rng.uniform(0.4, 0.6)
        figures = first.figures | {
            "accuracy": rng.uniform(0.8, 0.9),
            "texts_per_wall_sec": 10 ** rng.uniform(1, 4),
            "cost_per_million": rng.uniform(0.05, 0.5),
            "num_inferences": 10 ** rng.randint(2, 9),
            "share(GOOD)": share,
            "share(BAD)": 1 - share,
        }
        failed = number % 7 == 0
        runs.append(dataclasses.replace(
            first,
            start=(BEGIN + datetime.timedelta(days=number)).isoformat(),
            job=f"nightly-{number}",
            labels={"team": "nlp", "env": "production"} if number % 2 else {},
            version="0.1.0" if number < number_of_runs / 2 else "0.2.0",
            figures=figures,
            ok=not failed,
            failure="1 of 2 thresholds failed: accuracy>=0.95 (it is 0.8765)." if failed else None,
        ))  # fmt: skip
    return History(tuple(runs))
