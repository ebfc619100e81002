"""Pairs of texts as tokens, cut to a length as transformers does.

The tokenizers library cuts pairs too, but keeps every piece of the first text joined with every
piece of the second: two texts of 16,000 tokens, cut to 64, take a minute and 14 GB.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import tokenizers

from runinference_metrics.errors import UserError
from runinference_metrics.records.text import Text
from runinference_metrics.recovery.blame import TextFault


@dataclass(frozen=True, slots=True)
class CutEncoding:
    """What is left of an encoding that was too long, under the library's own names.

    Args:
        ids: its tokens.
        type_ids: their types.
        overflowing: that something was cut off.
    """

    ids: list[int]
    type_ids: list[int]
    overflowing: bool = True


class PairEncoder:
    """Encodes texts and pairs of texts, none to more tokens than it may have.

    Args:
        encoder: the tokenizer of the tokenizers library; it stays as it is.
        max_length: the most tokens, special ones included.
        from_left: whether the beginnings of texts are cut off, and not their ends.

    Raises:
        UserError: the special tokens leave no room for one token of each text.
    """

    def __init__(self, encoder: Any, max_length: int, from_left: bool) -> None:
        special = encoder.num_special_tokens_to_add(True)
        if max_length < special + 2:
            takes = f"a whole number from {special + 2} with this model and --text_pair_field"
            raise UserError("max_length", takes, str(max_length))
        self._max_length = max_length
        self._from_left = from_left
        # A copy: changing the other's truncation is not safe while threads use it.
        self._encoder = tokenizers.Tokenizer.from_str(encoder.to_str())
        self._encoder.encode_special_tokens = encoder.encode_special_tokens
        self._encoder.no_truncation()

    def __call__(self, texts: Sequence[Text]) -> list[Any]:
        """The encoding of each text, or what is left of it."""
        encodings = self._encoder.encode_batch_fast([_as_transformers(text) for text in texts])
        return [self._fitting(encoding) for encoding in encodings]

    def _fitting(self, encoding: Any) -> Any:
        if len(encoding) <= self._max_length:
            return encoding
        # None for special tokens.
        texts = np.array([-1 if one is None else one for one in encoding.sequence_ids])
        first, second = np.flatnonzero(texts == 0), np.flatnonzero(texts == 1)
        room = self._max_length - (len(texts) - len(first) - len(second))
        if room < 0:
            detail = "the tokenizer does not say which tokens are special, and it is too long"
            raise TextFault("tokenization_failed", "tokenize", detail)
        left = longest_first(len(first), len(second), room)
        kept = texts == -1
        for places, count in zip((first, second), left, strict=True):
            kept[places[len(places) - count :] if self._from_left else places[:count]] = True
        return CutEncoding(
            np.array(encoding.ids)[kept].tolist(), np.array(encoding.type_ids)[kept].tolist()
        )


def longest_first(first: int, second: int, room: int) -> tuple[int, int]:
    """What is left of two texts that are too long together: the longer one is cut first.

    Args:
        first: the tokens of the first text.
        second: those of the second.
        room: the tokens for both.
    """
    shorter = min(first, second, room // 2)
    return (shorter, room - shorter) if first <= second else (room - shorter, shorter)


def _as_transformers(text: Text) -> Text:
    """A text as transformers' pipeline takes it: beside nothing, the first one stands alone."""
    return text[0] if isinstance(text, tuple) and not text[1] else text
