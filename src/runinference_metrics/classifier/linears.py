"""Linear layers in floating point, with their weights laid out as the processor wants them."""

import logging
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch.nn import functional

from runinference_metrics.classifier import cuda
from runinference_metrics.classifier.calibration import Quantised
from runinference_metrics.errors import first_line

# oneDNN compiles a product for each number of rows, which takes a millisecond or two: rows are
# rounded up to a multiple of this. Below a thousand no more than 32 sizes occur.
ROWS_OF_A_PRIMITIVE = 32
# Two ways to add up products in float32, each rounded to the 8 bits of bfloat16 at the end.
_BFLOAT16_STEPS = 2 / 128
# Two steps of the 8 or 11 bits of a type; GELU's tanh form is off by less than one. In float32 it
# would be what one sees of the difference.
_GELU_STEPS = {torch.bfloat16: _BFLOAT16_STEPS, torch.float16: 2 / 1024}
Activation = Callable[[torch.Tensor], torch.Tensor]
# Of x and, where there is something to add to the result, that.
Apply = Callable[[torch.Tensor, torch.Tensor | None], torch.Tensor]

# How oneDNN calls what it computes behind a product in the same pass, with its algorithm.
_FUSED: dict[Activation, tuple[str, str]] = {
    functional.gelu: ("gelu", "none"),
    functional.relu: ("relu", ""),
}
NOT_FUSED = ("none", "")

_LOG = logging.getLogger(__name__)


@dataclass(frozen=True)
class Linear:
    """`activation(x @ weight.T + bias) + added`.

    Args:
        apply: computes it, for x of shape [rows, features].
        num_bytes: what its weights occupy.
        rows: the number of rows should be a multiple of this.
        stateless: whether several threads may compute with it at the same time.
        takes: how its inputs are quantised, if it takes them in 8 bits too.
        in_one_pass: whether its activation comes in the pass of the product.
        weight: shape [outputs, inputs], on a GPU.
        bias: shape [outputs], on a GPU.
        activation: what is computed of the result, on a GPU.
    """

    apply: Apply
    num_bytes: int
    rows: int = 1
    stateless: bool = True
    takes: Quantised | None = None
    in_one_pass: bool = False
    weight: torch.Tensor | None = None
    bias: torch.Tensor | None = None
    activation: Activation | None = None

    def __call__(self, x: torch.Tensor, added: torch.Tensor | None = None) -> torch.Tensor:
        return self.apply(x, added)


def linear(
    weight: torch.Tensor, bias: torch.Tensor | None, activation: Activation | None = None
) -> Linear:
    """A linear layer that computes in its weights' type and device.

    Args:
        weight: shape [outputs, inputs].
        bias: shape [outputs], if there is one.
        activation: what is computed of the result.
    """
    weight = weight.detach()
    bias = None if bias is None else bias.detach()
    num_bytes = weight.nbytes + (0 if bias is None else bias.nbytes)
    plain = behind(lambda x: functional.linear(x, weight, bias), activation)
    if cuda.holds(weight):
        with_gelu = None
        if bias is not None and activation is functional.gelu and weight.dtype in _GELU_STEPS:
            with_gelu = _with_gelu(weight, bias, plain)
        return Linear(
            with_gelu or plain, num_bytes, in_one_pass=with_gelu is not None,
            weight=weight, bias=bias, activation=activation,
        )  # fmt: skip
    if weight.dtype == torch.bfloat16:
        packed = _packed_bfloat16(weight, bias, activation, plain)
        if packed:
            in_one_pass = fused(activation) != NOT_FUSED
            return Linear(packed, num_bytes, ROWS_OF_A_PRIMITIVE, in_one_pass=in_one_pass)
    return Linear(plain, num_bytes)


def fused(activation: Activation | None) -> tuple[str, str]:
    """What oneDNN calls an activation in the pass of a product; `NOT_FUSED` if it has none."""
    return NOT_FUSED if activation is None else _FUSED.get(activation, NOT_FUSED)


def _with_gelu(weight: torch.Tensor, bias: torch.Tensor, plain: Apply) -> Apply | None:
    """On a GPU with GELU in the pass of the product; None where its tanh form is not close.

    The rows of the widest layer are not written and read once more, which is a seventh of an L4's
    time by arithmetic (not measured).
    """
    transposed = weight.t()

    def apply(x: torch.Tensor, added: torch.Tensor | None) -> torch.Tensor:
        result: torch.Tensor = torch.ops.aten._addmm_activation(bias, x, transposed, use_gelu=True)
        return result if added is None else result.add_(added)

    generator = torch.Generator().manual_seed(0)
    tried = torch.randn(ROWS_OF_A_PRIMITIVE, weight.shape[1], generator=generator)
    try:
        with torch.inference_mode():
            x = tried.to(weight.device, weight.dtype)
            alike = is_close(apply(x, None), plain(x, None), _GELU_STEPS[weight.dtype])
    except Exception as error:
        _LOG.info("GELU is computed apart from the product: %s", first_line(error))
        return None
    return apply if alike else None


def is_close(found: torch.Tensor, expected: torch.Tensor, allowed: float) -> bool:
    """Whether no figure differs by more than this share of the largest one expected."""
    worst = (found.float() - expected.float()).abs().max()
    return bool(worst <= allowed * expected.abs().max())


def behind(product: Callable[[torch.Tensor], torch.Tensor], activation: Activation | None) -> Apply:
    """A product with an activation and an addition behind it, each a pass of its own."""

    def apply(x: torch.Tensor, added: torch.Tensor | None) -> torch.Tensor:
        result = product(x)
        if activation is not None:
            result = activation(result)
        return result if added is None else result.add_(added)

    return apply


def _packed_bfloat16(
    weight: torch.Tensor, bias: torch.Tensor | None, activation: Activation | None, plain: Apply
) -> Apply | None:
    """With the weights laid out once: functional.linear would do so anew in each call.

    Activation and addition come in the same pass, before the result is rounded: they are nearer to
    float32 so, and where the memory is what takes the time, faster.

    None where oneDNN has no bfloat16 here, or does not give what `plain` gives: these operations
    are torch's own, for its compiler, and no promise to anybody else.
    """
    if not torch.ops.mkldnn._is_mkldnn_bf16_supported():
        return None
    generator = torch.Generator().manual_seed(0)
    x, added = (
        torch.randn(ROWS_OF_A_PRIMITIVE, features, generator=generator).bfloat16()
        for features in reversed(weight.shape)
    )
    pointwise = torch.ops.mkldnn._linear_pointwise
    post, algorithm = fused(activation)
    try:
        with torch.inference_mode():
            laid_out = torch.ops.mkldnn._reorder_linear_weight(weight)

            def apply(x: torch.Tensor, added: torch.Tensor | None) -> torch.Tensor:
                if added is not None and activation is None:
                    result: torch.Tensor = pointwise.binary(x, added, laid_out, bias, "add")
                    return result
                result = pointwise(x, laid_out, bias, post, [], algorithm)
                if activation is not None and (post, algorithm) == NOT_FUSED:
                    result = activation(result)
                return result if added is None else result.add_(added)

            alike = all(
                is_close(apply(x, more), plain(x, more), _BFLOAT16_STEPS) for more in (None, added)
            )
    except Exception as error:
        _LOG.warning("Weights in bfloat16 cannot be laid out once here: %s", error)
        return None
    return apply if alike else None
