"""Texts a second by token budget, for each precision: what max_batch_tokens=auto is chosen from.

python bench/token_budget.py [--device=CPU] [--texts=512] [--rounds=3]
"""

import argparse
import statistics
import tempfile
import time
from pathlib import Path

from material import machine, make_model, make_texts, write_json
from runinference_metrics.classifier.classifier import ClassifierSpec
from runinference_metrics.classifier.devices import auto_precision, check_device

BUDGETS = {
    "CPU": (256, 512, 1024, 2048, 4096, 8192),
    "GPU": (4096, 8192, 16_384, 32_768, 65_536, 131_072),
}


def main() -> None:
    """Measures and prints; writes the result as JSON."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--device", choices=tuple(BUDGETS), default="CPU")
    parser.add_argument("--texts", type=int, default=512)
    parser.add_argument("--rounds", type=int, default=3)
    given = parser.parse_args()
    check_device(given.device)
    precisions = ["float32"]
    if auto_precision(given.device) != "float32":
        precisions.append(auto_precision(given.device))
    if given.device == "CPU":
        precisions.append("int8")
    texts = make_texts(given.texts)
    rates: dict[str, dict[int, list[float]]] = {}
    with tempfile.TemporaryDirectory() as temporary:
        folder = str(make_model(Path(temporary)))
        print(machine())
        print(f"{'budget':>10}" + "".join(f"{one:>20}" for one in precisions))
        for precision in precisions:
            rates[precision] = {budget: [] for budget in BUDGETS[given.device]}
        models = {
            (precision, budget): ClassifierSpec(folder, given.device, precision, budget).load()
            for precision in precisions
            for budget in BUDGETS[given.device]
        }
        for model in models.values():
            model.classify(texts[:64])
        for _ in range(given.rounds):
            for (precision, budget), model in models.items():
                started = time.perf_counter()
                model.classify(texts)
                rates[precision][budget].append(given.texts / (time.perf_counter() - started))
    for budget in BUDGETS[given.device]:
        cells = "".join(f"{statistics.median(rates[p][budget]):20,.1f}" for p in precisions)
        print(f"{budget:10}{cells}")
    print(f"Written to {write_json(f'token_budget_{given.device.lower()}', rates)}")


if __name__ == "__main__":
    main()
