"""How many tokens one forward pass takes, where the user leaves it to us."""

import time
from collections.abc import Callable, Collection
from dataclasses import dataclass
from enum import StrEnum

from runinference_metrics.classifier.devices import INT8
from runinference_metrics.records.processor import AMX_BF16

# Tokens of one forward pass: the fastest of what bench/token_budget.py tries with DistilBERT's
# shape, see bench/README.md. Without AMX half as many or twice as many are within a tenth; with the
# demo model, a sixth as wide, more gain nothing worth their memory. On a GPU not measured yet.
AUTO_BATCH_TOKENS = {
    ("CPU", "float32"): 1024,
    ("CPU", "bfloat16"): 2048,
    ("CPU", "float16"): 1024,
    ("CPU", INT8): 2048,
    ("GPU", "float32"): 32_768,
    ("GPU", "bfloat16"): 32_768,
    ("GPU", "float16"): 32_768,
}
# With AMX a product is done so quickly that what comes with each call counts.
_AMX_BATCH_TOKENS = {"bfloat16": 4096}
# Where texts are padded, more of them beside each other mean more padding, and transformers' layers
# more passes through memory: ModernBERT's shape was 1.1 times as fast as at 2,048 (Zen 4).
_PADDED_BATCH_TOKENS = {("CPU", "bfloat16"): 1024}

# A search takes no longer, in a process that will work for minutes.
SEARCH_SECS = 0.8
_MOST_ROUNDS = 5
# What is gained by less is within what a round differs from the next.
_LEAST_GAIN = 0.04


class Source(StrEnum):
    """Where a budget comes from."""

    PARAMETER = "parameter"
    TABLE = "table"
    SEARCH = "search"
    MEMORY = "memory"
    """What the device holds of the others."""


@dataclass(frozen=True)
class Budget:
    """What a forward pass takes.

    Args:
        max_tokens: in tokens.
        source: where that is from.
    """

    max_tokens: int
    source: Source


def from_table(
    device: str, precision: str, instruction_sets: Collection[str], packed: bool = True
) -> int:
    """The budget that was fastest where it was measured.

    Args:
        device: "CPU" or "GPU".
        precision: what is computed in.
        instruction_sets: those of the processor.
        packed: whether texts are computed without padding.
    """
    usual = AUTO_BATCH_TOKENS[device, precision]
    if not packed:
        return _PADDED_BATCH_TOKENS.get((device, precision), usual)
    return _AMX_BATCH_TOKENS.get(precision, usual) if AMX_BF16 in instruction_sets else usual


def searched(
    usual: int,
    run: Callable[[int], None],
    clock_secs: Callable[[], float] = time.perf_counter,
) -> int:
    """The fastest of the usual budget, half of it and twice as much; the usual one in doubt.

    Args:
        usual: what to begin with.
        run: computes so many tokens.
        clock_secs: a clock.
    """
    begun = clock_secs()
    budgets = (usual, usual // 2, usual * 2)
    # A token's time, the least of all rounds: whatever else the machine does only adds to it.
    secs = dict.fromkeys(budgets, float("inf"))
    for _ in range(_MOST_ROUNDS):
        for budget in budgets:
            started = clock_secs()
            run(budget)
            ended = clock_secs()
            secs[budget] = min(secs[budget], (ended - started) / budget)
            if ended - begun > SEARCH_SECS:
                return _chosen(usual, secs)
    return _chosen(usual, secs)


def _chosen(usual: int, secs: dict[int, float]) -> int:
    best = min(secs, key=secs.__getitem__)
    return best if secs[best] < (1 - _LEAST_GAIN) * secs[usual] else usual
