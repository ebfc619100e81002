"""Cutting texts into batches: pure functions."""

from collections.abc import Iterator, Sequence, Sized


def micro_batches(lengths: Sequence[int], max_tokens: int) -> list[list[int]]:
    """Cuts texts into micro-batches under a token budget.

    The texts are ordered by length, longest first, so that neighbours pad little and a device
    that is too small shows it at once. A micro-batch costs its number of texts times its longest
    text. A text that is longer than the budget goes alone.

    Args:
        lengths: tokens of each text.
        max_tokens: the budget of one forward pass, padding included.

    Returns:
        The indices of the texts, a list for each micro-batch; every index once.
    """
    order = sorted(range(len(lengths)), key=lambda index: -lengths[index])
    cut = []
    start = 0
    while start < len(order):
        size = max(1, max_tokens // max(1, lengths[order[start]]))
        cut.append(order[start : start + size])
        start += size
    return cut


class Joiner:
    """Joins small batches until they hold enough texts, and never too many.

    Args:
        smallest: a group with at least this many texts is complete.
        largest: no group of several batches holds more texts than this.
    """

    def __init__(self, smallest: int, largest: int) -> None:
        self._smallest = smallest
        self._largest = largest
        self._held: list[Sized] = []
        self._held_texts = 0

    def add(self, batch: Sized) -> Iterator[list[Sized]]:
        """Takes a batch; yields the groups that are complete with it."""
        if self._held and self._held_texts + len(batch) > self._largest:
            yield from self.flush()
        self._held.append(batch)
        self._held_texts += len(batch)
        if self._held_texts >= self._smallest:
            yield from self.flush()

    def flush(self) -> Iterator[list[Sized]]:
        """Yields what is held, however little it is."""
        if self._held:
            group, self._held, self._held_texts = self._held, [], 0
            yield group
