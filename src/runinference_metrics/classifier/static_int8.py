"""Linear layers in 8-bit integers whose inputs are quantised as was found beforehand.

Nothing is looked for in a call, a product hands its outputs to the next one in 8 bits, and an
activation or addition comes in the same pass.
"""

import logging
import warnings

import torch
from torch.nn import functional

from runinference_metrics.classifier.calibration import Quantised, int8_weight, weight_scales
from runinference_metrics.classifier.dynamic_int8 import has_dot_products
from runinference_metrics.classifier.linears import (
    NOT_FUSED,
    ROWS_OF_A_PRIMITIVE,
    Activation,
    Linear,
    fused,
    is_close,
)

_LOG = logging.getLogger(__name__)

# What adding up in another order may change, as a share of the largest output.
_ROUNDING = {torch.float32: 1e-4, torch.bfloat16: 2**-7}
_EIGHT_BITS = 255
# The steps that an input may have, by the processor.
ALL_LEVELS = (_EIGHT_BITS, _EIGHT_BITS // 2)


def levels() -> int:
    """The steps of an input on this processor.

    Without instructions for dot products two products are added in 16 bits, which inputs of 8 bits
    overflow.
    """
    return ALL_LEVELS[0 if has_dot_products() else 1]


def hands_over(activation: Activation | None, levels: int) -> bool:
    """Whether a product with this activation can give its outputs in 8 bits.

    Args:
        activation: what is computed behind the product.
        levels: the steps of an input.
    """
    return levels == _EIGHT_BITS and (activation is None or fused(activation) != NOT_FUSED)


def static_int8(
    weight: torch.Tensor,
    bias: torch.Tensor,
    how: Quantised,
    result: torch.dtype | Quantised = torch.float32,
    activation: Activation | None = None,
) -> Linear | None:
    """A linear layer of 8-bit products; None where torch has none here, or they are not right.

    Args:
        weight: float32 of shape [outputs, inputs], on a CPU.
        bias: float32 of shape [outputs].
        how: how it is quantised. Inputs in 8 bits are taken for quantised already.
        result: the type of its outputs, or how the layer behind it is quantised, which then gets
            them in 8 bits; float32 where something is to be added to them.
        activation: what is computed of the result.
    """
    try:
        with torch.inference_mode():
            layer = _Int8(weight, bias, how, result, activation)
            if layer.is_right():
                in_one_pass = fused(activation) != NOT_FUSED
                return Linear(layer, layer.num_bytes, ROWS_OF_A_PRIMITIVE, True, how, in_one_pass)
            _LOG.warning("Products in 8 bits are not right here.")
    except Exception as error:
        _LOG.warning("Products in 8 bits with known ranges do not work here: %s", error)
    return None


class _Int8:
    def __init__(
        self,
        weight: torch.Tensor,
        bias: torch.Tensor,
        how: Quantised,
        result: torch.dtype | Quantised,
        activation: Activation | None,
    ) -> None:
        self._how, self._activation = how, activation
        factored = weight * how.factors
        self._scales = weight_scales(factored)
        self._weight = int8_weight(factored, self._scales)
        self._bias = bias + how.correction
        self._inverse = None if bool((how.factors == 1).all()) else 1 / how.factors
        self._zero_points = torch.zeros(len(bias), dtype=torch.long)
        self._result = result
        self._levels = levels()
        self._packed = torch.ops.onednn.qlinear_prepack(self._weight, None)
        # A byte a weight; scale, zero point and bias an output; a factor an input.
        self.num_bytes = weight.numel() + len(bias) * (4 + 8 + 4) + 4 * weight.shape[1]

    def __call__(self, x: torch.Tensor, added: torch.Tensor | None) -> torch.Tensor:
        if x.dtype != torch.uint8:
            x = self._quantise(x)
        how, result = self._how, self._result
        of_input = (x, how.scale, how.zero_point, self._packed, self._scales, self._zero_points)
        if isinstance(result, Quantised):
            output = (result.scale, result.zero_point, torch.uint8)
        else:
            output = (1.0, 0, result)
        pointwise = torch.ops.onednn.qlinear_pointwise
        if added is not None and self._activation is None:
            found: torch.Tensor = pointwise.binary(
                *of_input, added, self._bias, *output, 1.0, 0, "add", 1.0, "none", [], ""
            )
            return found
        post, algorithm = fused(self._activation)
        found = pointwise(*of_input, self._bias, *output, post, [], algorithm)
        if self._activation is not None and (post, algorithm) == NOT_FUSED:
            found = self._activation(found)
        return found if added is None else found.add_(added)

    def _quantise(self, x: torch.Tensor) -> torch.Tensor:
        x = x.float()
        if self._inverse is not None:
            x = x * self._inverse
        scale, zero_point = self._how.scale, self._how.zero_point
        if self._levels < _EIGHT_BITS:
            x = x.clamp(max=(self._levels - zero_point) * scale)
        found = torch.quantize_per_tensor(x, scale, zero_point, torch.quint8)
        # Without a copy: torch's own `int_repr` takes longer than quantising.
        storage = found.untyped_storage()
        return torch.empty(0, dtype=torch.uint8).set_(storage, 0, found.shape, found.stride())

    def is_right(self) -> bool:
        """Whether it gives what the same numbers give in float32."""
        generator = torch.Generator().manual_seed(0)
        how, inputs = self._how, self._weight.shape[1]
        integers = torch.randint(
            0, self._levels + 1, (ROWS_OF_A_PRIMITIVE, inputs), generator=generator
        )
        x = (integers - how.zero_point) * how.scale
        weight = self._weight * self._scales[:, None]
        expected = functional.linear(x, weight, self._bias)
        if self._activation is not None:
            expected = self._activation(expected)
        with warnings.catch_warnings():
            # Once: quantised tensors will be gone in some later torch; this one is locked.
            warnings.simplefilter("ignore", UserWarning)
            found = self(x * how.factors, None)
        if isinstance(self._result, Quantised):
            scale, zero_point = self._result.scale, self._result.zero_point
            steps = (expected / scale + zero_point).clamp(0, _EIGHT_BITS)
            # Half a step of rounding; the input's own may fall to the other side in the division.
            return bool((found - steps).abs().max() <= 1.0)
        added = torch.randn(expected.shape, generator=generator).to(self._result)
        allowed = _ROUNDING[found.dtype]
        close = is_close(found, expected, allowed)
        return close and is_close(self(x * how.factors, added), expected + added, allowed)
