"""Cutting texts into batches: pure functions."""

import bisect
from collections.abc import Iterator, Sequence
from typing import Protocol

# A batch is closed before its rows exceed this, however few they are. Tokenising takes some 170
# times a text's size (measured with prose; 600 times with punctuation): 0.7 GB for a full batch of
# long texts. 65,536 sentences of 60 bytes are within it.
MAX_BATCH_BYTES = 4 << 20


class Batch(Protocol):
    """What a Joiner joins: its length is its number of texts."""

    @property
    def row_bytes(self) -> int:
        """The size of the rows that it was read from."""
        ...

    def __len__(self) -> int:
        """Its number of texts."""
        ...


def micro_batches(lengths: Sequence[int], max_tokens: int, mixed: bool = True) -> list[list[int]]:
    """Cuts texts into micro-batches under a token budget.

    The texts are ordered by length, longest first, so that neighbours pad little and a device
    that is too small shows it at once. A micro-batch costs its number of texts times its longest
    text. A text that is longer than the budget goes alone.

    Args:
        lengths: tokens of each text.
        max_tokens: the budget of one forward pass, padding included.
        mixed: whether texts of different lengths may share one.

    Returns:
        The indices of the texts, a list for each micro-batch; every index once.
    """
    order = sorted(range(len(lengths)), key=lambda index: -lengths[index])
    cut = []
    start = 0
    while start < len(order):
        longest = lengths[order[start]]
        end = min(len(order), start + max(1, max_tokens // max(1, longest)))
        if not mixed:
            end = bisect.bisect(order, -longest, start, end, key=lambda index: -lengths[index])
        cut.append(order[start:end])
        start = end
    return cut


class Joiner:
    """Joins small batches until they hold enough texts, and never too many or too large ones.

    Args:
        smallest: a group with at least this many texts is complete.
        largest: no group of several batches holds more texts than this.
        largest_bytes: nor rows of more bytes than this.
    """

    def __init__(
        self, smallest: int, largest: int, largest_bytes: int = MAX_BATCH_BYTES
    ) -> None:  # fmt: skip
        self._smallest = smallest
        self._largest = largest
        self._largest_bytes = largest_bytes
        self._held: list[Batch] = []
        self._held_texts = 0
        self._held_bytes = 0

    def add(self, batch: Batch) -> Iterator[list[Batch]]:
        """Takes a batch; yields the groups that are complete with it."""
        if self._held and (
            self._held_texts + len(batch) > self._largest
            or self._held_bytes + batch.row_bytes > self._largest_bytes
        ):
            yield from self.flush()
        self._held.append(batch)
        self._held_texts += len(batch)
        self._held_bytes += batch.row_bytes
        if self._held_texts >= self._smallest:
            yield from self.flush()

    def flush(self) -> Iterator[list[Batch]]:
        """Yields what is held, however little it is."""
        if self._held:
            group, self._held, self._held_texts, self._held_bytes = self._held, [], 0, 0
            yield group
