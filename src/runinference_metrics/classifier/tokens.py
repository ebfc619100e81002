"""Texts as tokens: a batch at a time, sorted by length, without padding."""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, slots=True)
class Tokens:
    """The tokens of several texts, one text behind the other.

    Args:
        ids: int64 of shape [tokens].
        lengths: int64 of shape [texts]: how many of them each text has, the longest text first.
        type_ids: int64 of shape [tokens]; None for models without token types.
    """

    ids: np.ndarray
    lengths: np.ndarray
    type_ids: np.ndarray | None = None

    def __len__(self) -> int:
        return len(self.lengths)

    @property
    def longest(self) -> int:
        """The tokens of the longest text."""
        return int(self.lengths[0])

    @property
    def starts(self) -> np.ndarray:
        """int64 of shape [texts]: where each text begins."""
        return np.cumsum(self.lengths) - self.lengths

    @property
    def positions(self) -> np.ndarray:
        """int64 of shape [tokens]: each token's place in its own text, from 0."""
        return np.arange(len(self.ids)) - np.repeat(self.starts, self.lengths)

    def part(self, first: int, last: int) -> "Tokens":
        """The texts from `first` up to, not including, `last`."""
        ends = np.cumsum(self.lengths)
        here = slice(int(ends[first] - self.lengths[first]), int(ends[last - 1]))
        types = None if self.type_ids is None else self.type_ids[here]
        return Tokens(self.ids[here], self.lengths[first:last], types)

    def chosen(self, which: np.ndarray) -> "Tokens":
        """The texts at the places `which`, int64 of shape [texts], in ascending order."""
        kept = np.repeat(np.isin(np.arange(len(self)), which), self.lengths)
        types = None if self.type_ids is None else self.type_ids[kept]
        return Tokens(self.ids[kept], self.lengths[which], types)

    def repeated(self, times: int) -> "Tokens":
        """One text so many times; only for a single one."""
        types = None if self.type_ids is None else np.tile(self.type_ids, times)
        return Tokens(np.tile(self.ids, times), np.tile(self.lengths, times), types)


@dataclass(frozen=True, slots=True)
class TokenizedTexts:
    """What the tokenizer made of texts.

    Args:
        tokens: their tokens, longest text first.
        order: int64 of shape [texts]: the place of each of them in the input.
        truncated: how many texts were cut to the maximal length.
    """

    tokens: Tokens
    order: np.ndarray
    truncated: int

    def in_order(self, values: np.ndarray) -> np.ndarray:
        """A row of each of `tokens`, in the order of the input."""
        found = np.empty_like(values)
        found[self.order] = values
        return found
