"""The texts that the zoo's models classify."""

import random
from collections.abc import Sequence
from typing import Any

from zoo_tokenizers import WORDS

# Words a text: some lengths stand alone, some side by side, as in any input.
_LENGTHS = (1, 2, 3, 4, 5, 7, 9, 12, 16, 17, 21, 26, 30, 31, 38, 47, 60)


def mixed_texts() -> list[str]:
    """Texts of 1 to 60 words, out of order, some of them twice."""
    choose = random.Random(5)
    texts = [" ".join(choose.choices(WORDS, k=length)) for length in _LENGTHS * 2]
    texts += choose.sample(texts, 6)
    choose.shuffle(texts)
    return texts


def mixed_pairs() -> list[tuple[str, str]]:
    """Pairs of such texts, with blank ones, and some that are too long for most of the zoo."""
    texts = mixed_texts()
    pairs = list(zip(texts, texts[7:], strict=False))[::2]
    pairs += [("good", ""), ("", "good"), ("good", " "), ("good " * 70, "a dull film " * 30)]
    return [*pairs, ("good", "dull film " * 90), ("dull film " * 90, "good")]


def special_texts(tokens: Sequence[str]) -> list[str]:
    """Texts with special tokens in them, each at the beginning, in the middle and at the end.

    Args:
        tokens: the special tokens.
    """
    places = ("{} dull film", "good {} film", "the story was not very good {}")
    return [place.format(token) for token in dict.fromkeys(tokens) for place in places]


def text_of(tokens: int, tokenizer: Any) -> str:
    """A text of so many tokens, special ones included.

    Args:
        tokens: how many.
        tokenizer: transformers' own.
    """
    choose = random.Random(6)
    words: list[str] = []
    while len(tokenizer(" ".join(words))["input_ids"]) < tokens:
        words.append(choose.choice(WORDS))
    # The last word may have had two tokens.
    while len(tokenizer(" ".join(words))["input_ids"]) > tokens:
        words[-1:] = ["a"] if words[-1] != "a" else []
    return " ".join(words)
