"""Tokenises texts word by word, for tokenizers that look at no more than a word.

BERT's do: what they make of a text is what they make of its words, one behind the other. The
tokenizers library works through the letters of each word again every time; here the tokens of a
word are remembered, and numpy cuts many texts into words at once. What the tokens of a word are is
asked of the library: nothing of the model's own is repeated here.
"""

import logging
from collections.abc import Sequence
from typing import Any

import numpy as np
import tokenizers
from tokenizers import models, normalizers, pre_tokenizers

from runinference_metrics.classifier.tokens import TokenizedTexts, Tokens
from runinference_metrics.classifier.words import LONGEST_BYTES, PADDING, WordMemory, Words, ranges
from runinference_metrics.errors import first_line

_LOG = logging.getLogger(__name__)

# What a byte is: between words, of a word, a word of its own, or of a text to be asked for whole.
_SPACE, _LETTER, _MARK, _WHOLE = range(4)
# BertNormalizer makes spaces of these, or BertPreTokenizer takes them for some; words that have
# another of the characters without a shape in them are the library's.
_SPACES = b" \t\n\r"
# BertPreTokenizer cuts before and behind them; in UTF-8 they are part of no other character.
_MARKS = b"!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~"
# Where more of the words are new, as in a table of keys, asking for whole texts costs less. Of some
# texts their words are learned all the same, so that another language is soon known.
_MOST_NEW = 0.5
_LEARNED_OF = 8
# On these it must do as the library does: capitals, accents, marks, letters that are words, spaces
# and characters without a shape that are not ASCII's, and what is long.
_TRIED = (
    "", "word", "Two words", "don't (stop)…", "Ünïcode\u2019s naïve café", "中文 和 English",
    "no\u00a0break\u200b \x07bell\ttab\nline\r\n", "x" * 120, "supercalifragilistic " * 40,
    "🙂 e\u0301 \u0301 ≮ ﬁ", "a-b_c 3.14 C++ $5",
)  # fmt: skip


def word_tokenizer(
    encoder: Any, max_length: int, from_left: bool, with_types: bool
) -> "WordTokenizer | None":
    """A tokenizer that gives what `encoder` gives; None where texts are more than their words.

    Args:
        encoder: the tokenizer of the tokenizers library; it stays as it is.
        max_length: the most tokens of a text, special ones included.
        from_left: whether the beginnings of texts are cut off, and not their ends.
        with_types: whether tokens are to have types.
    """
    knows_words = (
        isinstance(encoder.model, models.WordPiece | models.WordLevel)
        and isinstance(encoder.normalizer, normalizers.BertNormalizer | None)
        and isinstance(encoder.pre_tokenizer, pre_tokenizers.BertPreTokenizer)
        and not any(token.normalized for token in encoder.get_added_tokens_decoder().values())
    )
    if not knows_words or max_length < encoder.num_special_tokens_to_add(False):
        return None
    try:
        found = WordTokenizer(encoder, max_length, from_left, with_types)
        if not found.agrees(encoder):
            raise ValueError("its tokens differ")
    except Exception as error:
        _LOG.info("Texts are tokenised by the library alone: %s", first_line(error))
        return None
    return found


class WordTokenizer:
    """Tokenises texts as a tokenizer of the tokenizers library does.

    Args:
        encoder: the tokenizer; it stays as it is.
        max_length: the most tokens of a text, special ones included.
        from_left: whether the beginnings of texts are cut off, and not their ends.
        with_types: whether tokens are to have types.
    """

    def __init__(self, encoder: Any, max_length: int, from_left: bool, with_types: bool) -> None:
        # A copy: changing the other's truncation is not safe while threads use it.
        self._encoder = tokenizers.Tokenizer.from_str(encoder.to_str())
        self._encoder.encode_special_tokens = encoder.encode_special_tokens
        self._encoder.no_truncation()
        self._encoder.no_padding()
        self._memory = WordMemory(self._ask)
        self._from_left, self._with_types = from_left, with_types
        word = self._ask(["a"])[0]
        framed = self._encoder.encode("a").ids
        at = next(at for at in range(len(framed)) if framed[at : at + len(word)] == word)
        # Special tokens, and how many of them stand before a text.
        self._special = np.array(framed[:at] + framed[at + len(word) :], np.int64)
        self._before = at
        self._room = max_length - len(self._special)
        self._kinds = np.full(256, _LETTER, np.uint8)
        self._kinds[list(_SPACES)] = _SPACE
        self._kinds[list(_MARKS)] = _MARK
        # Words that differ by it alone would have the same key.
        self._kinds[0] = _WHOLE
        for token in encoder.get_added_tokens_decoder().values():
            # The library looks for these in the whole text.
            self._kinds[token.content.encode()[0]] = _WHOLE

    def __call__(self, texts: Sequence[str]) -> TokenizedTexts:
        """Tokenises texts."""
        words, ends = self._words(texts, len(texts))
        found = self._memory.find(words)
        if found.missing > _MOST_NEW * len(words):
            words, ends = self._words(texts, -(-len(texts) // _LEARNED_OF))
            found = self._memory.find(words)
        tokens = self._memory.tokens(words, found)
        until = np.concatenate([[0], np.cumsum(tokens.counts)])[ends]
        counts = np.diff(until, prepend=0)
        kept = np.minimum(counts, self._room)
        starts = until - (kept if self._from_left else counts)
        lengths = kept + len(self._special)
        # Longest first: a device that is too small shows it at once.
        order = np.argsort(-lengths, kind="stable")
        # Of each text what stands before it, itself, and what stands behind it.
        pool = np.concatenate([self._special, tokens.flat()])
        from_pool, taken = np.zeros((2, len(texts), 3), np.int64)
        from_pool[:, 1] = len(self._special) + starts[order]
        from_pool[:, 2] = self._before
        taken[:, 0] = self._before
        taken[:, 1] = kept[order]
        taken[:, 2] = len(self._special) - self._before
        ids = pool[ranges(from_pool.ravel(), taken.ravel())]
        types = np.zeros_like(ids) if self._with_types else None
        return TokenizedTexts(Tokens(ids, lengths[order], types), order, int((counts > kept).sum()))

    def agrees(self, encoder: Any) -> bool:
        """Whether it makes of some texts what `encoder` makes of them, twice."""
        return all(self._agrees(encoder) for _ in range(2))

    def _agrees(self, encoder: Any) -> bool:
        expected = encoder.encode_batch_fast(_TRIED)
        found = self(_TRIED)
        ids = np.split(found.tokens.ids, np.cumsum(found.tokens.lengths)[:-1])
        return found.truncated == sum(bool(one.overflowing) for one in expected) and all(
            one.tolist() == expected[at].ids and not any(expected[at].type_ids)
            for one, at in zip(ids, found.order.tolist(), strict=True)
        )

    def _ask(self, words: list[str]) -> list[list[int]]:
        found = self._encoder.encode_batch_fast(words, add_special_tokens=False)
        return [one.ids for one in found]

    def _words(self, texts: Sequence[str], by_words: int) -> tuple[Words, np.ndarray]:
        """The words of texts, and where among them the words of each text end.

        Args:
            texts: the texts.
            by_words: so many of them; each of the others is a word as a whole.
        """
        encoded = [text.encode() for text in texts]
        content = b"\n".join(encoded) + PADDING
        of_texts = np.fromiter(map(len, encoded), np.int64, len(encoded))
        text_ends = np.cumsum(of_texts + 1) - 1
        text_starts = text_ends - of_texts
        kinds = self._kinds[np.frombuffer(content, np.uint8, len(content) - len(PADDING))]
        whole = np.searchsorted(text_ends, np.flatnonzero(kinds == _WHOLE), side="right")
        whole = np.union1d(whole, np.arange(by_words, len(texts)))
        for at in whole.tolist():
            kinds[text_starts[at] : text_ends[at]] = _SPACE
        whole = whole[of_texts[whole] > 0]
        starts, lengths = _cut(kinds)
        remembered = lengths <= LONGEST_BYTES
        if len(whole):
            starts = np.concatenate([starts, text_starts[whole]])
            order = np.argsort(starts)
            starts = starts[order]
            lengths = np.concatenate([lengths, of_texts[whole]])[order]
            remembered = np.concatenate([remembered, np.zeros(len(whole), bool)])[order]
        return Words(content, starts, lengths, remembered), np.searchsorted(starts, text_ends)


def _cut(kinds: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Where words of one letter or more, or of one mark, begin, and how long they are."""
    letters, marks = kinds == _LETTER, kinds == _MARK
    begins, ends = marks.copy(), marks
    begins[:1] |= letters[:1]
    begins[1:] |= letters[1:] & ~letters[:-1]
    ends[-1:] |= letters[-1:]
    ends[:-1] |= letters[:-1] & ~letters[1:]
    starts = np.flatnonzero(begins)
    return starts, np.flatnonzero(ends) + 1 - starts
