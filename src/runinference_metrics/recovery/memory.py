"""Going on with smaller micro-batches when a device has no memory left. Knows nothing of torch."""

import threading
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from runinference_metrics.records.batching import Cutting
from runinference_metrics.recovery.blame import TextFault

Result = TypeVar("Result")
Each = Callable[[Callable[[list[int]], Any], Sequence[list[int]]], Iterable[Any]]

# How torch, CUDA and cuBLAS say it; the last two are its allocator's on a CPU.
_MESSAGES = (
    "out of memory", "cublas_status_alloc_failed", "cudnn_status_alloc_failed",
    "can't allocate memory", "not enough memory",
)  # fmt: skip
# Where memory is short a library cannot begin either, and says no more than this.
_PERHAPS = ("cublas_status_not_initialized", "cudnn_status_not_initialized")


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an error says that the device's memory does not suffice."""
    # By name, since torch must not be needed here. Python's own MemoryError is the machine's.
    if any(one.__name__ == "OutOfMemoryError" for one in type(error).__mro__):
        return True
    message = str(error).lower()
    return isinstance(error, RuntimeError) and any(one in message for one in _MESSAGES)


def may_be_out_of_memory(error: BaseException) -> bool:
    """Whether a smaller micro-batch is worth a try; if that fails too, it was something else."""
    if is_out_of_memory(error):
        return True
    message = str(error).lower()
    return isinstance(error, RuntimeError) and any(one in message for one in _PERHAPS)


class TokenBudget:
    """The tokens of one forward pass, lowered when they do not fit the device.

    Args:
        max_tokens: what to begin with.
    """

    def __init__(self, max_tokens: int) -> None:
        self._first = max_tokens
        self._retries = 0
        self._lock = threading.Lock()
        self.max_tokens = max_tokens

    @property
    def lowered(self) -> int | None:
        """The budget, once it was lowered; else None."""
        return self.max_tokens if self.max_tokens < self._first else None

    def lower(self, max_tokens: int) -> None:
        """From now on no more than this."""
        with self._lock:
            self.max_tokens = min(self.max_tokens, max_tokens)

    def count_retry(self) -> None:
        """Notes a micro-batch that did not fit."""
        with self._lock:
            self._retries += 1

    def take_retries(self) -> int:
        """Micro-batches that did not fit, since this was last asked."""
        with self._lock:
            retries, self._retries = self._retries, 0
        return retries


@dataclass(frozen=True)
class MicroBatches(Generic[Result]):
    """Micro-batches that are run; one that does not fit is cut again to half, and so on.

    The budget is lowered to half of what did not fit, for what is still to run too, as soon as all
    of it has run in pieces of at most that size. It stays when a single text does not fit: that
    text, not the budget, is too large.

    Args:
        lengths: tokens of each text.
        cutting: how they are cut.
        budget: the budget of a forward pass.
        forward: runs one micro-batch.
        free_memory: gives back what the device keeps in reserve.
    """

    lengths: Sequence[int]
    cutting: Cutting
    budget: TokenBudget
    forward: Callable[[list[int]], Result]
    free_memory: Callable[[], None]

    def run(self, each: Each = map) -> list[tuple[list[int], Result]]:
        """Runs them all.

        Args:
            each: calls a function for each of a list, in turn or side by side.

        Returns:
            The micro-batches that ran, with their results; every text once, longest first.

        Raises:
            TextFault: a text does not fit alone.
        """
        cut = self.cutting.micro_batches(self.lengths, self.budget.max_tokens)
        return [one for done in each(self._run, cut) for one in done]

    def _run(self, part: list[int]) -> list[tuple[list[int], Result]]:
        tokens = self.cutting.tokens([self.lengths[index] for index in part])
        if len(part) > 1 and tokens > self.budget.max_tokens:
            # Cut before the budget was lowered.
            return self._run_in_pieces(part, self.budget.max_tokens)
        try:
            return [(part, self.forward(part))]
        except Exception as error:
            if not may_be_out_of_memory(error):
                raise
            # Its traceback holds the tensors.
            problem = error.with_traceback(None)
        self.free_memory()
        if len(part) == 1 and not is_out_of_memory(problem):
            raise problem
        if len(part) == 1:
            detail = f"{tokens} tokens do not fit the device's memory, even alone"
            raise TextFault("out_of_memory", "inference", detail)
        self.budget.count_retry()
        half = max(1, tokens // 2)
        done = self._run_in_pieces(part, half)
        self.budget.lower(half)
        return done

    def _run_in_pieces(self, part: list[int], max_tokens: int) -> list[tuple[list[int], Result]]:
        lengths = [self.lengths[index] for index in part]
        pieces = self.cutting.micro_batches(lengths, max_tokens)
        return [one for piece in pieces for one in self._run([part[place] for place in piece])]
