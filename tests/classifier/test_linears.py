"""Linear layers in floating point."""

import pytest
import torch
from torch.nn import functional

from runinference_metrics.classifier.linears import (
    ROWS_OF_A_PRIMITIVE,
    Activation,
    linear,
)


def test_a_linear_layer_is_torch_s() -> None:
    torch.manual_seed(1)
    own = torch.nn.Linear(64, 48)
    x, more = torch.randn(37, 64), torch.randn(37, 48)
    made = linear(own.weight, own.bias)
    with torch.inference_mode():
        assert torch.allclose(made(x), own(x), atol=1e-6)
        assert torch.allclose(made(x, more), own(x) + more, atol=1e-6)
        activated = linear(own.weight, own.bias, functional.gelu)
        assert torch.allclose(activated(x), functional.gelu(own(x)), atol=1e-6)
    assert made.num_bytes == 64 * 48 * 4 + 48 * 4


def stand_in_for_onednn(monkeypatch: pytest.MonkeyPatch, factor: float) -> None:
    """oneDNN's operations in bfloat16 on a CPU without them; `factor` is a mistake of theirs."""
    ops = torch.ops.mkldnn
    monkeypatch.setattr(ops, "_is_mkldnn_bf16_supported", lambda: True)
    monkeypatch.setattr(ops, "_reorder_linear_weight", lambda weight: weight)

    class Pointwise:
        def __call__(
            self, x: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor, post: str, *_: object
        ) -> torch.Tensor:
            found = torch.nn.functional.linear(x, weight, bias) * factor
            return {"none": found, "gelu": torch.nn.functional.gelu(found)}[post]

        def binary(
            self, x: torch.Tensor, other: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor,
            post: str,
        ) -> torch.Tensor:  # fmt: skip
            assert post == "add"
            return self(x, weight, bias, "none") + other

    monkeypatch.setattr(ops, "_linear_pointwise", Pointwise())


@pytest.mark.parametrize(("factor", "rows"), [(1.0, ROWS_OF_A_PRIMITIVE), (1.2, 1)])
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


@pytest.mark.parametrize("activation", [functional.gelu, functional.relu, functional.silu])
def test_an_activation_is_computed_whether_onednn_has_it_or_not(activation: Activation) -> None:
    torch.manual_seed(4)
    weight, bias = torch.randn(24, 16).bfloat16(), torch.randn(24).bfloat16()
    made = linear(weight, bias, activation)
    x = torch.randn(32, 16).bfloat16()
    with torch.inference_mode():
        exact = activation(functional.linear(x.float(), weight.float(), bias.float()))
        assert (made(x).float() - exact).abs().max() <= 0.02 * exact.abs().max()
