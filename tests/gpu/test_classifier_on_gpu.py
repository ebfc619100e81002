"""The classifier on a real GPU; needs only torch and transformers."""

from pathlib import Path

import pytest
import torch

from conftest import DEMO_MODEL
from runinference_metrics.classifier import ClassifierSpec

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="no usable CUDA GPU here")


def test_the_gpu_says_what_the_cpu_says(distilbert: Path, sentences: list[str]) -> None:
    cpu = ClassifierSpec(str(distilbert), precision="float32").load().classify(sentences)
    gpu = ClassifierSpec(str(distilbert), "GPU", "float32").load().classify(sentences)
    assert gpu.winners == cpu.winners
    for left, right in zip(gpu.scores, cpu.scores, strict=True):
        assert left == pytest.approx(right, abs=1e-3)


def test_the_model_occupies_device_memory(distilbert: Path) -> None:
    before = torch.cuda.memory_allocated()
    classifier = ClassifierSpec(str(distilbert), "GPU").load()
    grown = torch.cuda.memory_allocated() - before
    assert classifier.model_bytes <= grown <= classifier.model_bytes + 1_000_000
    assert classifier.effective.device_name == torch.cuda.get_device_name()
    assert classifier.effective.precision in ("bfloat16", "float16")


def test_a_full_device_costs_no_text() -> None:
    spec = ClassifierSpec(str(DEMO_MODEL), "GPU", "float32", max_batch_tokens=4_194_304)
    texts = ["a fine film, and a long one " * 80] * 20_000
    classifier = spec.load()
    total = torch.cuda.get_device_properties(0).total_memory
    # So that one forward pass over 8,192 texts of 512 tokens cannot have what it needs.
    torch.cuda.set_per_process_memory_fraction((torch.cuda.memory_reserved() + 2**30) / total)
    try:
        found = classifier.classify(texts)
    finally:
        torch.cuda.set_per_process_memory_fraction(1.0)
    assert found.stats.out_of_memory_retries > 0
    assert found.stats.lowered_batch_tokens
    assert len(set(found.winners)) == 1
    assert len(found.winners) == len(texts)
