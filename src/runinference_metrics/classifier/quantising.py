"""A packed encoder in 8-bit integers, with ranges found from texts."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import torch

from runinference_metrics.classifier.calibration import Inputs, Quantised, quantised
from runinference_metrics.classifier.dynamic_int8 import dynamic_int8
from runinference_metrics.classifier.encoder import PackedEncoder
from runinference_metrics.classifier.linears import Linear, behind, linear
from runinference_metrics.classifier.members import (
    DOWN,
    KEY_VALUE,
    QUERY,
    QUERY_KEY_VALUE,
    Dense,
    Member,
)
from runinference_metrics.classifier.ranges import MOST_ERROR, Ranges
from runinference_metrics.classifier.static_int8 import hands_over, levels, static_int8
from runinference_metrics.classifier.tokens import Tokens


@dataclass
class Observing:
    """Makes linear layers in floating point that remember what they are given."""

    inputs: dict[str, Inputs] = field(default_factory=dict)

    def __call__(self, dense: Dense) -> Linear:
        """A layer, under its name."""
        own = dense.in_float()
        seen = self.inputs[dense.name] = Inputs(dense.weight.shape[1])

        def apply(x: torch.Tensor, added: torch.Tensor | None) -> torch.Tensor:
            seen.add(x)
            return own(x, added)

        # Rows that are no text's are not to be seen.
        return replace(own, apply=apply, rows=1)


def observed(member: Member, passes: Sequence[Tokens]) -> Mapping[str, Inputs]:
    """What each linear layer of a model is given for some texts."""
    observing = Observing()
    encoder = member.encoder(observing)
    with torch.inference_mode():
        for tokens in passes:
            encoder(tokens)
    return observing.inputs


@dataclass
class Finding:
    """Makes no layers that compute, but finds how each is to be quantised.

    Args:
        inputs: what each layer was given.
        levels: the steps of an input.
        handed_over: whether the layers `down` will get their inputs in 8 bits.
    """

    inputs: Mapping[str, Inputs]
    levels: int
    handed_over: bool
    layers: dict[str, Quantised] = field(default_factory=dict)

    def __call__(self, dense: Dense) -> Linear:
        """A layer, by its name."""
        divides = not (dense.role == DOWN and self.handed_over)
        inputs = self.inputs[dense.name]
        self.layers[dense.name] = quantised(dense.weight, inputs, self.levels, divides)
        return Linear(_computes_nothing, 0)


def quantised_layers(
    member: Member, inputs: Mapping[str, Inputs], levels: int
) -> Mapping[str, Quantised]:
    """How each linear layer of a model is quantised with the least error.

    Args:
        member: the model, with its weights in float32.
        inputs: what each layer was given.
        levels: the steps of an input.
    """
    finding = Finding(inputs, levels, hands_over(member.activation, levels))
    member.encoder(finding)
    return finding.layers


@dataclass(frozen=True)
class Quantising:
    """Makes linear layers in 8 bits, and in floating point where those lose too much.

    Args:
        ranges: how they are quantised.
        dtype: the type of attention, and of layers in floating point.
        handed_over: whether the layers `down` get their inputs in 8 bits.
    """

    ranges: Ranges
    dtype: torch.dtype
    handed_over: bool

    def __call__(self, dense: Dense) -> Linear:
        """A layer, by its name."""
        how = self.ranges.of(dense.name, dense.weight)
        for_attention = dense.role in (QUERY_KEY_VALUE, QUERY, KEY_VALUE)
        result = self.dtype if for_attention else torch.float32
        if how.error > MOST_ERROR:
            return _in_float(dense, self.dtype, result)
        handed_to = dense.feeds.takes if dense.feeds and self.handed_over else None
        made = static_int8(dense.weight, dense.bias, how, handed_to or result, dense.activation)
        if made is None:
            own = dynamic_int8(dense.weight, dense.bias)
            apply = behind(lambda x: own(x.float()).to(result), dense.activation)
            made = replace(own, apply=apply)
        return made


def _computes_nothing(x: torch.Tensor, added: torch.Tensor | None) -> torch.Tensor:
    raise AssertionError("only weights were looked at")


def _in_float(dense: Dense, dtype: torch.dtype, result: torch.dtype) -> Linear:
    own = linear(dense.weight.to(dtype), dense.bias.to(dtype), dense.activation)
    return replace(own, apply=behind(lambda x: own(x.to(dtype)).to(result), None))


def quantised_encoder(member: Member, ranges: Ranges, dtype: torch.dtype) -> PackedEncoder:
    """An encoder in 8 bits.

    Args:
        member: the model, with its weights in float32.
        ranges: how its linear layers are quantised, found for `levels()` steps.
        dtype: the type of what is not in 8 bits, where that is a product.

    Raises:
        Unfit: the ranges are another model's.
    """
    making = Quantising(ranges, dtype, hands_over(member.activation, levels()))
    return member.encoder(making, dtype)
