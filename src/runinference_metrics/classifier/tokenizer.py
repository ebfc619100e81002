"""From texts to tokens, many at once."""

import itertools
from collections.abc import Sequence
from functools import cached_property
from typing import Any, cast

import numpy as np

from runinference_metrics.classifier.pairs import PairEncoder
from runinference_metrics.classifier.tokens import TokenizedTexts, Tokens
from runinference_metrics.classifier.word_tokenizer import word_tokenizer
from runinference_metrics.records.text import Text
from runinference_metrics.recovery.blame import TextFault, tokenizing


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
        self._by_words = word_tokenizer(
            self._encoder, max_length, self._from_left, self._wants_type_ids
        )

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
            tokenized = self._tokenized(texts)
        tokens = tokenized.tokens
        if not tokens.lengths.all():
            raise TextFault("no_tokens", "tokenize", "the tokenizer makes no token of it")
        if self._vocabulary is not None and (largest := tokens.ids.max()) >= self._vocabulary:
            detail = f"token {largest}, and the model has {self._vocabulary} embeddings"
            raise TextFault("unknown_token", "tokenize", detail)
        return tokenized

    def _tokenized(self, texts: Sequence[Text]) -> TokenizedTexts:
        if isinstance(texts[0], tuple):
            return self._sorted(self._pair_encoder(texts))
        if self._by_words:
            return self._by_words(cast("Sequence[str]", texts))
        # Without the letters that each token stands for, which nobody asks for.
        return self._sorted(self._encoder.encode_batch_fast(list(texts)))

    def _sorted(self, encodings: list[Any]) -> TokenizedTexts:
        ids = [encoding.ids for encoding in encodings]
        lengths = np.fromiter(map(len, ids), np.int64, len(ids))
        longest = np.flatnonzero(lengths >= self.max_length).tolist()
        truncated = sum(1 for at in longest if encodings[at].overflowing)
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
