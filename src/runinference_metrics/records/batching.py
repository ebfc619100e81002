"""Cutting texts into batches: pure functions."""

import bisect
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise
from typing import Protocol

# A batch is closed before its rows exceed this, however few they are. Tokenising takes some 170
# times a text's size (measured with prose; 600 times with punctuation): 0.7 GB for a full batch of
# long texts. 65,536 sentences of 60 bytes are within it.
MAX_BATCH_BYTES = 4 << 20

# Micro-batches are not made smaller than this to be computed side by side: with fewer rows a
# product takes longer for each (a tenth longer at 128, on an AMD EPYC with AVX512-BF16).
FEWEST_TOKENS = 256


class Batch(Protocol):
    """What a Joiner joins: its length is its number of texts."""

    @property
    def row_bytes(self) -> int:
        """The size of the rows that it was read from."""
        ...

    def __len__(self) -> int:
        """Its number of texts."""
        ...


@dataclass(frozen=True)
class Cutting:
    """How texts are cut into micro-batches under a token budget.

    Texts are ordered by length, longest first, so that neighbours are alike and a device that is
    too small shows it at once. A text that is longer than the budget goes alone.

    Args:
        padded: whether each text costs as many tokens as the longest beside it.
        mixed: whether texts of different lengths may share a micro-batch.
        most_texts: no micro-batch holds more; None for no limit.
        at_once: how many micro-batches are computed at the same time. Where nothing is padded
            their number is a multiple of it, and they are of like size, so that none waits.
    """

    padded: bool = True
    mixed: bool = True
    most_texts: int | None = None
    at_once: int = 1

    def tokens(self, lengths: Sequence[int]) -> int:
        """The tokens that a forward pass of these texts computes."""
        return len(lengths) * max(lengths) if self.padded else sum(lengths)

    def micro_batches(self, lengths: Sequence[int], max_tokens: int) -> list[list[int]]:
        """Cuts texts.

        Args:
            lengths: tokens of each text.
            max_tokens: the budget of one forward pass, padding included.

        Returns:
            The indices of the texts, a list for each micro-batch; every index once.
        """
        order = sorted(range(len(lengths)), key=lambda index: -lengths[index])
        ordered = [lengths[index] for index in order]
        ends = self._padded_ends if self.padded else self._packed_ends
        edges = [0, *ends(ordered, max_tokens)]
        return [order[start:end] for start, end in pairwise(edges)]

    def _padded_ends(self, lengths: Sequence[int], max_tokens: int) -> Iterator[int]:
        end = 0
        while end < len(lengths):
            start, longest = end, lengths[end]
            most = min(max_tokens // max(1, longest), self.most_texts or len(lengths))
            end = min(len(lengths), start + max(1, most))
            if not self.mixed:
                end = bisect.bisect(lengths, -longest, start, end, key=lambda length: -length)
            yield end

    def _packed_ends(self, lengths: Sequence[int], max_tokens: int) -> Iterator[int]:
        sums = [0, *accumulate(lengths)]
        parts = self._parts(sums[-1], max_tokens)
        end = 0
        while end < len(lengths):
            start, share = sums[end], -(-(sums[-1] - sums[end]) // max(1, parts))
            goal = start + min(share, max_tokens)
            found = bisect.bisect_left(sums, goal, end + 1)
            nearer = sums[found] - goal > goal - sums[found - 1]
            if nearer or sums[found] - start > max_tokens:
                found -= 1
            end = max(end + 1, found)
            parts -= 1
            yield end

    def _parts(self, tokens: int, max_tokens: int) -> int:
        fewest = -(-tokens // max_tokens)
        even = -(-fewest // self.at_once) * self.at_once
        return max(fewest, min(even, tokens // FEWEST_TOKENS))


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
