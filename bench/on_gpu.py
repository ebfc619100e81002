"""All that can be asked of a GPU, in ten minutes and one file: bench/out/on_gpu.json.

    python bench/on_gpu.py [--texts=65536] [--rounds=5] [--no_tests]

Runs `tests/gpu`; then with DistilBERT's size: labels and scores in each precision against float32
on the CPU, packed against padded, texts/s against the rate of the matrix products alone and
transformers' pipeline, how busy the GPU was by its own clock, what becomes of a budget that does
not fit, and two processes side by side. Says so where there is no GPU, and ends with 0.
"""

import argparse
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any
from unittest import mock

import torch

from contest import Contender
from material import ROOT, make_model, make_texts, write_json, write_texts
from operations import LAYERS, SHAPES, useful_operations
from runinference_metrics.classifier import attention_on_gpu
from runinference_metrics.classifier.classifier import Classifier, ClassifierSpec
from runinference_metrics.classifier.devices import auto_precision, gpu_problem

PEER_BATCH_SIZE, PEER_TEXTS = 64, 4096
PARITY_TEXTS = 512
PRECISIONS = ("float32", "bfloat16", "float16")
# For a budget that no GPU holds, of its memory.
SMALL_BYTES = 2**29


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


def parity(folder: str, texts: Sequence[str]) -> dict[str, Any]:
    """Each precision against float32 on the CPU."""
    exact = ClassifierSpec(folder, precision="float32").load().classify(texts)
    found = {}
    for precision in PRECISIONS:
        classifier = ClassifierSpec(folder, "GPU", precision).load()
        here = classifier.classify(texts)
        pairs = zip(here.scores, exact.scores, strict=True)
        found[precision] = {
            "attention": classifier.effective.attention,
            "fused": classifier.effective.fused,
            "labels_equal": sum(a == b for a, b in zip(here.winners, exact.winners, strict=True)),
            "texts": len(texts),
            "largest_difference": max(abs(a[1] - b[1]) for a, b in pairs),
            "float32_retries": here.stats.float32_retries,
        }
    return found


def speed(classifier: Classifier, texts: Sequence[str], rounds: int) -> dict[str, float]:
    """Texts a second, and what the GPU's clock says of it."""
    passes = []

    def run() -> None:
        started = time.perf_counter()
        stats = classifier.classify(texts).stats
        assert stats.gpu_time is not None
        wall_micro_secs = 1e6 * (time.perf_counter() - started)
        passes.append((stats.gpu_time.compute_micro_secs / wall_micro_secs,
                       stats.gpu_time.launch_micro_secs / wall_micro_secs))  # fmt: skip

    texts_per_sec = rate(run, rounds) * len(texts)
    return {
        "texts_per_sec": texts_per_sec,
        "busy_share": statistics.median(busy for busy, _ in passes),
        "launching_share_of_wall": statistics.median(launching for _, launching in passes),
    }


def padded(folder: str, texts: Sequence[str], rounds: int) -> dict[str, float]:
    """The same without packing: attention as where no kernel for various lengths works."""
    with mock.patch.object(attention_on_gpu, "_problem", return_value="left out, to compare"):
        classifier = ClassifierSpec(folder, "GPU").load()
    return speed(classifier, texts, rounds)


def out_of_memory(folder: str, texts: Sequence[str]) -> dict[str, Any]:
    """A budget beyond a small memory, cut at load; and whether all texts have answers."""
    torch.cuda.empty_cache()
    total = torch.cuda.get_device_properties(0).total_memory
    fraction = (torch.cuda.memory_reserved() + SMALL_BYTES) / total
    torch.cuda.set_per_process_memory_fraction(fraction)
    try:
        classifier = ClassifierSpec(folder, "GPU", max_batch_tokens=16_777_216).load()
        answered = len(classifier.classify(texts).winners)
    finally:
        torch.cuda.set_per_process_memory_fraction(1.0)
    effective = classifier.effective
    return {
        "max_batch_tokens": effective.max_batch_tokens,
        "max_batch_tokens_from": effective.max_batch_tokens_from,
        "answered": answered,
    }


def processes(folder: Path, texts: list[str], count: int) -> float:
    """Texts a second of so many processes together."""
    file = write_texts(folder / "texts.txt", texts)
    running = [Contender("GPU auto", folder, file) for _ in range(count)]
    try:
        for one in running:
            one.secs()
        started = time.perf_counter()
        for one in running:
            one.begin()
        for one in running:
            one.answer()
        return count * len(texts) / (time.perf_counter() - started)
    finally:
        for one in running:
            one.end()


def tests() -> dict[str, Any]:
    """What `tests/gpu` says."""
    command = [sys.executable, "-m", "pytest", "-q", "tests/gpu", "-p", "no:cacheprovider"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    print(done.stdout[-3000:])
    return {"exit_code": done.returncode, "said": done.stdout.strip().splitlines()[-1:]}


def main() -> None:
    """Measures and prints; writes the result as JSON."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--texts", type=int, default=65_536)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--no_tests", action="store_true")
    given = parser.parse_args()
    problem = gpu_problem()
    if problem:
        print(f"not run: {problem}")
        sys.exit(0)
    texts = make_texts(given.texts)
    result: dict[str, Any] = {"device": torch.cuda.get_device_name()}
    if not given.no_tests:
        result["tests"] = tests()
    with tempfile.TemporaryDirectory() as temporary:
        path = make_model(Path(temporary))
        folder = str(path)
        result["parity"] = parity(folder, texts[:PARITY_TEXTS])
        classifier = ClassifierSpec(folder, "GPU").load()
        effective = classifier.effective
        result["packed"] = speed(classifier, texts, given.rounds)
        products = matrix_products(
            effective.max_batch_tokens, getattr(torch, effective.precision), given.rounds
        )
        # Not all tokens times all layers: of the last one only first tokens are computed.
        useful = result["packed"]["texts_per_sec"] / len(texts) * useful_operations(path, texts)
        result |= {
            "precision": effective.precision,
            "attention": effective.attention,
            "max_batch_tokens": effective.max_batch_tokens,
            "matrix_products_tflops": products / 1e12,
            "share_of_matrix_products": useful / products,
            "peak_memory_bytes": torch.cuda.max_memory_allocated(),
            "padded": padded(folder, texts, given.rounds),
        }
        from transformers import pipeline

        dtype = getattr(torch, auto_precision("GPU"))
        pipe = pipeline("text-classification", model=folder, dtype=dtype, device="cuda")
        few = texts[:PEER_TEXTS]
        peer = rate(lambda: pipe(few, batch_size=PEER_BATCH_SIZE), 1) * len(few)
        result["transformers_pipeline_texts_per_sec"] = peer
        result["out_of_memory"] = out_of_memory(folder, texts[:PARITY_TEXTS])
        result["processes"] = {count: processes(path, texts, count) for count in (1, 2)}
    for name, value in result.items():
        print(f"{name:40}{value:,.3g}" if isinstance(value, float) else f"{name:40}{value}")
    print(f"Written to {write_json('on_gpu', result)}")


if __name__ == "__main__":
    main()
