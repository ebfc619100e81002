"""Linear layers in 8-bit integers whose inputs are quantised anew in each call, by their extremes.

For any architecture, since nothing needs to be known of the inputs beforehand.
"""

import contextlib
import logging
import warnings
from collections.abc import Iterator, Sequence

import torch

from runinference_metrics.classifier.calibration import weight_scales
from runinference_metrics.classifier.linears import ROWS_OF_A_PRIMITIVE, Linear, behind
from runinference_metrics.records import processor

_LOG = logging.getLogger(__name__)

# Instructions that add up products of 8-bit integers without overflow.
_DOT_PRODUCTS = ("avx512_vnni", "avx_vnni", "amx_int8", "i8mm", "arm_dot", "dotprod")
_IN_EACH_CALL = "ranges in each call"
_SLOW = "hardly faster than bfloat16, which AMX computes"


def dynamic_int8(weight: torch.Tensor, bias: torch.Tensor | None) -> Linear:
    """A linear layer of 8-bit products, quantised: weights once by output, inputs in each call.

    Args:
        weight: float32 of shape [outputs, inputs], on a CPU.
        bias: shape [outputs], if there is one.
    """
    weight = weight.detach().float()
    scales = weight_scales(weight)
    zero_points = torch.zeros(len(scales), dtype=torch.long)
    with warnings.catch_warnings():
        # That quantised tensors will be gone in some later torch; this one is locked.
        warnings.simplefilter("ignore", UserWarning)
        quantised = torch.quantize_per_channel(weight, scales.double(), zero_points, 0, torch.qint8)
    with _engine():
        packed = torch.ops.quantized.linear_prepack(
            quantised, None if bias is None else bias.detach().float()
        )
    # Without those instructions two products are added in 16 bits, which 8-bit inputs overflow.
    reduce_range = not has_dot_products()
    return Linear(
        behind(lambda x: torch.ops.quantized.linear_dynamic(x, packed, reduce_range), None),
        # A byte a weight; scale, zero point and bias an output.
        weight.numel() + len(scales) * (8 + 8 + 4),
        ROWS_OF_A_PRIMITIVE,
        # It keeps the last call's compiled product, without a lock.
        stateless=False,
    )


def has_dot_products() -> bool:
    """Whether the CPU multiplies 8-bit integers natively."""
    capabilities = torch.cpu.get_capabilities()
    return any(capabilities.get(name) for name in _DOT_PRODUCTS)


def in_each_call(instruction_sets: Sequence[str]) -> str:
    """What is said of a model whose inputs are quantised in each call; a warning where it is slow.

    With AMX such a product takes as long as one in bfloat16 and its inputs and outputs are in
    float32 besides: DistilBERT's size was 1.07 times as fast as in bfloat16 on two cores of an
    Intel Xeon. Without AMX it does gain: six layers of ELECTRA of that size were 1.7 times as fast
    in one run on two busy cores of an AMD EPYC (Zen 4: AVX512-BF16, VNNI).

    Args:
        instruction_sets: the processor's, by the names in `records.processor`.
    """
    if processor.AMX_BF16 not in instruction_sets:
        return _IN_EACH_CALL
    _LOG.warning("With this model and this processor int8 is %s; leave precision at auto.", _SLOW)
    return f"{_IN_EACH_CALL}, {_SLOW}"


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
