"""Forward passes of a network, under a budget of tokens."""

import contextlib
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np
import torch

from runinference_metrics.classifier import cuda
from runinference_metrics.classifier.lanes import Lanes
from runinference_metrics.classifier.network import Grouping, Network
from runinference_metrics.classifier.tokens import Tokens
from runinference_metrics.records.batching import Cutting
from runinference_metrics.records.measured import GpuTime
from runinference_metrics.recovery.blame import TextFault
from runinference_metrics.recovery.memory import MicroBatches, TokenBudget

# From logits to scores.
Function = Callable[[torch.Tensor], torch.Tensor]


@dataclass(frozen=True)
class Started:
    """Texts that the device has, and may still be computing.

    Args:
        parts: the micro-batches.
        wait_nano_secs: until the device could be given them.
        launch_nano_secs: giving it them; on a CPU all of its work.
    """

    parts: list[Tokens]
    wait_nano_secs: int
    launch_nano_secs: int
    _scores: torch.Tensor
    _on_gpu: tuple[cuda.Mark, cuda.Download] | None

    def scores(self) -> np.ndarray:
        """The scores of each text, in the order of the tokens; waits for the device."""
        if self._on_gpu:
            return self._on_gpu[1].array()
        found: np.ndarray = self._scores.numpy()
        return found

    def gpu_time(self) -> GpuTime | None:
        """What it took on a GPU, once its scores are here; None on a CPU."""
        if self._on_gpu is None:
            return None
        begun, download = self._on_gpu
        return GpuTime(
            download.arrived.micro_secs_since(begun), self.launch_nano_secs // 1000
        )  # fmt: skip


class Passes:
    """Gives a network's work to its device, one thread at a time.

    Args:
        network: the network.
        function: from logits to scores.
        lanes: what computes micro-batches side by side.
        max_tokens: of one forward pass; lowered when the device's memory does not hold them.
        on_gpu: whether the network is on a GPU.
    """

    def __init__(
        self, network: Network, function: Function, lanes: Lanes, max_tokens: int, on_gpu: bool
    ) -> None:
        self.network = network
        self._function = function
        self._lanes = lanes
        self._cutting = _cutting(network.grouping, lanes.count)
        self._on_gpu = on_gpu
        self._lock = threading.Lock()
        self.budget = TokenBudget(max_tokens)

    def start(self, tokens: Tokens) -> Started:
        """Hands texts to the device, once it takes them."""
        waiting = time.perf_counter_ns()
        with self._lock:
            locked = time.perf_counter_ns()
            begun = cuda.Mark() if self._on_gpu else None
            scores, parts = self._scores(tokens)
            on_gpu = (begun, cuda.Download(scores)) if begun else None
            handed_over = time.perf_counter_ns()
        return Started(parts, locked - waiting, handed_over - locked, scores, on_gpu)

    def fill(self, samples: Iterable[Tokens]) -> bool:
        """Computes as many of each text as the budget holds, and keeps what of it the device holds.

        So the first batch finds the kernels loaded and the memory taken, and is like the second.

        Returns:
            Whether the budget had to be lowered.
        """
        before = self.budget.max_tokens
        for one in samples:
            times = max(1, self.budget.max_tokens // len(one.ids))
            times = min(times, self._cutting.most_texts or times)
            # A single text that does not fit is none of those that are to be classified.
            with contextlib.suppress(TextFault):
                self.start(one.repeated(times)).scores()
        self.budget = TokenBudget(self.budget.max_tokens)
        return self.budget.max_tokens < before

    def _scores(self, tokens: Tokens) -> tuple[torch.Tensor, list[Tokens]]:
        def logits_of(texts: list[int]) -> tuple[Tokens, torch.Tensor]:
            # Sorted texts are cut into neighbours. Threads do not inherit the mode.
            part = tokens.part(texts[0], texts[-1] + 1)
            with torch.inference_mode():
                return part, self.network(part)

        batches = MicroBatches(
            tokens.lengths.tolist(), self._cutting, self.budget, logits_of, cuda.free_memory
        )
        done = batches.run(self._lanes.map)
        with torch.inference_mode():
            scores = self._function(torch.cat([logits for _, (_, logits) in done]))
        return scores, [part for _, (part, _) in done]


def _cutting(grouping: Grouping, at_once: int) -> Cutting:
    if grouping == Grouping.PACKED:
        return Cutting(padded=False, at_once=at_once)
    return Cutting(
        mixed=grouping != Grouping.EQUAL_LENGTHS,
        most_texts=1 if grouping == Grouping.ALONE else None,
    )
