"""The packed encoder's parts: tokens, attention, linear layers."""

import gc
import weakref
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from transformers import AutoModelForSequenceClassification, AutoTokenizer

from conftest import make_model
from runinference_metrics.classifier import linears
from runinference_metrics.classifier.attention import Heads, by_equal_lengths, padded
from runinference_metrics.classifier.encoder import PackedEncoder
from runinference_metrics.classifier.families import family_of
from runinference_metrics.classifier.linears import linear
from runinference_metrics.classifier.padded_model import PaddedModel
from runinference_metrics.classifier.tokens import Tokenizer, Tokens

LENGTHS = st.lists(st.integers(1, 20), min_size=1, max_size=12).map(
    lambda some: sorted(some, reverse=True)
)


def packed_encoder(model: Any, int8: bool = False) -> PackedEncoder:
    family = family_of(model.config)
    assert family is not None
    return family.encoder(model.config, model.state_dict().__getitem__, int8)


def tokens_of(lengths: list[int]) -> Tokens:
    return Tokens(np.arange(sum(lengths)), np.array(lengths))


@given(LENGTHS, st.data())
def test_a_part_has_the_tokens_of_its_texts(lengths: list[int], data: st.DataObject) -> None:
    tokens = tokens_of(lengths)
    first = data.draw(st.integers(0, len(lengths) - 1))
    last = data.draw(st.integers(first + 1, len(lengths)))
    part = tokens.part(first, last)
    texts = np.split(tokens.ids, np.cumsum(lengths)[:-1])
    assert part.ids.tolist() == np.concatenate(texts[first:last]).tolist()
    assert part.lengths.tolist() == lengths[first:last]
    assert part.positions.tolist() == [at for one in lengths[first:last] for at in range(one)]
    assert part.longest == lengths[first]


def test_the_tokenizer_sorts_and_knows_the_way_back(distilbert: Path) -> None:
    own = AutoTokenizer.from_pretrained(distilbert)
    texts = ["good", "good bad film the a", "bad film", "good " * 30, "dull"]
    found = Tokenizer(AutoTokenizer.from_pretrained(distilbert), 12, 1000)(texts)
    assert found.order.tolist() == [3, 1, 2, 0, 4]
    assert found.truncated == 1
    expected = [own(texts[at], truncation=True, max_length=12)["input_ids"] for at in found.order]
    assert found.tokens.ids.tolist() == [token for one in expected for token in one]
    assert found.tokens.lengths.tolist() == [len(one) for one in expected]


@given(LENGTHS, st.integers(0, 5))
def test_both_attentions_are_attention_within_each_text(lengths: list[int], rows: int) -> None:
    heads = Heads(2, 4)
    count = sum(lengths)
    generator = torch.Generator().manual_seed(count)
    qkv = torch.randn(count + rows, 3 * 8, generator=generator)
    expected = []
    for one in qkv[:count].split(lengths):
        query, key, value = one.view(len(one), 3, 2, 4).permute(1, 2, 0, 3)
        weights = (query @ key.transpose(1, 2) / 2).softmax(-1)
        expected.append((weights @ value).transpose(0, 1).reshape(len(one), 8))
    tokens = tokens_of(lengths)
    for attention in (by_equal_lengths(heads), padded(heads)):
        found = attention(tokens, rows)(qkv)
        assert found.shape == (count + rows, 8)
        assert torch.allclose(found[:count], torch.cat(expected), atol=1e-5)
        assert torch.isfinite(found).all()


@pytest.mark.parametrize("int8", [False, True])
def test_a_linear_layer_is_close_to_torch_s(int8: bool) -> None:
    torch.manual_seed(1)
    own = torch.nn.Linear(64, 48)
    x = torch.randn(37, 64)
    made = linear(own.weight, own.bias, int8)
    with torch.inference_mode():
        found, expected = made(x), own(x)
    # 7 or 8 bits for each factor: a step of a hundredth of the extremes, averaged over 64 products.
    assert (found - expected).abs().max() < (0.05 if int8 else 1e-6)
    assert made.num_bytes == (64 * 48 + 48 * 20 if int8 else 64 * 48 * 4 + 48 * 4)


def test_a_weight_of_zeros_is_quantised_to_zeros() -> None:
    made = linear(torch.zeros(4, 8), torch.arange(4.0), int8=True)
    assert made(torch.randn(3, 8)).tolist() == [[0.0, 1.0, 2.0, 3.0]] * 3


def test_inputs_have_7_bits_where_8_would_overflow(monkeypatch: pytest.MonkeyPatch) -> None:
    """The extremes of both factors, which two products of 8 bits overflow 16 bits with."""
    weight, x = torch.ones(16, 64), torch.ones(5, 64)
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {"avx2": True})
    assert not linears.has_dot_products()
    found = linear(weight, torch.zeros(16), int8=True)(x)
    assert (found - 64).abs().max() < 0.7
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {"avx512_vnni": True})
    assert linears.has_dot_products()


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
    smaller = packed_encoder(model, int8=True)
    assert smaller.num_bytes < 0.6 * expected


def test_other_models_are_not_packed(tmp_path: Path) -> None:
    folder = make_model(tmp_path / "m", "electra")
    model = AutoModelForSequenceClassification.from_pretrained(folder)
    assert family_of(model.config) is None
    decoder = AutoModelForSequenceClassification.from_pretrained(make_model(tmp_path / "b", "bert"))
    decoder.config.is_decoder = True
    assert family_of(decoder.config) is None


def test_int8_of_any_architecture_is_close(tmp_path: Path, sentences: list[str]) -> None:
    folder = make_model(tmp_path / "m", "electra")
    tokenizer = Tokenizer(AutoTokenizer.from_pretrained(folder), 64, 1000)
    tokens = tokenizer(sentences).tokens
    exact, rounded = (
        PaddedModel(AutoModelForSequenceClassification.from_pretrained(folder).eval(), tokenizer)
        for _ in range(2)
    )
    rounded.quantise()
    with torch.inference_mode():
        expected, found = exact(tokens).softmax(-1), rounded(tokens).softmax(-1)
    assert not torch.equal(expected, found)
    # Weights eight times as large as trained ones: the worst text may differ visibly.
    assert (expected - found).abs().mean() < 0.05
    assert rounded.num_bytes < exact.num_bytes


def stand_in_for_onednn(monkeypatch: pytest.MonkeyPatch, factor: float) -> None:
    """oneDNN's operations in bfloat16 on a CPU without them; `factor` is a mistake of theirs."""
    ops = torch.ops.mkldnn
    monkeypatch.setattr(ops, "_is_mkldnn_bf16_supported", lambda: True)
    monkeypatch.setattr(ops, "_reorder_linear_weight", lambda weight: weight)
    monkeypatch.setattr(
        ops, "_linear_pointwise",
        lambda x, weight, bias, *_: torch.nn.functional.linear(x, weight, bias) * factor,
    )  # fmt: skip


@pytest.mark.parametrize(("factor", "rows"), [(1.0, linears.ROWS_OF_A_PRIMITIVE), (1.2, 1)])
def test_what_the_processor_s_library_gives_is_checked(
    monkeypatch: pytest.MonkeyPatch, factor: float, rows: int
) -> None:
    stand_in_for_onednn(monkeypatch, factor)
    torch.manual_seed(3)
    weight, bias = torch.randn(24, 16).bfloat16(), torch.randn(24).bfloat16()
    made = linear(weight, bias)
    assert made.rows == rows
    x = torch.randn(5, 16).bfloat16()
    assert torch.equal(made(x), torch.nn.functional.linear(x, weight, bias))


def test_a_library_that_fails_is_not_used(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    stand_in_for_onednn(monkeypatch, 1.0)

    def fails(weight: torch.Tensor) -> torch.Tensor:
        raise RuntimeError("no primitive")

    monkeypatch.setattr(torch.ops.mkldnn, "_reorder_linear_weight", fails)
    made = linear(torch.randn(24, 16).bfloat16(), None)
    assert made.rows == 1
    assert "cannot be laid out once here: no primitive" in caplog.text


def test_bfloat16_is_close_to_torch_s_on_this_processor() -> None:
    """Whichever of the two ways it takes here."""
    torch.manual_seed(2)
    weight, bias = torch.randn(96, 768).bfloat16(), torch.randn(96).bfloat16()
    made = linear(weight, bias)
    for rows in (1, 31, 32, 64):
        x = torch.randn(rows, 768).bfloat16()
        with torch.inference_mode():
            found, expected = made(x).float(), torch.nn.functional.linear(x, weight, bias).float()
        assert (found - expected).abs().max() <= 0.02 * expected.abs().max()


@pytest.mark.parametrize("int8", [False, True])
@pytest.mark.parametrize("architecture", ["distilbert", "bert", "roberta"])
def test_what_is_packed_does_not_stay_in_memory_twice(
    tmp_path: Path, architecture: str, int8: bool
) -> None:
    folder = make_model(tmp_path / "m", architecture)
    model = AutoModelForSequenceClassification.from_pretrained(folder).eval()
    gone = weakref.ref(model)
    encoder = packed_encoder(model, int8)
    del model
    gc.collect()
    assert gone() is None
    assert encoder.num_bytes > 0
