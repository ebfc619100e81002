"""How the inputs of linear layers are quantised to 8 bits: found from texts, once for a model.

A layer's inputs are divided by a factor for each feature, which its weights are multiplied by
(SmoothQuant, arXiv 2211.10438: it moves what is hard to quantise from the inputs to the weights),
and then quantised alike for all features and texts. Factors and range are those with the least
error of the layer's outputs; the mean of the error that remains is taken off its bias.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import torch

# Symmetric: -128 has no counterpart.
LARGEST_INT8 = 127
# How much of the inputs' spread goes over to the weights, besides none: half, as the paper usually
# has it, and most.
_SHARES = (0.5, 0.75)
# How much of the range of inputs is kept: what is cut off makes the steps of the others smaller.
_KEPT = (1.0, 0.9, 0.8, 0.7, 0.6, 0.5, 0.4)
# Tokens of which the inputs are kept, and of one forward pass: the error is a mean over them and
# all features, and more moved it by less than a tenth. From eight passes at least, since the texts
# of one are of like length.
_MOST_ROWS, _ROWS_OF_A_PASS = 256, 32
# So that nothing is divided by zero where a feature is never used.
_TINY = 1e-6


@dataclass(frozen=True)
class Quantised:
    """How one linear layer is quantised.

    Args:
        scale: the step of its inputs, once divided by the factors.
        zero_point: the integer that stands for an input of 0.
        factors: float32 of shape [inputs].
        correction: float32 of shape [outputs]: what is added to its bias.
        error: the root mean square of the error of its outputs, as a share of theirs.
    """

    scale: float
    zero_point: int
    factors: torch.Tensor
    correction: torch.Tensor
    error: float


class Inputs:
    """What is known of the inputs of one linear layer.

    Args:
        features: how many there are.
    """

    def __init__(self, features: int) -> None:
        # An input of 0 must be a number that there is: its integer stands for it.
        self.least, self.largest = torch.zeros(features), torch.zeros(features)
        self._rows: list[torch.Tensor] = []

    def add(self, x: torch.Tensor) -> None:
        """Takes the inputs of one forward pass, of shape [tokens, features]."""
        x = x.float()
        self.least = torch.minimum(self.least, x.amin(0))
        self.largest = torch.maximum(self.largest, x.amax(0))
        if len(self._rows) < _MOST_ROWS // _ROWS_OF_A_PASS:
            self._rows.append(x[:: -(-len(x) // _ROWS_OF_A_PASS)].clone())

    @property
    def rows(self) -> torch.Tensor:
        """Some of them, of shape [tokens, features]."""
        return torch.cat(self._rows)


def quantised(weight: torch.Tensor, inputs: Inputs, levels: int, divides: bool) -> Quantised:
    """How a layer is quantised with the least error.

    Args:
        weight: float32 of shape [outputs, inputs].
        inputs: what the layer was given.
        levels: how many steps an input has.
        divides: whether inputs may be divided by factors: not those that another product hands
            over in 8 bits.
    """
    rows = inputs.rows
    way = min(
        (way for factors in _factors(weight, inputs, divides)
         for way in _ways(rows, weight, inputs, factors, levels)),
        key=lambda way: way.expected_error,
    )  # fmt: skip
    exact = rows @ weight.T
    x = rounded(rows / way.factors, way.scale, way.zero_point, levels)
    error = x @ _rounded_weight(weight * way.factors).T - exact
    correction = -error.mean(0)
    share = (error + correction).square().mean() / exact.square().mean().clamp_min(_TINY**2)
    return Quantised(way.scale, way.zero_point, way.factors, correction, float(share.sqrt()))


@dataclass(frozen=True)
class _Way:
    scale: float
    zero_point: int
    factors: torch.Tensor
    expected_error: float


def _factors(weight: torch.Tensor, inputs: Inputs, divides: bool) -> Iterator[torch.Tensor]:
    of_inputs = torch.maximum(-inputs.least, inputs.largest).clamp_min(_TINY)
    yield torch.ones_like(of_inputs)
    if divides:
        of_weights = weight.abs().amax(0).clamp_min(_TINY)
        for share in _SHARES:
            yield of_inputs**share / of_weights ** (1 - share)


def _ways(
    rows: torch.Tensor, weight: torch.Tensor, inputs: Inputs, factors: torch.Tensor, levels: int
) -> Iterator[_Way]:
    """Ranges, each with the mean square of the outputs' error as if features were independent."""
    x, weight = rows / factors, weight * factors
    of_weights = (_rounded_weight(weight) - weight).square_().sum(0) @ x.square().mean(0)
    weights = weight.square_().sum(0)
    least, largest = float((inputs.least / factors).min()), float((inputs.largest / factors).max())
    bound = max(-least, largest, _TINY)
    for kept in _KEPT:
        low, high = max(least, -kept * bound), min(largest, kept * bound)
        scale = max(high - low, _TINY) / levels
        zero_point = round(-low / scale)
        of_inputs = (rounded(x, scale, zero_point, levels) - x).square_().mean(0) @ weights
        yield _Way(scale, zero_point, factors, float(of_inputs + of_weights))


def rounded(x: torch.Tensor, scale: float, zero_point: int, levels: int) -> torch.Tensor:
    """What quantised inputs stand for."""
    integers = (x / scale).round_().add_(zero_point).clamp_(0, levels)
    return integers.sub_(zero_point).mul_(scale)


def weight_scales(weight: torch.Tensor) -> torch.Tensor:
    """The step of each output's weights, by the largest of them; shape [outputs]."""
    return weight.abs().amax(1).clamp_min(torch.finfo(torch.float32).tiny) / LARGEST_INT8


def int8_weight(weight: torch.Tensor, scales: torch.Tensor) -> torch.Tensor:
    """Weights in 8 bits, of their own shape."""
    return (weight / scales[:, None]).round().clamp_(-LARGEST_INT8, LARGEST_INT8).to(torch.int8)


def _rounded_weight(weight: torch.Tensor) -> torch.Tensor:
    scales = weight_scales(weight)
    return int8_weight(weight, scales) * scales[:, None]
