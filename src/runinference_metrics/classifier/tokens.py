"""Texts as tokens: a batch at a time, sorted by length, without padding."""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from runinference_metrics.classifier.pairs import PairEncoder
from runinference_metrics.records.text import Text
from runinference_metrics.recovery.blame import TextFault, tokenizing


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


class Tokenizer:
    """A fast tokenizer of transformers, used directly: its Python side costs more than it does.

    Args:
        tokenizer: transformers' own.
        max_length: longer texts are cut to so many tokens.
        vocabulary: how many tokens the model has embeddings for; None where it has none.
    """

    def __init__(self, tokenizer: Any, max_length: int, vocabulary: int | None) -> None:
        self.pad_id: int | None = tokenizer.pad_token_id
        self.pad_left: bool = tokenizer.padding_side == "left"
        self._wants_type_ids = "token_type_ids" in tokenizer.model_input_names
        self.max_length = max_length
        self._encoder = tokenizer.backend_tokenizer
        # Set once: changing it between calls is not safe with several threads.
        self._encoder.enable_truncation(max_length, direction=tokenizer.truncation_side)
        self._encoder.no_padding()
        self._from_left = tokenizer.truncation_side == "left"
        # Tokens may have been added that no training has seen.
        self._vocabulary = vocabulary if vocabulary and len(tokenizer) > vocabulary else None

    @cached_property
    def _pair_encoder(self) -> PairEncoder:
        return PairEncoder(self._encoder, self.max_length, self._from_left)

    def __call__(self, texts: Sequence[Text]) -> TokenizedTexts:
        """Tokenises texts, or pairs of texts.

        Raises:
            TextFault: they cannot be tokenised.
            UserError: they are pairs, for which the maximal length leaves no room.
        """
        with tokenizing(texts):
            if isinstance(texts[0], tuple):
                encodings = self._pair_encoder(texts)
            else:
                # Without the letters that each token stands for, which nobody asks for.
                encodings = self._encoder.encode_batch_fast(list(texts))
        ids = [encoding.ids for encoding in encodings]
        lengths = np.fromiter(map(len, ids), np.int64, len(ids))
        if not lengths.all():
            raise TextFault("no_tokens", "tokenize", "the tokenizer makes no token of it")
        if self._vocabulary is not None:
            largest = max(map(max, ids))
            if largest >= self._vocabulary:
                detail = f"token {largest}, and the model has {self._vocabulary} embeddings"
                raise TextFault("unknown_token", "tokenize", detail)
        truncated = sum(
            1 for index in np.flatnonzero(lengths >= self.max_length)
            if encodings[index].overflowing
        )  # fmt: skip
        # Longest first: a device that is too small shows it at once.
        order = np.argsort(-lengths, kind="stable")
        types = None
        if self._wants_type_ids:
            types = _flat([encoding.type_ids for encoding in encodings], order)
        return TokenizedTexts(Tokens(_flat(ids, order), lengths[order], types), order, truncated)


def _flat(values: list[list[int]], order: np.ndarray) -> np.ndarray:
    return np.fromiter(
        itertools.chain.from_iterable(values[index] for index in order.tolist()), np.int64
    )
