"""Models of BERT's families, and packed encoders made of their weights."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import torch

from runinference_metrics.classifier.encoder import (
    Apart,
    Embeddings,
    Head,
    Layer,
    Norm,
    PackedEncoder,
    Projection,
    Together,
)
from runinference_metrics.classifier.families import Family
from runinference_metrics.classifier.linears import Activation, Linear, linear

# What a linear layer is in its layer.
QUERY_KEY_VALUE, QUERY, KEY_VALUE = "query_key_value", "query", "key_value"
ATTENDED, UP, DOWN = "attended", "up", "down"
# Gives the weight of a name on the device, in the type that it is stored in.
Fetch = Callable[[str], torch.Tensor]


@dataclass(frozen=True)
class Dense:
    """A linear layer as the model has it, of which one that computes is to be made.

    Args:
        at: the number of its layer.
        role: what it is there.
        weight: shape [outputs, inputs].
        bias: shape [outputs].
        activation: what is computed of its result.
        feeds: what gets its outputs, and nobody else.
    """

    at: int
    role: str
    weight: torch.Tensor
    bias: torch.Tensor
    activation: Activation | None = None
    feeds: Linear | None = None

    @property
    def name(self) -> str:
        """As in 0.up."""
        return f"{self.at}.{self.role}"

    def in_float(self) -> Linear:
        """One that computes in its weights' type."""
        return linear(self.weight, self.bias, self.activation)


Make = Callable[[Dense], Linear]


@dataclass(frozen=True)
class Member:
    """A model of a family.

    Args:
        family: the family.
        config: the model's configuration.
        fetch: gives its weights.
        dtype: what the encoder's weights are to be in; the head's are in float32.
    """

    family: Family
    config: Any
    fetch: Fetch
    dtype: torch.dtype = torch.float32

    @property
    def activation(self) -> Activation:
        """What is computed between up and down."""
        return self.family.activation(self.config)

    def in_type(self, dtype: torch.dtype) -> "Member":
        """The same with its weights in another type."""
        return replace(self, dtype=dtype)

    def encoder(
        self, make: Make = Dense.in_float, attention_dtype: torch.dtype | None = None
    ) -> PackedEncoder:
        """Its packed encoder.

        Args:
            make: makes the linear layers of the encoder's layers.
            attention_dtype: what queries, keys and values are made in; None means as the weights.
        """
        layers = [self._layer(at, make) for at in range(self.config.num_hidden_layers)]
        return PackedEncoder(
            self._embeddings(), layers, self.config.num_attention_heads, self._head(),
            attention_dtype,
        )  # fmt: skip

    def _layer(self, at: int, make: Make) -> Layer:
        names = self.family

        def dense(role: str, *parts: str) -> Dense:
            """Linear layers of the same input as one."""
            found = [self._linear(names.of_layer(at, part)) for part in parts]
            weights, biases = zip(*found, strict=True)
            return Dense(at, role, _joined(weights), _joined(biases))

        def projection() -> Projection:
            query, key, value = names.query_key_value
            if at < self.config.num_hidden_layers - 1:
                return Together(make(dense(QUERY_KEY_VALUE, query, key, value)))
            return Apart(make(dense(QUERY, query)), make(dense(KEY_VALUE, key, value)))

        down = make(dense(DOWN, names.down))
        return Layer(
            projection(),
            make(dense(ATTENDED, names.attended)),
            self._norm(names.of_layer(at, names.attention_norm)),
            make(replace(dense(UP, names.up), activation=self.activation, feeds=down)),
            down,
            self._norm(names.of_layer(at, names.output_norm)),
        )

    def _embeddings(self) -> Embeddings:
        names = self.family

        def table(name: str) -> torch.Tensor:
            return self.fetch(f"{names.of_embeddings(name)}.weight").to(self.dtype)

        return Embeddings(
            table("word_embeddings"),
            table("position_embeddings"),
            table("token_type_embeddings") if names.has_token_types else None,
            self._norm(names.of_embeddings("LayerNorm")),
            self.config.pad_token_id if names.skips_padding else None,
        )

    def _head(self) -> Head:
        # For a row of each text: in fewer bits nothing would be gained.
        exact = self.in_type(torch.float32)
        first, second = (
            Dense(0, name, *exact._linear(name)).in_float() for name in self.family.head
        )
        return Head(first, self.family.head_activation, second)

    def _norm(self, name: str) -> Norm:
        eps = self.family.norm_eps
        return Norm(*self._linear(name), self.config.layer_norm_eps if eps is None else eps)

    def _linear(self, name: str) -> tuple[torch.Tensor, torch.Tensor]:
        weight, bias = (self.fetch(f"{name}.{part}").to(self.dtype) for part in ("weight", "bias"))
        return weight, bias


def _joined(parts: tuple[torch.Tensor, ...]) -> torch.Tensor:
    return parts[0] if len(parts) == 1 else torch.cat(parts)
