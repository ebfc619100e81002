"""What isolation, memory and time-outs cost a clean run: the same batches with and without them.

Interleaved batch by batch, so that whatever else the machine does falls on all alike. Times are the
process's CPU time, of all its threads; the cost is the median over the pairs of one batch.

    python bench/cost_of_safety.py [--batches=100] [--batch_size=512] [--output=bench/out]
"""

import argparse
import json
import random
import statistics
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from material import machine, make_texts
from runinference_metrics.classifier.classifier import Classifier, ClassifierSpec
from runinference_metrics.records.record import Record, RecordBatch
from runinference_metrics.recovery.batch import classify_batch
from runinference_metrics.recovery.memory import MicroBatches
from runinference_metrics.recovery.timeouts import WatchedClassifier

ROOT = Path(__file__).parent.parent
# The promise: safety costs a clean run less than this share.
PROMISED = 0.02
TIMEOUT_SECS = 600.0
SEED = 5
BASE = "without"
Work = Callable[[RecordBatch], Any]


def without_safety(model: Classifier) -> Work:
    """The model alone, its micro-batches in a plain loop."""
    guarded = MicroBatches.run

    def plain(batches: MicroBatches[Any], each: Any) -> Any:
        cut = batches.cutting.micro_batches(batches.lengths, batches.budget.max_tokens)
        return [(part, batches.forward(part)) for part in cut]

    def work(batch: RecordBatch) -> Any:
        MicroBatches.run = plain  # type: ignore[method-assign, assignment]
        try:
            return model.classify(batch.texts)
        finally:
            MicroBatches.run = guarded  # type: ignore[method-assign]

    return work


def main() -> None:
    """Measures and prints the table; writes it as JSON."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--batches", type=int, default=100)
    parser.add_argument("--batch_size", type=int, default=512)
    parser.add_argument("--model", default=str(ROOT / "models" / "demo"))
    parser.add_argument("--output", type=Path, default=ROOT / "bench" / "out")
    given = parser.parse_args()
    model = ClassifierSpec(given.model, threads=1).load()
    watched = WatchedClassifier(lambda: model, TIMEOUT_SECS)
    programs: dict[str, Work] = {
        BASE: without_safety(model),
        "isolation and memory": lambda batch: classify_batch(model.classify, batch),
        "and a time-out": lambda batch: classify_batch(watched.classify, batch),
    }
    texts = make_texts(given.batches * given.batch_size)
    records = [Record(text, "bench", number) for number, text in enumerate(texts)]
    batches = [
        RecordBatch.of(records[start : start + given.batch_size])
        for start in range(0, len(records), given.batch_size)
    ]
    for work in programs.values():
        work(batches[0])
    times: dict[str, list[float]] = {name: [] for name in programs}
    rng = random.Random(SEED)
    for batch in batches:
        # Who comes first changes: the second may find the batch in the cache.
        for name in rng.sample(list(programs), len(programs)):
            started = time.process_time()
            programs[name](batch)
            times[name].append(time.process_time() - started)
    report(times, given.output)


def report(times: dict[str, list[float]], output: Path) -> None:
    """Prints the median of each, and its cost over the first, pair by pair."""
    base = times[BASE]
    costs = {}
    print(machine())
    print(f"{'':22}{'ms a batch':>12}{'cost':>9}{'middle half of the pairs':>28}")
    for name, some in times.items():
        ratios = [one / other - 1 for one, other in zip(some, base, strict=True)]
        low, cost, high = statistics.quantiles(ratios, n=4)
        costs[name] = cost
        print(f"{name:22}{statistics.median(some) * 1e3:12.2f}{cost:9.2%}"
              f"{f'{low:.2%} to {high:.2%}':>28}")  # fmt: skip
    output.mkdir(parents=True, exist_ok=True)
    path = output / "cost_of_safety.json"
    path.write_text(json.dumps({"machine": machine(), "cost": costs, "secs": times}, indent=2))
    worst = max(cost for name, cost in costs.items() if name != BASE)
    print(f"Written to {path}. {worst:.2%} is {'less' if worst < PROMISED else 'NOT LESS'} than "
          f"{PROMISED:.0%}.")  # fmt: skip


if __name__ == "__main__":
    # In a thread, as Beam's workers run bundles: the allocator gives the main thread another kind
    # of heap than all others, which is a matter of several percent for what runs in it.
    thread = threading.Thread(target=main)
    thread.start()
    thread.join()
