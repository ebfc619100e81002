"""The classifier on a real GPU; needs only torch and transformers."""

import os
from pathlib import Path

import numpy as np
import pytest
import torch

from conftest import DEMO_MODEL, make_model
from runinference_metrics.classifier import devices, driver
from runinference_metrics.classifier.attention import Heads
from runinference_metrics.classifier.attention_on_cpu import by_equal_lengths
from runinference_metrics.classifier.attention_on_gpu import on_gpu, padded
from runinference_metrics.classifier.classifier import ClassifierSpec
from runinference_metrics.classifier.tokens import Tokens

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="no usable CUDA GPU here")


def test_this_gpu_is_known_to_be_usable() -> None:
    assert devices.gpu_problem() is None
    assert devices.code_problem(torch.cuda.get_device_capability()) is None
    assert torch.version.cuda is not None
    here = driver.driver_here()
    assert here is not None
    # An older driver serves only with CUDA's own libraries before it.
    if driver.is_older(here, driver.needed_driver(torch.version.cuda)):
        assert "compat" in os.environ.get("LD_LIBRARY_PATH", "")


@pytest.mark.parametrize("architecture", ["distilbert", "bert", "roberta", "electra"])
def test_the_gpu_says_what_the_cpu_says(
    tmp_path: Path, sentences: list[str], architecture: str
) -> None:
    model = str(make_model(tmp_path / "m", architecture))
    cpu = ClassifierSpec(model, precision="float32").load().classify(sentences)
    gpu = ClassifierSpec(model, "GPU", "float32").load().classify(sentences)
    assert gpu.winners == cpu.winners
    for left, right in zip(gpu.scores, cpu.scores, strict=True):
        assert left == pytest.approx(right, abs=1e-3)


@pytest.mark.parametrize("precision", ["auto", "float16"])
def test_fewer_bits_keep_the_labels(precision: str, sentences: list[str]) -> None:
    exact = ClassifierSpec(str(DEMO_MODEL), precision="float32").load().classify(sentences)
    rounded = ClassifierSpec(str(DEMO_MODEL), "GPU", precision).load().classify(sentences)
    equal = sum(a == b for a, b in zip(exact.winners, rounded.winners, strict=True))
    assert equal >= 0.99 * len(sentences)


def test_steps_that_overlap_are_the_same_texts(distilbert: Path, sentences: list[str]) -> None:
    classifier = ClassifierSpec(str(distilbert), "GPU", "float32").load()
    whole = classifier.classify(sentences)
    classifier._texts_at_once = 20
    assert np.allclose(classifier.classify(sentences).scores, whole.scores, atol=1e-4)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32])
def test_attentions_agree(dtype: torch.dtype) -> None:
    heads = Heads(4, 64)
    lengths = np.array([40, 40, 17, 5, 1])
    tokens = Tokens(np.zeros(lengths.sum(), np.int64), lengths)
    exact = torch.randn(int(lengths.sum()) + 3, 3 * 256)
    count, starts = lengths.sum(), torch.from_numpy(tokens.starts)
    query, key_value = exact[:, :256], exact[:, 256:]
    expected = by_equal_lengths(heads).prepare(tokens, 3)(query, key_value)[:count]
    chosen = on_gpu(heads, dtype, torch.device("cuda"))
    new = torch.cuda.get_device_capability() >= (8, 0) and dtype != torch.float32
    assert chosen.name == ("flash" if new else "efficient")
    for kind in (padded(heads), chosen):
        query, key_value = exact.to("cuda", dtype).split([256, 512], dim=1)
        found = kind.prepare(tokens, 3)(query, key_value).float().cpu()[:count]
        assert (found - expected).abs().max() < 0.05
        first = kind.prepare(tokens, 3, first=True)(query[starts.cuda()], key_value).float().cpu()
        assert (first - expected[starts]).abs().max() < 0.05


def test_the_model_occupies_device_memory(distilbert: Path) -> None:
    before = torch.cuda.memory_allocated()
    classifier = ClassifierSpec(str(distilbert), "GPU").load()
    grown = torch.cuda.memory_allocated() - before
    assert classifier.model_bytes <= grown <= classifier.model_bytes + 1_000_000
    assert classifier.effective.device_name == torch.cuda.get_device_name()
    assert classifier.effective.precision in ("bfloat16", "float16")


def test_the_gpu_is_sampled(distilbert: Path) -> None:
    stats = ClassifierSpec(str(distilbert), "GPU").load().classify(["good film"]).stats
    assert stats.gpu is not None
    assert stats.gpu_time is not None
    assert stats.gpu_time.compute_micro_secs > 0
    assert 0 <= stats.gpu.utilization_percent <= 100
    assert stats.gpu.peak_memory_bytes > 0


def test_a_full_device_costs_no_text() -> None:
    # Cut at load already, if this GPU is a small one.
    spec = ClassifierSpec(str(DEMO_MODEL), "GPU", "float32", max_batch_tokens=4_194_304)
    texts = ["a fine film, and a long one " * 80] * 20_000
    classifier = spec.load()
    total = torch.cuda.get_device_properties(0).total_memory
    # So that one forward pass over 2,048 texts of 512 tokens cannot have what it needs.
    torch.cuda.set_per_process_memory_fraction((torch.cuda.memory_reserved() + 2**30) / total)
    try:
        found = classifier.classify(texts)
    finally:
        torch.cuda.set_per_process_memory_fraction(1.0)
    assert found.stats.out_of_memory_retries > 0
    assert found.stats.lowered_batch_tokens
    assert len(set(found.winners)) == 1
    assert len(found.winners) == len(texts)


def test_a_budget_that_does_not_fit_is_cut_at_load(distilbert: Path) -> None:
    total = torch.cuda.get_device_properties(0).total_memory
    torch.cuda.set_per_process_memory_fraction((torch.cuda.memory_reserved() + 2**28) / total)
    try:
        classifier = ClassifierSpec(str(DEMO_MODEL), "GPU", max_batch_tokens=8_388_608).load()
    finally:
        torch.cuda.set_per_process_memory_fraction(1.0)
    assert classifier.effective.max_batch_tokens_from == "memory"
    assert classifier.effective.max_batch_tokens < 8_388_608


def test_gelu_comes_in_the_pass_of_its_product(distilbert: Path) -> None:
    assert ClassifierSpec(str(distilbert), "GPU", "float16").load().effective.fused == "activation"
    assert ClassifierSpec(str(distilbert), "GPU", "float32").load().effective.fused == ""
