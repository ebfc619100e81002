"""Linear layers in 8 bits with ranges found beforehand, and how these are found."""

from pathlib import Path
from typing import Any

import pytest
import torch
from torch.nn import functional
from transformers import AutoModelForSequenceClassification, AutoTokenizer

from conftest import make_model
from runinference_metrics.classifier.calibration import Inputs, Quantised, quantised
from runinference_metrics.classifier.families import family_of
from runinference_metrics.classifier.linears import Activation
from runinference_metrics.classifier.members import Member
from runinference_metrics.classifier.quantising import observed, quantised_encoder, quantised_layers
from runinference_metrics.classifier.ranges import MOST_ERROR, Ranges
from runinference_metrics.classifier.sample_texts import ordinary
from runinference_metrics.classifier.static_int8 import levels, static_int8
from runinference_metrics.classifier.tokenizer import Tokenizer

FEATURES, OUTPUTS = 64, 48


def drawn(rows: int, seed: int, outliers: float = 1.0) -> torch.Tensor:
    """Inputs; three features of them are `outliers` times as large as the others."""
    x = torch.randn(rows, FEATURES, generator=torch.Generator().manual_seed(seed))
    x[:, :3] *= outliers
    return x


def layer() -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(7)
    weight = torch.randn(OUTPUTS, FEATURES, generator=generator) * 0.1
    return weight, torch.randn(OUTPUTS, generator=generator)


def found_for(weight: torch.Tensor, x: torch.Tensor, divides: bool = True) -> Quantised:
    inputs = Inputs(x.shape[1])
    for part in x.split(50):
        inputs.add(part)
    return quantised(weight, inputs, levels(), divides)


@pytest.mark.parametrize("activation", [None, functional.gelu, functional.silu])
@pytest.mark.parametrize("result", [torch.float32, torch.bfloat16])
def test_a_layer_is_close_to_float32(result: torch.dtype, activation: Activation | None) -> None:
    weight, bias = layer()
    made = static_int8(weight, bias, found_for(weight, drawn(400, 1)), result, activation)
    assert made is not None
    x = drawn(96, 2)
    more = torch.randn(96, OUTPUTS, generator=torch.Generator().manual_seed(3))
    exact = functional.linear(x, weight, bias)
    exact = exact if activation is None else activation(exact)
    with torch.inference_mode():
        found, added = made(x).float(), made(x, more.to(result)).float()
    size = exact.square().mean().sqrt()
    assert (found - exact).square().mean().sqrt() < 0.03 * size
    assert (added - exact - more).square().mean().sqrt() < 0.03 * size


def test_outliers_are_divided_away() -> None:
    """As in trained models, a few of whose features are dozens of times as large as the others."""
    weight, _ = layer()
    x = drawn(400, 1, outliers=60.0)
    with_factors, without = found_for(weight, x), found_for(weight, x, divides=False)
    assert with_factors.error < 0.02
    assert without.error > 2 * with_factors.error
    assert (without.factors == 1).all()


def test_the_mean_of_the_error_is_taken_off() -> None:
    """What a range cuts off all falls to one side."""
    weight, bias = layer()
    x = drawn(400, 1).abs() ** 3
    how = found_for(weight, x)
    made = static_int8(weight, bias, how)
    assert made is not None
    with torch.inference_mode():
        error = made(x) - functional.linear(x, weight, bias)
    assert error.mean(0).abs().max() < 0.3 * error.square().mean().sqrt()
    assert how.correction.abs().max() > 0


def test_outputs_are_handed_over_in_8_bits() -> None:
    weight, bias = layer()
    x = drawn(400, 1)
    inner = functional.gelu(functional.linear(x, weight, bias))
    below, below_bias = torch.randn(8, OUTPUTS) * 0.1, torch.zeros(8)
    behind = found_for(below, inner, divides=False)
    up = static_int8(weight, bias, found_for(weight, x), behind, functional.gelu)
    down = static_int8(below, below_bias, behind)
    assert up is not None
    assert down is not None
    # By which an encoder knows how to hand over.
    assert down.takes is behind
    with torch.inference_mode():
        handed = up(x)
        found = down(handed)
    assert handed.dtype == torch.uint8
    exact = inner @ below.T
    assert (found - exact).square().mean().sqrt() < 0.05 * exact.square().mean().sqrt()


def test_products_that_are_not_right_are_not_used(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    weight, bias = layer()
    how = found_for(weight, drawn(400, 1))
    right = torch.ops.onednn.qlinear_pointwise
    monkeypatch.setattr(torch.ops.onednn, "qlinear_pointwise", lambda *given: right(*given) * 1.2)
    assert static_int8(weight, bias, how) is None
    assert "Products in 8 bits are not right here" in caplog.text

    def missing(*_: Any) -> Any:
        raise AttributeError("no such operator")

    for name in ("qlinear_pointwise", "qlinear_prepack"):
        caplog.clear()
        monkeypatch.setattr(torch.ops.onednn, name, missing)
        assert static_int8(weight, bias, how) is None
        assert "do not work here: no such operator" in caplog.text


def test_inputs_have_7_bits_where_8_would_overflow(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {"avx2": True})
    weight, bias = torch.ones(16, FEATURES), torch.zeros(16)
    x = torch.ones(200, FEATURES) + drawn(200, 1).abs() * 0.01
    made = static_int8(weight, bias, found_for(weight, x, divides=False))
    assert made is not None
    with torch.inference_mode():
        # Ten times as large as any that were seen: cut to the range, and no overflow.
        found = made(10 * x)
    assert (found - found_for(weight, x, divides=False).scale * 127 * FEATURES).abs().max() < 1


def test_a_layer_that_loses_much_stays_in_floating_point(tmp_path: Path) -> None:
    """One whose inputs are small but for a single one, which nothing can be divided by."""
    folder = make_model(tmp_path / "m", "bert")
    model = AutoModelForSequenceClassification.from_pretrained(folder).eval()
    tokenizer = Tokenizer(AutoTokenizer.from_pretrained(folder), 64, 1000)
    with torch.no_grad():
        up = model.bert.encoder.layer[0].intermediate.dense
        up.weight[0] = 0.0
        up.bias[0] = 5000.0
        model.bert.encoder.layer[0].output.dense.weight[:, 0] *= 1e-3
    family = family_of(model.config)
    assert family is not None
    tokens = tokenizer(ordinary(40)).tokens
    member = Member(family, model.config, model.state_dict().__getitem__)
    ranges = Ranges(quantised_layers(member, observed(member, [tokens]), levels()), 40)
    assert ranges.in_float == ["0.down"]
    assert str(ranges) == "ranges of 40 built-in texts, 8 of 9 layers"
    encoder = quantised_encoder(member, ranges, torch.float32)
    with torch.inference_mode():
        rounded, exact = encoder(tokens), member.encoder()(tokens)
    assert (rounded - exact).square().mean().sqrt() < MOST_ERROR * exact.square().mean().sqrt()
