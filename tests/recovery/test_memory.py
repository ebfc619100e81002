"""Micro-batches on a device whose memory runs out on demand."""

import logging
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import example, given
from hypothesis import strategies as st

from gpu_for_tests import classify, strict_gpu
from runinference_metrics.classifier.classifier import Classifier, ClassifierSpec
from runinference_metrics.classifier.encoder import PackedEncoder
from runinference_metrics.classifier.network import Network
from runinference_metrics.classifier.tokens import Tokens
from runinference_metrics.records.batching import Cutting
from runinference_metrics.recovery.blame import TextFault, is_of_device
from runinference_metrics.recovery.isolation import isolate
from runinference_metrics.recovery.memory import MicroBatches, TokenBudget, is_out_of_memory

CUTTING = Cutting()


class Device:
    """Runs micro-batches of up to so many tokens."""

    def __init__(self, capacity: int, lengths: list[int], cutting: Cutting = CUTTING) -> None:
        self.capacity = capacity
        self.cutting = cutting
        self.lengths = lengths
        self.tried: list[int] = []
        self.freed = 0

    def forward(self, part: list[int]) -> list[int]:
        tokens = self.cutting.tokens([self.lengths[index] for index in part])
        self.tried.append(tokens)
        if tokens > self.capacity:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.")
        return part

    def free(self) -> None:
        self.freed += 1


def run(device: Device, budget: TokenBudget) -> list[tuple[list[int], list[int]]]:
    return MicroBatches(
        device.lengths, device.cutting, budget, device.forward, device.free
    ).run()  # fmt: skip


LENGTHS = st.lists(st.integers(1, 50), min_size=1, max_size=80)


@given(LENGTHS, st.integers(1, 2000), st.integers(50, 2000), st.booleans())
@example([1, 1, 1, 13, 35], 105, 50, True)
def test_every_text_is_run_once_and_the_budget_fits(
    lengths: list[int], max_tokens: int, capacity: int, padded: bool
) -> None:
    budget = TokenBudget(max_tokens)
    device = Device(capacity, lengths, Cutting(padded))
    done = run(device, budget)
    assert sorted(index for part, _ in done for index in part) == list(range(len(lengths)))
    assert all(part == result for part, result in done)
    assert device.freed == budget.take_retries() == sum(one > capacity for one in device.tried)
    assert budget.take_retries() == 0
    if max_tokens <= capacity:
        assert budget.lowered is None
    # Halving never goes below half of what fits.
    assert budget.max_tokens >= min(max_tokens, capacity // 2)
    # And what was learnt lasts: each retry halves the budget, and soon there are none. (Texts of
    # unequal lengths may fill half a budget only partly, and the next ones wholly.)
    for _ in range(max_tokens.bit_length()):
        device.tried.clear()
        run(device, budget)
    assert all(tokens <= capacity for tokens in device.tried)


def test_the_budget_is_lowered_for_what_is_still_to_run() -> None:
    device = Device(100, [10] * 100)
    budget = TokenBudget(400)
    done = run(device, budget)
    # One micro-batch of 400 fails, one of 200 too; from then on all are of 100.
    assert device.tried == [400, 200] + [100] * 10
    assert {len(part) for part, _ in done} == {10}
    assert (budget.lowered, budget.take_retries()) == (100, 2)


def test_a_text_that_does_not_fit_alone_is_named_and_lowers_nothing() -> None:
    budget = TokenBudget(400)
    with pytest.raises(TextFault, match="150 tokens do not fit the device's memory, even alone"):
        run(Device(100, [5, 150, 5]), budget)
    assert budget.lowered is None


def test_isolation_finds_the_text_that_does_not_fit() -> None:
    lengths = [5] * 30 + [150] + [5] * 30
    budget = TokenBudget(400)

    def classify(texts: list[str]) -> list[str]:
        own = [2 if text == "ok" else lengths[int(text)] for text in texts]
        run(Device(100, own), budget)
        return texts

    found = isolate(classify, [str(number) for number in range(len(lengths))])
    assert [(one.index, one.reason) for one in found.failed] == [(30, "out_of_memory")]
    assert sum(map(len, found.parts)) == 60


def test_other_errors_pass() -> None:
    def forward(part: list[int]) -> Any:
        raise RuntimeError("index out of range in self")

    with pytest.raises(RuntimeError, match="index out of range"):
        MicroBatches([3, 3], Cutting(), TokenBudget(9), forward, lambda: None).run()


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20 MiB"), True),
        (RuntimeError("CUDA error: out of memory"), True),
        (RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate`"), True),
        (RuntimeError("[enforce fail at alloc_cpu.cpp:124] err == 0. DefaultCPUAllocator: can't "
                      "allocate memory: you tried to allocate 4 bytes."), True),
        (RuntimeError("CUDA error: an illegal memory access was encountered"), False),
        (MemoryError("out of memory"), False),
        (ValueError("out of memory"), False),
    ],
)  # fmt: skip
def test_how_a_device_says_it(error: BaseException, expected: bool) -> None:
    assert is_out_of_memory(error) is expected


def test_torch_s_own_allocator_says_it_so() -> None:
    with pytest.raises(RuntimeError) as caught:
        # More than any machine's address space.
        torch.empty(2**58, dtype=torch.int8)
    assert is_out_of_memory(caught.value)


class FullNetwork:
    """A network on a device that holds so many tokens of one forward pass."""

    def __init__(self, network: Network, capacity: int) -> None:
        self.network = network
        self.capacity = capacity
        self.num_bytes = network.num_bytes
        self.grouping = network.grouping
        self.side_by_side = network.side_by_side
        self.attention, self.fused = network.attention, network.fused

    def padding(self, tokens: Tokens) -> int:
        return self.network.padding(tokens)

    def __call__(self, tokens: Tokens) -> torch.Tensor:
        if len(tokens.ids) > self.capacity:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.")
        return self.network(tokens)


def full(classifier: Classifier, capacity: int) -> Classifier:
    classifier._passes.network = FullNetwork(classifier._passes.network, capacity)
    return classifier


def test_the_classifier_goes_on_with_less(distilbert: Path, sentences: list[str]) -> None:
    spec = ClassifierSpec(str(distilbert), precision="float32", max_batch_tokens=1000)
    expected = spec.load().classify(sentences)
    small = full(spec.load(), 300)
    found = small.classify(sentences)
    # float32 sums in another order in a batch of another shape.
    assert np.allclose(found.scores, expected.scores, atol=1e-6)
    assert found.winners == expected.winners
    assert found.stats.out_of_memory_retries > 0
    assert found.stats.lowered_batch_tokens is not None
    assert 150 <= found.stats.lowered_batch_tokens <= 300
    assert found.stats.tokens == expected.stats.tokens
    assert found.stats.micro_batches > expected.stats.micro_batches
    again = small.classify(sentences)
    assert again.stats.out_of_memory_retries == 0
    assert again.stats.lowered_batch_tokens == found.stats.lowered_batch_tokens


def test_the_classifier_gives_up_a_text_that_does_not_fit(distilbert: Path) -> None:
    classifier = full(ClassifierSpec(str(distilbert)).load(), 20)
    with pytest.raises(TextFault, match="out_of_memory: 42 tokens"):
        classifier.classify(["good film", "good " * 40, "bad film"])
    assert classifier.classify(["good film", "bad film"]).stats.lowered_batch_tokens is None


NOT_BEGUN = "CUDA error: CUBLAS_STATUS_NOT_INITIALIZED when calling `cublasCreate(handle)`"


def test_a_library_that_cannot_begin_may_lack_memory() -> None:
    """cuBLAS says no more than that; with less beside it, it begins."""

    def forward(part: list[int]) -> list[int]:
        if len(part) > 2:
            raise RuntimeError(NOT_BEGUN)
        return part

    budget = TokenBudget(8)
    done = MicroBatches([1] * 8, CUTTING, budget, forward, lambda: None).run()
    assert sorted(index for part, _ in done for index in part) == list(range(8))
    assert budget.lowered == 2


def test_a_library_that_never_begins_is_the_device_s_fault() -> None:
    def forward(part: list[int]) -> list[int]:
        raise RuntimeError(NOT_BEGUN)

    with pytest.raises(RuntimeError, match="NOT_INITIALIZED") as caught:
        MicroBatches([1] * 8, CUTTING, TokenBudget(8), forward, lambda: None).run()
    assert is_of_device(caught.value)
    assert not is_out_of_memory(caught.value)


def test_what_does_not_fit_at_load_is_cut_there(
    distilbert: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    call = PackedEncoder.__call__

    def full(network: PackedEncoder, tokens: Tokens) -> torch.Tensor:
        if len(tokens.ids) > 300:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.")
        return call(network, tokens)

    monkeypatch.setattr(PackedEncoder, "__call__", full)
    name = "runinference_metrics.classifier.classifier"
    with strict_gpu(), caplog.at_level(logging.WARNING, name):
        classifier, found = classify(distilbert, ["good " * 20] * 99, max_batch_tokens=1000)
    effective = classifier.effective
    assert 150 <= effective.max_batch_tokens <= 300
    assert effective.max_batch_tokens_from == "memory"
    said = f"max_batch_tokens is {effective.max_batch_tokens}: more do not fit the GPU's memory."
    assert said in caplog.messages
    # What was cut at load is no fault of a batch.
    assert found.stats.out_of_memory_retries == 0
    assert found.stats.lowered_batch_tokens is None
