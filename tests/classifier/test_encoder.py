"""The packed encoder, and how it is made of a model."""

import gc
import weakref
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import AutoModelForSequenceClassification, AutoTokenizer

from conftest import make_model
from runinference_metrics.classifier.encoder import PackedEncoder
from runinference_metrics.classifier.families import family_of
from runinference_metrics.classifier.members import Member
from runinference_metrics.classifier.padded_model import PaddedModel
from runinference_metrics.classifier.quantising import observed, quantised_encoder, quantised_layers
from runinference_metrics.classifier.ranges import Ranges
from runinference_metrics.classifier.sample_texts import ordinary
from runinference_metrics.classifier.static_int8 import levels
from runinference_metrics.classifier.tokenizer import Tokenizer


def packed_encoder(model: Any, tokenizer: Tokenizer | None = None) -> PackedEncoder:
    """In 8 bits if there is a tokenizer, for the texts from which the ranges are found."""
    family = family_of(model.config)
    assert family is not None
    member = Member(family, model.config, model.state_dict().__getitem__)
    if tokenizer is None:
        return member.encoder()
    inputs = observed(member, [tokenizer(ordinary(40)).tokens])
    ranges = Ranges(quantised_layers(member, inputs, levels()), 40)
    return quantised_encoder(member, ranges, torch.float32)


@pytest.mark.parametrize("architecture", ["distilbert", "bert", "roberta"])
def test_rows_are_rounded_up_and_change_nothing(
    tmp_path: Path, architecture: str, sentences: list[str]
) -> None:
    """As with the layers of oneDNN, which want few different numbers of rows."""
    folder = make_model(tmp_path / "m", architecture)
    model = AutoModelForSequenceClassification.from_pretrained(folder).eval()
    tokenizer = Tokenizer(AutoTokenizer.from_pretrained(folder), 64, 1000)
    tokens = tokenizer(sentences[:50]).tokens
    encoder = packed_encoder(model)
    with torch.inference_mode():
        plain = encoder(tokens)
        encoder._rows = 32
        assert torch.allclose(encoder(tokens), plain, atol=1e-6)
        reference = PaddedModel(model, tokenizer)(tokens)
    assert torch.allclose(plain, reference, atol=1e-5)


def test_the_bytes_are_those_of_the_weights(tmp_path: Path) -> None:
    folder = make_model(tmp_path / "m", "bert")
    model = AutoModelForSequenceClassification.from_pretrained(folder).eval()
    expected = sum(one.nbytes for one in model.parameters())
    encoder = packed_encoder(model)
    assert encoder.num_bytes == expected
    tokenizer = Tokenizer(AutoTokenizer.from_pretrained(folder), 64, 1000)
    smaller = packed_encoder(model, tokenizer)
    assert smaller.num_bytes < 0.6 * expected


def test_other_models_are_not_packed(tmp_path: Path) -> None:
    folder = make_model(tmp_path / "m", "electra")
    model = AutoModelForSequenceClassification.from_pretrained(folder)
    assert family_of(model.config) is None
    decoder = AutoModelForSequenceClassification.from_pretrained(make_model(tmp_path / "b", "bert"))
    decoder.config.is_decoder = True
    assert family_of(decoder.config) is None


@pytest.mark.parametrize("int8", [False, True])
@pytest.mark.parametrize("architecture", ["distilbert", "bert", "roberta"])
def test_what_is_packed_does_not_stay_in_memory_twice(
    tmp_path: Path, architecture: str, int8: bool
) -> None:
    folder = make_model(tmp_path / "m", architecture)
    model = AutoModelForSequenceClassification.from_pretrained(folder).eval()
    gone = weakref.ref(model)
    tokenizer = Tokenizer(AutoTokenizer.from_pretrained(folder), 64, 1000) if int8 else None
    encoder = packed_encoder(model, tokenizer)
    del model
    gc.collect()
    assert gone() is None
    assert encoder.num_bytes > 0
