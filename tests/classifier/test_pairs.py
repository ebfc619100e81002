"""Pairs of texts: as transformers' tokenizers cut them, and as its pipeline answers them."""

import copy
import json
import resource
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
import tokenizers
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import models, pre_tokenizers, processors
from transformers import (
    AutoTokenizer,
    BertTokenizer,
    DebertaV2Tokenizer,
    PreTrainedTokenizerFast,
    RobertaTokenizer,
    XLNetTokenizer,
    pipeline,
)

from conftest import make_model
from runinference_metrics.classifier.classifier import ClassifierSpec
from runinference_metrics.classifier.pairs import longest_first
from runinference_metrics.classifier.tokenizer import Tokenizer
from runinference_metrics.classifier.tokens import TokenizedTexts
from runinference_metrics.errors import UserError
from runinference_metrics.records.record import Record, RecordBatch
from runinference_metrics.records.text import Text
from runinference_metrics.recovery.batch import classify_batch

LETTERS = "abcdef"
SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
PIECES = [(one, -1.0) for one in [*SPECIAL, "▁", *LETTERS, *(f"▁{one}" for one in LETTERS)]]
XLNET_PIECES = [
    (one, -1.0) for one in ["<unk>", "<s>", "</s>", "<cls>", "<sep>", "<pad>", "<mask>"]
]


def made(post_processor: Any) -> PreTrainedTokenizerFast:
    """A tokenizer of letters with this post-processor, and token types."""
    vocabulary = {one: number for number, one in enumerate([*SPECIAL, *LETTERS])}
    tokenizer = tokenizers.Tokenizer(models.WordLevel(vocabulary, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    if post_processor is not None:
        tokenizer.post_processor = post_processor
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, pad_token="[PAD]", unk_token="[UNK]", cls_token="[CLS]",
        sep_token="[SEP]", model_input_names=["input_ids", "token_type_ids", "attention_mask"],
    )  # fmt: skip


def template(single: str, pair: str | None) -> Any:
    special = [("[CLS]", 2), ("[SEP]", 3)]
    return processors.TemplateProcessing(single=single, pair=pair, special_tokens=special)


TOKENIZERS: dict[str, Callable[[], Any]] = {
    "BERT": lambda: BertTokenizer({one: n for n, one in enumerate([*SPECIAL, *LETTERS])}),
    "RoBERTa": lambda: RobertaTokenizer(
        {
            one: n
            for n, one in enumerate(["<s>", "<pad>", "</s>", "<unk>", "<mask>", "Ġ", *LETTERS])
        },
        [],
    ),
    "XLNet": lambda: XLNetTokenizer([*XLNET_PIECES, *PIECES[len(SPECIAL) :]]),
    "DeBERTa": lambda: DebertaV2Tokenizer(PIECES),
    "as XLNet's": lambda: made(template("$A [SEP] [CLS]:2", "$A [SEP] $B:1 [SEP]:1 [CLS]:2")),
    "as T5's": lambda: made(template("$A [SEP]", "$A [SEP] $B [SEP]")),
    "the second first": lambda: made(template("$A", "[CLS] $B:1 [SEP] $A")),
    "BertProcessing": lambda: made(processors.BertProcessing(("[SEP]", 3), ("[CLS]", 2))),
    "RobertaProcessing": lambda: made(processors.RobertaProcessing(("[SEP]", 3), ("[CLS]", 2))),
    "several": lambda: made(
        processors.Sequence([processors.ByteLevel(), template("[CLS] $A", "[CLS] $A [CLS]:1 $B:1")])
    ),
    "no frame": lambda: made(None),
    "no frame for pairs": lambda: made(template("[CLS] $A [SEP]", None)),
}
OF_EACH = {name: make() for name, make in TOKENIZERS.items()}
WORDS = st.lists(st.sampled_from([*LETTERS, "ab", "[SEP]", "é"]), max_size=14).map(" ".join)


def rows(found: TokenizedTexts) -> list[tuple[list[int], list[int] | None]]:
    """The tokens and token types of each text, in the order of the texts."""
    result: list[Any] = [None] * len(found.tokens)
    for place, index in enumerate(found.order.tolist()):
        one = found.tokens.part(place, place + 1)
        result[index] = one.ids.tolist(), None if one.type_ids is None else one.type_ids.tolist()
    return result


@pytest.mark.parametrize("name", TOKENIZERS)
@settings(max_examples=60)
@given(
    pairs=st.lists(st.tuples(WORDS, WORDS), min_size=1, max_size=5),
    max_length=st.integers(1, 24),
    side=st.sampled_from(["left", "right"]),
)
def test_pairs_are_cut_as_transformers_does(
    name: str, pairs: list[tuple[str, str]], max_length: int, side: str
) -> None:
    theirs = OF_EACH[name]
    theirs.truncation_side = side
    ours = Tokenizer(copy.deepcopy(theirs), max_length, len(theirs))
    special = theirs.num_special_tokens_to_add(pair=True)
    texts: list[Text] = [pair for pair in pairs if "".join(pair).strip()] or [("a", "b")]
    if max_length < special + 2:
        with pytest.raises(
            UserError, match=f"--max_length takes a whole number from {special + 2}"
        ):
            ours(texts)
        return
    found = ours(texts)
    # One at a time, as the pipeline does: a text beside an empty one then stands alone.
    expected = [theirs(*pair, truncation=True, max_length=max_length) for pair in texts]
    typed = "token_type_ids" in theirs.model_input_names
    assert rows(found) == [
        (one["input_ids"], one["token_type_ids"] if typed else None) for one in expected
    ]
    assert found.truncated == sum(
        len(one["input_ids"]) < len(theirs(*pair)["input_ids"])
        for one, pair in zip(expected, texts, strict=True)
    )


@given(st.integers(0, 40), st.integers(0, 40), st.integers(0, 40))
def test_the_longer_text_is_cut_first(first: int, second: int, room: int) -> None:
    """One token at a time off the longer one, as transformers' documentation describes it."""
    if first + second <= room:
        return
    left = longest_first(first, second, room)
    assert sum(left) == room
    slow = [first, second]
    while sum(slow) > room:
        slow[slow[0] < slow[1]] -= 1
    assert abs(left[0] - slow[0]) <= 1


def test_two_long_texts_cost_no_more_than_their_tokens(distilbert: Path) -> None:
    """The library's own cutting takes 5 s and 0.9 GB for 4,000 tokens each."""
    tokenizer = Tokenizer(made(template("$A", "[CLS] $A [SEP] $B [SEP]")), 64, 100)
    tokenizer([("a", "b")])
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    found = tokenizer([("a b " * 8000, "c d " * 8000)])
    assert found.tokens.lengths.tolist() == [64]
    assert found.truncated == 1
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 200 << 10


def reference(model: Path, pairs: Sequence[Any]) -> list[dict[str, float]]:
    pipe = pipeline("text-classification", model=str(model), dtype=torch.float32, device="cpu")
    found = [
        pipe({"text": first, "text_pair": second}, top_k=None, truncation=True)
        for first, second in pairs
    ]
    return [{one["label"]: one["score"] for one in row} for row in found]


def check_against_transformers(model: Path, sentences: list[str]) -> None:
    turned = [*sentences[70:], *sentences[:70]]
    pairs = [*zip(sentences, turned, strict=True)][::3]
    pairs += [
        ("good film", ""),
        ("", "good film"),
        (" ", "."),
        ("good [SEP] film", "[PAD] dull [SEP]"),
    ]
    found = ClassifierSpec(str(model), precision="float32").load().classify(pairs)
    # The second text counts, and so does which one is the first.
    assert found.scores[0] != found.scores[1]
    for scores, right in zip(found.scores, reference(model, pairs), strict=True):
        for name, score in zip(found.label_names, scores, strict=True):
            assert score == pytest.approx(right[name], abs=1e-5)
    assert 0 < found.stats.truncated < len(pairs)


@pytest.mark.parametrize("architecture", ["bert", "distilbert", "roberta", "electra"])
def test_pairs_are_answered_as_by_transformers(
    tmp_path: Path, sentences: list[str], architecture: str
) -> None:
    """Packed with token types, without them, with positions of its own; run by transformers."""
    check_against_transformers(make_model(tmp_path / "m", architecture), sentences)


@pytest.mark.parametrize("side", ["truncation_side", "padding_side"])
def test_pairs_cut_or_padded_on_the_left(
    tmp_path: Path, bert: Path, sentences: list[str], side: str
) -> None:
    model = tmp_path / "left"
    shutil.copytree(bert, model)
    path = model / "tokenizer_config.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), side: "left"}))
    check_against_transformers(model, sentences)


def test_the_type_of_the_second_text_counts(bert: Path) -> None:
    classifier = ClassifierSpec(str(bert), precision="float32").load()
    # The same tokens: here [SEP] parts two texts, there it stands in one.
    pair, single = ("good film", "bad story"), "good film [SEP] bad story"
    assert classifier.classify([pair]).scores != classifier.classify([single]).scores


def test_a_bad_second_text_costs_its_pair_alone(tmp_path: Path) -> None:
    model = make_model(tmp_path / "m", "bert")
    tokenizer = AutoTokenizer.from_pretrained(model)
    tokenizer.add_tokens(["brandnew"])
    tokenizer.save_pretrained(model)
    pairs = [("good", "film"), ("good", "a brandnew film"), ("bad", "")]
    batch = RecordBatch.of([Record(pair, "f", n + 1, n) for n, pair in enumerate(pairs)])
    classifier = ClassifierSpec(str(model), precision="float32").load()
    found = classify_batch(classifier.classify, batch)
    assert found.batch.texts == [pairs[0], pairs[2]]
    (letter,) = found.rejected
    assert letter.reason == "unknown_token"
    assert (letter.text, letter.position, letter.id) == (pairs[1], 2, 1)
    for scores, right in zip(
        found.classification.scores, reference(model, found.batch.texts), strict=True
    ):
        assert scores == pytest.approx([right[name] for name in classifier.label_names], abs=1e-5)


def test_single_texts_never_make_the_encoder_of_pairs(bert: Path) -> None:
    classifier = ClassifierSpec(str(bert), precision="float32").load()
    classifier.classify(["good film"] * 3)
    assert "_pair_encoder" not in vars(classifier._tokenizer)
