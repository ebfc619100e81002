"""Linear layers at each precision, with their weights laid out as the processor wants them."""

import contextlib
import logging
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch
from torch.nn import functional

# A primitive of oneDNN is compiled for one number of rows, which takes milliseconds. Rounded up to
# this, the micro-batches of a run have a few dozen numbers of rows, which stay compiled.
ROWS_OF_A_PRIMITIVE = 32
# Two ways to add up products in float32, each rounded to the 8 bits of bfloat16 at the end.
_BFLOAT16_STEPS = 2 / 128
# Instructions that add up products of 8-bit integers without overflow.
_DOT_PRODUCTS = ("avx512_vnni", "avx_vnni", "amx_int8", "i8mm", "arm_dot", "dotprod")
# Symmetric: -128 has no counterpart.
_LARGEST_INT8 = 127


Apply = Callable[[torch.Tensor], torch.Tensor]

_LOG = logging.getLogger(__name__)


@dataclass(frozen=True)
class Linear:
    """`x @ weight.T + bias`.

    Args:
        apply: computes it, for x of shape [rows, features].
        num_bytes: what its weights occupy.
        rows: the number of rows should be a multiple of this.
    """

    apply: Apply
    num_bytes: int
    rows: int = 1

    def __call__(self, x: torch.Tensor) -> torch.Tensor:
        return self.apply(x)


def linear(weight: torch.Tensor, bias: torch.Tensor | None, int8: bool = False) -> Linear:
    """A linear layer that computes in its weights' type and device, or in 8-bit integers.

    Args:
        weight: shape [outputs, inputs].
        bias: shape [outputs], if there is one.
        int8: quantise; on a CPU, for a weight in float32.
    """
    weight = weight.detach()
    bias = None if bias is None else bias.detach()
    if int8:
        return _int8(weight, bias)
    num_bytes = weight.nbytes + (0 if bias is None else bias.nbytes)
    if weight.dtype == torch.bfloat16 and weight.device.type == "cpu":
        packed = _packed_bfloat16(weight, bias)
        if packed:
            return Linear(packed, num_bytes, ROWS_OF_A_PRIMITIVE)
    return Linear(lambda x: functional.linear(x, weight, bias), num_bytes)


def _packed_bfloat16(weight: torch.Tensor, bias: torch.Tensor | None) -> Apply | None:
    """With the weights laid out once: functional.linear would do so anew in each call.

    None where oneDNN has no bfloat16 here, or does not give what functional.linear gives: these
    operations are torch's own, for its compiler, and no promise to anybody else.
    """
    if not torch.ops.mkldnn._is_mkldnn_bf16_supported():
        return None
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(ROWS_OF_A_PRIMITIVE, weight.shape[1], generator=generator).bfloat16()
    try:
        with torch.inference_mode():
            laid_out = torch.ops.mkldnn._reorder_linear_weight(weight)

            def apply(x: torch.Tensor) -> torch.Tensor:
                result: torch.Tensor = torch.ops.mkldnn._linear_pointwise(
                    x, laid_out, bias, "none", [], ""
                )
                return result

            found, expected = apply(x).float(), functional.linear(x, weight, bias).float()
    except Exception as error:
        _LOG.warning("Weights in bfloat16 cannot be laid out once here: %s", error)
        return None
    close = (found - expected).abs().max() <= _BFLOAT16_STEPS * expected.abs().max()
    return apply if close else None


def _int8(weight: torch.Tensor, bias: torch.Tensor | None) -> Linear:
    """Dynamic quantisation: weights once by output, inputs in each call by their extremes."""
    weight = weight.float()
    scales = weight.abs().amax(1).clamp_min(torch.finfo(torch.float32).tiny) / _LARGEST_INT8
    zero_points = torch.zeros(len(scales), dtype=torch.long)
    with warnings.catch_warnings():
        # That quantised tensors will be gone in some later torch; this one is locked.
        warnings.simplefilter("ignore", UserWarning)
        quantised = torch.quantize_per_channel(weight, scales.double(), zero_points, 0, torch.qint8)
    with _engine():
        packed = torch.ops.quantized.linear_prepack(
            quantised, None if bias is None else bias.float()
        )
    # Without those instructions two products are added in 16 bits, which 8-bit inputs overflow.
    reduce_range = not has_dot_products()
    return Linear(
        lambda x: torch.ops.quantized.linear_dynamic(x, packed, reduce_range),
        # A byte a weight; scale, zero point and bias an output.
        weight.numel() + len(scales) * (8 + 8 + 4),
        ROWS_OF_A_PRIMITIVE,
    )


def has_dot_products() -> bool:
    """Whether the CPU multiplies 8-bit integers natively."""
    capabilities = torch.cpu.get_capabilities()
    return any(capabilities.get(name) for name in _DOT_PRODUCTS)


@contextlib.contextmanager
def _engine() -> Iterator[None]:
    """Packs for oneDNN, the fastest of torch's engines here, where torch was built with it."""
    before = torch.backends.quantized.engine
    if "onednn" in torch.backends.quantized.supported_engines:
        torch.backends.quantized.engine = "onednn"
    try:
        yield
    finally:
        torch.backends.quantized.engine = before
