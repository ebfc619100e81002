"""A packed encoder in 8-bit integers, with ranges found from texts."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import torch

from runinference_metrics.classifier.calibration import Inputs, quantised
from runinference_metrics.classifier.dynamic_int8 import dynamic_int8
from runinference_metrics.classifier.encoder import PackedEncoder
from runinference_metrics.classifier.families import (
    DOWN,
    KEY_VALUE,
    QUERY,
    QUERY_KEY_VALUE,
    Family,
    Fetch,
)
from runinference_metrics.classifier.linears import Activation, Linear, behind, linear
from runinference_metrics.classifier.static_int8 import hands_over, levels, static_int8
from runinference_metrics.classifier.tokens import Tokens

# A layer whose outputs in 8 bits are further off than this, as a share of their root mean square,
# stays in floating point. With inputs without outliers it is a hundredth or two.
MOST_ERROR = 0.1


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


def observed(
    family: Family, config: Any, fetch: Fetch, micro_batches: Sequence[Tokens]
) -> Mapping[str, Inputs]:
    """What each linear layer of a model is given for some texts."""
    observing = Observing()
    encoder = family.encoder(config, fetch, observing)
    with torch.inference_mode():
        for tokens in micro_batches:
            encoder(tokens)
    return observing.inputs


@dataclass
class Quantising:
    """Makes linear layers in 8 bits, and in floating point where those lose too much.

    Args:
        inputs: what each layer was given.
        dtype: the type of attention, and of layers in floating point.
        handed_over: whether the layers `down` get their inputs in 8 bits.
    """

    inputs: Mapping[str, Inputs]
    dtype: torch.dtype
    handed_over: bool
    in_float: list[str] = field(default_factory=list)

    def __call__(
        self,
        name: str,
        weight: torch.Tensor,
        bias: torch.Tensor,
        activation: Activation | None = None,
        feeds: Linear | None = None,
    ) -> Linear:
        """A layer, by its name."""
        role = name.partition(".")[2]
        how = quantised(
            weight, self.inputs[name], levels(), divides=not (role == DOWN and self.handed_over)
        )
        for_attention = role in (QUERY_KEY_VALUE, QUERY, KEY_VALUE)
        result = self.dtype if for_attention else torch.float32
        if how.error > MOST_ERROR:
            self.in_float.append(name)
            return _in_float(weight.to(self.dtype), bias.to(self.dtype), activation, result)
        handed_to = feeds.takes if feeds and self.handed_over else None
        made = static_int8(weight, bias, how, handed_to or result, activation)
        if made is None:
            own = dynamic_int8(weight, bias)
            made = replace(own, apply=behind(lambda x: own(x.float()).to(result), activation))
        return made


def _in_float(
    weight: torch.Tensor, bias: torch.Tensor, activation: Activation | None, result: torch.dtype
) -> Linear:
    own = linear(weight, bias, activation)
    return replace(own, apply=behind(lambda x: own(x.to(weight.dtype)).to(result), None))


def quantised_encoder(
    family: Family, config: Any, fetch: Fetch, inputs: Mapping[str, Inputs], dtype: torch.dtype
) -> tuple[PackedEncoder, list[str]]:
    """The encoder, and the names of its linear layers that stay in floating point.

    Args:
        family: the family of the model.
        config: its configuration.
        fetch: gives its weights in float32.
        inputs: what each linear layer was given.
        dtype: the type of what is not in 8 bits, where that is a product.
    """
    making = Quantising(inputs, dtype, hands_over(family.activation(config)))
    return family.encoder(config, fetch, making, dtype), making.in_float
