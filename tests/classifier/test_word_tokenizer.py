"""Texts tokenised word by word, against the tokenizers library."""

import logging
import threading
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
import tokenizers
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import AddedToken, models, normalizers, pre_tokenizers, processors

from runinference_metrics.classifier import word_tokenizer as module
from runinference_metrics.classifier import words
from runinference_metrics.classifier.word_tokenizer import WordTokenizer, word_tokenizer

SPECIAL = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")
LETTERS = "abcdefgh1237éü中文\u2019.,!?-$[]<>"
PIECES = [*SPECIAL, *LETTERS, *(f"##{one}" for one in LETTERS), "abc", "##bc", "cafe", "e1"]
# Joined to texts: what the library treats as something of its own, and whatever else there is.
PARTS = st.one_of(
    st.sampled_from(
        [
            "abc", "ABC", "cafe", "CAFÉ", "cafe\u0301", "\u0301", "\x00", "\x07", "a\x0bb",
            "a\x1cb", "a\x85b", "a\u00a0b", "a\u2028b", "\u200b", "\u3000", "≮", ";", "K", "ﬁ",
            "İ", "ẞ", "\u2019", "中", "[CLS]", "[SEP", "<e1>", "[mask]", " ", "  ", "\t", "\r\n",
            "a" * 17, "b" * 101, "é" * 8, "é" * 9, "!", "...", "🙂", "\U0010ffff", "_", "½",
        ]
    ),
    st.text(max_size=6),
)  # fmt: skip
TEXTS = st.lists(st.lists(PARTS, max_size=12).map("".join), min_size=1, max_size=12)


def made(
    normalizer: Any = None,
    added: Sequence[AddedToken] = (),
    framed: bool = True,
    by_letters: bool = True,
) -> tokenizers.Tokenizer:
    numbered = {piece: number for number, piece in enumerate(PIECES)}
    model = (models.WordPiece if by_letters else models.WordLevel)(numbered, unk_token="[UNK]")
    found = tokenizers.Tokenizer(model)
    found.normalizer = normalizer
    found.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    found.add_special_tokens([*SPECIAL, *added])
    if framed:
        found.post_processor = processors.TemplateProcessing(
            single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
        )
    return found


def by_words(
    encoder: tokenizers.Tokenizer, max_length: int = 512, left: bool = False
) -> WordTokenizer:
    encoder.enable_truncation(max_length, direction="left" if left else "right")
    found = word_tokenizer(encoder, max_length, left, with_types=True)
    assert found is not None
    return found


def assert_alike(ours: WordTokenizer, encoder: tokenizers.Tokenizer, texts: list[str]) -> None:
    expected = encoder.encode_batch(texts)
    found = ours(texts)
    ids = np.split(found.tokens.ids, np.cumsum(found.tokens.lengths)[:-1])
    assert sorted(found.order.tolist()) == list(range(len(texts)))
    assert (np.diff(found.tokens.lengths) <= 0).all()
    for one, at in zip(ids, found.order.tolist(), strict=True):
        assert one.tolist() == expected[at].ids, repr(texts[at])
    assert found.truncated == sum(bool(one.overflowing) for one in expected)
    assert found.tokens.type_ids is not None
    assert found.tokens.type_ids.tolist() == [0] * len(found.tokens.ids)


NORMALIZERS = st.one_of(
    st.none(),
    st.builds(
        normalizers.BertNormalizer,
        clean_text=st.booleans(),
        handle_chinese_chars=st.booleans(),
        strip_accents=st.sampled_from([None, True, False]),
        lowercase=st.booleans(),
    ),
)


@settings(deadline=None, max_examples=300)
@given(NORMALIZERS, st.booleans(), st.booleans(), st.integers(2, 30), st.booleans(), TEXTS)
def test_any_texts_have_the_tokens_of_the_library(
    normalizer: Any, framed: bool, by_letters: bool, max_length: int, left: bool, texts: list[str]
) -> None:
    added = [AddedToken("<e1>", special=True), AddedToken("$abc", normalized=False)]
    encoder = made(normalizer, added, framed, by_letters)
    ours = by_words(encoder, max_length, left)
    for _ in range(2):
        assert_alike(ours, encoder, texts)


def test_what_was_asked_for_once_is_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    encoder = made(normalizers.BertNormalizer())
    ours = by_words(encoder)
    texts = ["abc cafe", "cafe, cafe!", "[CLS] abc", "a" * 40] * 20
    ours(texts)
    ours(texts)
    asked: list[str] = []
    of_library = ours._memory._ask
    monkeypatch.setattr(
        ours._memory, "_ask", lambda some: (asked.extend(some), of_library(some))[1]
    )
    assert_alike(ours, encoder, texts)
    # What has a special token in it, or is long, is asked for again, once a call.
    assert sorted(asked) == sorted(["[CLS] abc", "a" * 40])


def test_words_without_a_slot_are_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(words, "_SLOT_BITS", 4)
    monkeypatch.setattr(words, "_SHIFT", np.uint64(60))
    encoder = made()
    ours = by_words(encoder)
    texts = [f"a{number} b{number % 7}" for number in range(200)]
    for _ in range(3):
        assert_alike(ours, encoder, texts)
    assert (ours._memory._first_keys > 0).sum() == 16
    assert len(ours._memory._pool) <= 16 * words.LONGEST_BYTES


def test_texts_of_new_words_are_asked_for_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    encoder = made()
    ours = by_words(encoder)
    asked: list[str] = []
    of_library = ours._memory._ask
    monkeypatch.setattr(
        ours._memory, "_ask", lambda some: (asked.extend(some), of_library(some))[1]
    )
    keys = [f"{number:07x} {number * 7919:07x} abc" for number in range(80)]
    assert_alike(ours, encoder, keys)
    assert asked[:3] == ["0000000", "abc", "0000001"]
    assert set(asked[-70:]) == set(keys[10:])


def test_threads_share_what_is_remembered() -> None:
    encoder = made(normalizers.BertNormalizer())
    ours = by_words(encoder)
    batches = [
        [f"abc{number % 97} {number}é cafe! a{number}" for number in range(at, at + 300)]
        for at in range(0, 3000, 100)
    ]
    wrong: list[BaseException] = []

    def work() -> None:
        try:
            for batch in batches:
                assert_alike(ours, encoder, batch)
        except BaseException as error:
            wrong.append(error)

    running = [threading.Thread(target=work) for _ in range(4)]
    for one in running:
        one.start()
    for one in running:
        one.join()
    assert not wrong


def test_texts_that_are_more_than_their_words_are_left_to_the_library() -> None:
    def given_up(encoder: tokenizers.Tokenizer, max_length: int = 64) -> bool:
        return word_tokenizer(encoder, max_length, False, False) is None

    assert not given_up(made())
    other = made()
    other.pre_tokenizer = pre_tokenizers.Metaspace()
    assert given_up(other)
    assert given_up(made(normalizers.NFKC()))
    assert given_up(made(added=[AddedToken("new york", normalized=True)]))
    assert given_up(made(), max_length=1)
    joined = tokenizers.Tokenizer(models.BPE())
    joined.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    assert given_up(joined)


def test_types_other_than_zero_are_left_to_the_library(caplog: pytest.LogCaptureFixture) -> None:
    encoder = made(framed=False)
    encoder.post_processor = processors.TemplateProcessing(
        single="[CLS]:1 $A:1 [SEP]:1", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
    )
    with caplog.at_level(logging.INFO, module.__name__):
        assert word_tokenizer(encoder, 64, False, False) is None
    assert "Texts are tokenised by the library alone: its tokens differ" in caplog.text


def test_half_a_character_is_refused() -> None:
    with pytest.raises(UnicodeEncodeError):
        by_words(made())(["abc", "\ud800"])
