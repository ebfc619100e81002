"""Going on with smaller micro-batches when a device has no memory left. Knows nothing of torch."""

from collections.abc import Callable, Sequence
from typing import TypeVar

from runinference_metrics.records.batching import micro_batches
from runinference_metrics.recovery.blame import TextFault

Result = TypeVar("Result")

# How torch, CUDA and cuBLAS say it; the last two are its allocator's on a CPU.
_MESSAGES = (
    "out of memory", "cublas_status_alloc_failed", "cudnn_status_alloc_failed",
    "can't allocate memory", "not enough memory",
)  # fmt: skip


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an error says that the device's memory does not suffice."""
    # By name, since torch must not be needed here. Python's own MemoryError is the machine's.
    if any(one.__name__ == "OutOfMemoryError" for one in type(error).__mro__):
        return True
    message = str(error).lower()
    return isinstance(error, RuntimeError) and any(one in message for one in _MESSAGES)


class TokenBudget:
    """The tokens of one forward pass, lowered when they do not fit the device.

    Args:
        max_tokens: what to begin with.
    """

    def __init__(self, max_tokens: int) -> None:
        self._first = max_tokens
        self._retries = 0
        self.max_tokens = max_tokens

    @property
    def lowered(self) -> int | None:
        """The budget, once it was lowered; else None."""
        return self.max_tokens if self.max_tokens < self._first else None

    def lower(self, max_tokens: int) -> None:
        """From now on no more than this."""
        self.max_tokens = min(self.max_tokens, max_tokens)

    def count_retry(self) -> None:
        """Notes a micro-batch that did not fit."""
        self._retries += 1

    def take_retries(self) -> int:
        """Micro-batches that did not fit, since this was last asked."""
        retries, self._retries = self._retries, 0
        return retries


def run_micro_batches(
    cut: Sequence[list[int]],
    lengths: Sequence[int],
    budget: TokenBudget,
    forward: Callable[[list[int]], Result],
    free_memory: Callable[[], None],
) -> list[tuple[list[int], Result]]:
    """Runs micro-batches; one that does not fit is cut again to half its tokens, and so on.

    The budget is lowered to half of what did not fit, for what is still to run too, as soon as all
    of it has run in pieces of at most that size. It stays when a single
    text does not fit: that text, not the budget, is too large.

    Args:
        cut: the micro-batches, as `batching.micro_batches` gives them.
        lengths: tokens of each text.
        budget: the budget that they were cut by.
        forward: runs one micro-batch.
        free_memory: gives back what the device keeps in reserve.

    Returns:
        The micro-batches that ran, with their results; every text of `cut` once, in its order.

    Raises:
        TextFault: a text does not fit alone.
    """
    return [done for part in cut for done in _run(part, lengths, budget, forward, free_memory)]


def _run(
    part: list[int],
    lengths: Sequence[int],
    budget: TokenBudget,
    forward: Callable[[list[int]], Result],
    free_memory: Callable[[], None],
) -> list[tuple[list[int], Result]]:
    tokens = len(part) * int(lengths[part[0]])
    if len(part) > 1 and tokens > budget.max_tokens:
        # Cut before the budget was lowered.
        pieces = _cut(part, lengths, budget.max_tokens)
        return run_micro_batches(pieces, lengths, budget, forward, free_memory)
    try:
        return [(part, forward(part))]
    except Exception as error:
        if not is_out_of_memory(error):
            raise
    # Outside of the handler: there the error's traceback still holds the tensors.
    free_memory()
    if len(part) == 1:
        detail = f"{tokens} tokens do not fit the device's memory, even alone"
        raise TextFault("out_of_memory", "inference", detail)
    budget.count_retry()
    half = max(1, tokens // 2)
    pieces = _cut(part, lengths, half)
    done = run_micro_batches(pieces, lengths, budget, forward, free_memory)
    budget.lower(half)
    return done


def _cut(part: list[int], lengths: Sequence[int], max_tokens: int) -> list[list[int]]:
    pieces = micro_batches([int(lengths[index]) for index in part], max_tokens)
    return [[part[place] for place in piece] for piece in pieces]
