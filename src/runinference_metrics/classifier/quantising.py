"""A packed encoder in 8-bit integers, with ranges found from texts."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import torch

from runinference_metrics.classifier.calibration import Inputs, Quantised, quantised
from runinference_metrics.classifier.dynamic_int8 import dynamic_int8
from runinference_metrics.classifier.encoder import PackedEncoder
from runinference_metrics.classifier.families import (
    DOWN,
    KEY_VALUE,
    QUERY,
    QUERY_KEY_VALUE,
    Member,
)
from runinference_metrics.classifier.linears import Activation, Linear, behind, linear
from runinference_metrics.classifier.ranges import MOST_ERROR, Ranges
from runinference_metrics.classifier.static_int8 import hands_over, levels, static_int8
from runinference_metrics.classifier.tokens import Tokens


@dataclass
class Observing:
    """Makes linear layers in floating point that remember what they are given."""

    inputs: dict[str, Inputs] = field(default_factory=dict)

    def __call__(
        self,
        name: str,
        weight: torch.Tensor,
        bias: torch.Tensor,
        activation: Activation | None = None,
        feeds: Linear | None = None,
    ) -> Linear:
        """A layer, under its name."""
        own = linear(weight, bias, activation)
        seen = self.inputs[name] = Inputs(weight.shape[1])

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

    def __call__(
        self,
        name: str,
        weight: torch.Tensor,
        bias: torch.Tensor,
        activation: Activation | None = None,
        feeds: Linear | None = None,
    ) -> Linear:
        """A layer, by its name."""
        divides = not (_role(name) == DOWN and self.handed_over)
        self.layers[name] = quantised(weight, self.inputs[name], self.levels, divides)
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

    def __call__(
        self,
        name: str,
        weight: torch.Tensor,
        bias: torch.Tensor,
        activation: Activation | None = None,
        feeds: Linear | None = None,
    ) -> Linear:
        """A layer, by its name."""
        how = self.ranges.of(name, weight)
        for_attention = _role(name) in (QUERY_KEY_VALUE, QUERY, KEY_VALUE)
        result = self.dtype if for_attention else torch.float32
        if how.error > MOST_ERROR:
            return _in_float(weight.to(self.dtype), bias.to(self.dtype), activation, result)
        handed_to = feeds.takes if feeds and self.handed_over else None
        made = static_int8(weight, bias, how, handed_to or result, activation)
        if made is None:
            own = dynamic_int8(weight, bias)
            made = replace(own, apply=behind(lambda x: own(x.float()).to(result), activation))
        return made


def _role(name: str) -> str:
    """What a layer is, without the number of where it is."""
    return name.partition(".")[2]


def _computes_nothing(x: torch.Tensor, added: torch.Tensor | None) -> torch.Tensor:
    raise AssertionError("only weights were looked at")


def _in_float(
    weight: torch.Tensor, bias: torch.Tensor, activation: Activation | None, result: torch.dtype
) -> Linear:
    own = linear(weight, bias, activation)
    return replace(own, apply=behind(lambda x: own(x.to(weight.dtype)).to(result), None))


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
