"""Linear layers in 8 bits whose inputs are quantised in each call."""

from pathlib import Path

import pytest
import torch
from transformers import AutoModelForSequenceClassification, AutoTokenizer

from conftest import make_model
from runinference_metrics.classifier.dynamic_int8 import dynamic_int8, has_dot_products
from runinference_metrics.classifier.padded_model import PaddedModel
from runinference_metrics.classifier.tokenizer import Tokenizer


def test_a_layer_is_close_to_torch_s() -> None:
    torch.manual_seed(1)
    own = torch.nn.Linear(64, 48)
    x = torch.randn(37, 64)
    made = dynamic_int8(own.weight, own.bias)
    with torch.inference_mode():
        found, expected = made(x), own(x)
    # 7 or 8 bits for each factor: a step of a hundredth of the extremes, averaged over 64 products.
    assert (found - expected).abs().max() < 0.05
    assert made.num_bytes == 64 * 48 + 48 * 20


def test_a_weight_of_zeros_is_quantised_to_zeros() -> None:
    made = dynamic_int8(torch.zeros(4, 8), torch.arange(4.0))
    assert made(torch.randn(3, 8)).tolist() == [[0.0, 1.0, 2.0, 3.0]] * 3


def test_inputs_have_7_bits_where_8_would_overflow(monkeypatch: pytest.MonkeyPatch) -> None:
    """The extremes of both factors, which two products of 8 bits overflow 16 bits with."""
    weight, x = torch.ones(16, 64), torch.ones(5, 64)
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {"avx2": True})
    assert not has_dot_products()
    found = dynamic_int8(weight, torch.zeros(16))(x)
    assert (found - 64).abs().max() < 0.7
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {"avx512_vnni": True})
    assert has_dot_products()


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
