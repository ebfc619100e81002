"""The classifier on a GPU: against the matrix products of its shapes, and transformers' pipeline.

Needs only torch and transformers (and a GPU): PYTHONPATH=src python bench/on_gpu.py

Prints texts/s, the share of the matrix-product rate that was reached, and how busy the GPU was.
"""

import argparse
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import torch

from material import make_model, make_texts, write_json
from runinference_metrics.classifier.classifier import ClassifierSpec
from runinference_metrics.classifier.devices import gpu_problem

# DistilBERT's linear layers, outputs x inputs: query, key and value; attended; up; down.
SHAPES = ((2304, 768), (768, 768), (3072, 768), (768, 3072))
LAYERS = 6
PEER_BATCH_SIZE = 64


def rate(run: Callable[[], object], rounds: int) -> float:
    """Runs a second, the median."""
    run()
    times = []
    for _ in range(rounds):
        torch.cuda.synchronize()
        started = time.perf_counter()
        run()
        torch.cuda.synchronize()
        times.append(time.perf_counter() - started)
    return 1 / statistics.median(times)


def matrix_products(tokens: int, dtype: torch.dtype, rounds: int) -> float:
    """Floating-point operations a second of the model's matrix products alone."""
    pairs = [
        (torch.randn(tokens, inputs, dtype=dtype, device="cuda"),
         torch.randn(inputs, outputs, dtype=dtype, device="cuda"))
        for outputs, inputs in SHAPES
    ]  # fmt: skip

    def run() -> None:
        for _ in range(LAYERS):
            for left, right in pairs:
                left @ right

    return rate(run, rounds) * LAYERS * sum(2 * tokens * a * b for a, b in SHAPES)


def main() -> None:
    """Measures and prints; writes the result as JSON."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--texts", type=int, default=65_536)
    parser.add_argument("--rounds", type=int, default=5)
    given = parser.parse_args()
    problem = gpu_problem()
    if problem:
        print(f"not run: {problem}")
        sys.exit(0)
    texts = make_texts(given.texts)
    with tempfile.TemporaryDirectory() as temporary:
        folder = str(make_model(Path(temporary)))
        classifier = ClassifierSpec(folder, "GPU").load()
        effective = classifier.effective
        stats = classifier.classify(texts).stats
        ours = rate(lambda: classifier.classify(texts), given.rounds) * len(texts)
        dtype = getattr(torch, effective.precision)
        flops = matrix_products(effective.max_batch_tokens, dtype, given.rounds)
        per_token = LAYERS * sum(2 * outputs * inputs for outputs, inputs in SHAPES)
        reached = ours / len(texts) * stats.tokens * per_token
        from transformers import pipeline

        pipe = pipeline("text-classification", model=folder, dtype=torch.float16, device="cuda")
        few = texts[:4096]
        peer = rate(lambda: pipe(few, batch_size=PEER_BATCH_SIZE), 1) * len(few)
    result = {
        "device": effective.device_name,
        "precision": effective.precision,
        "max_batch_tokens": effective.max_batch_tokens,
        "texts_per_sec": ours,
        "transformers_pipeline_texts_per_sec": peer,
        "times_transformers_pipeline": ours / peer,
        "matrix_products_tflops": flops / 1e12,
        "share_of_matrix_products": reached / flops,
        "peak_memory_bytes": torch.cuda.max_memory_allocated(),
    }
    for name, value in result.items():
        print(f"{name:40}{value:,.3g}" if isinstance(value, float) else f"{name:40}{value}")
    print(f"Written to {write_json('on_gpu', result)}")


if __name__ == "__main__":
    main()
