"""BERT's family: where its members keep their weights, and packed encoders made of them."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Protocol

import torch
from torch.nn import functional

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
from runinference_metrics.classifier.linears import Activation, Linear, linear

Shapes = dict[str, tuple[int, ...]]
# Older checkpoints hold a buffer that is nothing but the numbers from 0.
_COUNTED = ".embeddings.position_ids"
# Gives the weight of a name, on the device and in the type that is wanted.
Fetch = Callable[[str], torch.Tensor]

# What transformers' own do, for the usual ones.
_ACTIVATIONS: dict[str, Activation] = {"gelu": functional.gelu, "relu": functional.relu}


# What a linear layer is in its layer; with the layer's number it is a name.
QUERY_KEY_VALUE, QUERY, KEY_VALUE = "query_key_value", "query", "key_value"
ATTENDED, UP, DOWN = "attended", "up", "down"


class MakeLinear(Protocol):
    """Makes linear layers."""

    def __call__(
        self,
        name: str,
        weight: torch.Tensor,
        bias: torch.Tensor,
        activation: Activation | None = None,
        feeds: Linear | None = None,
    ) -> Linear:
        """Makes one.

        Args:
            name: the number of its layer and what it is there, as in 0.up.
            weight: shape [outputs, inputs].
            bias: shape [outputs].
            activation: what is computed of its result.
            feeds: what gets its outputs, and nobody else.
        """


def in_float(
    name: str,
    weight: torch.Tensor,
    bias: torch.Tensor,
    activation: Activation | None = None,
    feeds: Linear | None = None,
) -> Linear:
    """A linear layer in its weights' type."""
    return linear(weight, bias, activation)


@dataclass(frozen=True)
class Family:
    """The names that a family gives its weights and sizes.

    Args:
        base: what the names of all weights but the head's begin with.
        layers: the list of the layers.
        query_key_value: of a layer: what attention compares, with what, and what it takes.
        attended: of a layer: the linear layer behind attention.
        attention_norm: of a layer: the normalisation behind that.
        up: of a layer: the linear layer to more features.
        down: of a layer: the one back.
        output_norm: of a layer: the last normalisation.
        head: the two linear layers of the head, with their whole names.
        head_activation: what is between them.
        config_inner: in config.json: the features between up and down.
        config_activation: in config.json: what is computed there.
        norm_eps: of all normalisations; None where config.json has it.
        has_token_types: whether tokens have types.
        skips_padding: whether positions are counted from behind the padding index.
    """

    base: str
    layers: str
    query_key_value: tuple[str, str, str]
    attended: str
    attention_norm: str
    up: str
    down: str
    output_norm: str
    head: tuple[str, str]
    head_activation: Activation
    config_inner: str = "intermediate_size"
    config_activation: str = "hidden_act"
    norm_eps: float | None = None
    has_token_types: bool = True
    skips_padding: bool = False

    def shapes(self, config: Any) -> Shapes:
        """Every weight that a model of this configuration has, and its shape."""
        width, inner = config.hidden_size, getattr(config, self.config_inner)
        linears = {self.head[0]: (width, width), self.head[1]: (config.num_labels, width)}
        norms = [self._embedding("LayerNorm")]
        for at in range(config.num_hidden_layers):
            for name in (*self.query_key_value, self.attended):
                linears[self._of_layer(at, name)] = (width, width)
            linears[self._of_layer(at, self.up)] = (inner, width)
            linears[self._of_layer(at, self.down)] = (width, inner)
            norms += [self._of_layer(at, self.attention_norm), self._of_layer(at, self.output_norm)]
        found: Shapes = {
            f"{self._embedding('word_embeddings')}.weight": (config.vocab_size, width),
            f"{self._embedding('position_embeddings')}.weight": (
                config.max_position_embeddings,
                width,
            ),
        }
        if self.has_token_types:
            types = (config.type_vocab_size, width)
            found[f"{self._embedding('token_type_embeddings')}.weight"] = types
        for name, shape in linears.items():
            found |= {f"{name}.weight": shape, f"{name}.bias": shape[:1]}
        for name in norms:
            found |= {f"{name}.weight": (width,), f"{name}.bias": (width,)}
        return found

    def is_all_of(self, config: Any, stored: Shapes) -> bool:
        """Whether these weights are exactly the model, so that nothing of transformers is needed.

        Args:
            config: the model's configuration.
            stored: the weights of its file.
        """
        if getattr(config, self.config_activation) not in _ACTIVATIONS:
            return False
        if config.hidden_size % config.num_attention_heads:
            return False
        weights = {name: shape for name, shape in stored.items() if not name.endswith(_COUNTED)}
        return weights == self.shapes(config)

    def encoder(
        self,
        config: Any,
        fetch: Fetch,
        make: MakeLinear = in_float,
        attention_dtype: torch.dtype | None = None,
    ) -> PackedEncoder:
        """A packed encoder.

        Args:
            config: the model's configuration.
            fetch: gives its weights.
            make: makes the linear layers of them.
            attention_dtype: what queries, keys and values are made in; None means as the weights.
        """
        eps = config.layer_norm_eps if self.norm_eps is None else self.norm_eps
        inner_activation = self.activation(config)

        def norm(name: str) -> Norm:
            return Norm(fetch(f"{name}.weight"), fetch(f"{name}.bias"), eps)

        def joined(
            at: int, role: str, *names: str, activation: Activation | None = None,
            feeds: Linear | None = None,
        ) -> Linear:  # fmt: skip
            """Linear layers of the same input as one."""
            weights = [fetch(f"{self._of_layer(at, name)}.weight") for name in names]
            biases = [fetch(f"{self._of_layer(at, name)}.bias") for name in names]
            weight, bias = (
                parts[0] if len(parts) == 1 else torch.cat(parts) for parts in (weights, biases)
            )
            return make(f"{at}.{role}", weight, bias, activation, feeds)

        def projection(at: int) -> Projection:
            query, key, value = self.query_key_value
            if at < config.num_hidden_layers - 1:
                return Together(joined(at, QUERY_KEY_VALUE, query, key, value))
            return Apart(joined(at, QUERY, query), joined(at, KEY_VALUE, key, value))

        def layer(at: int) -> Layer:
            down = joined(at, DOWN, self.down)
            return Layer(
                projection(at),
                joined(at, ATTENDED, self.attended),
                norm(self._of_layer(at, self.attention_norm)),
                joined(at, UP, self.up, activation=inner_activation, feeds=down),
                down,
                norm(self._of_layer(at, self.output_norm)),
            )

        def of_head(name: str) -> Linear:
            return linear(fetch(f"{name}.weight").float(), fetch(f"{name}.bias").float())

        embeddings = Embeddings(
            fetch(f"{self._embedding('word_embeddings')}.weight"),
            fetch(f"{self._embedding('position_embeddings')}.weight"),
            fetch(f"{self._embedding('token_type_embeddings')}.weight")
            if self.has_token_types
            else None,
            norm(self._embedding("LayerNorm")),
            config.pad_token_id if self.skips_padding else None,
        )
        layers = [layer(at) for at in range(config.num_hidden_layers)]
        head = Head(of_head(self.head[0]), self.head_activation, of_head(self.head[1]))
        return PackedEncoder(embeddings, layers, config.num_attention_heads, head, attention_dtype)

    def activation(self, config: Any) -> Activation:
        """What is computed between up and down."""
        return _activation(getattr(config, self.config_activation))

    def _embedding(self, name: str) -> str:
        return f"{self.base}.embeddings.{name}"

    def _of_layer(self, at: int, name: str) -> str:
        return f"{self.layers}.{at}.{name}"


@dataclass(frozen=True)
class Member:
    """A model of a family.

    Args:
        family: the family.
        config: the model's configuration.
        fetch: gives its weights.
    """

    family: Family
    config: Any
    fetch: Fetch

    @property
    def activation(self) -> Activation:
        """What is computed between up and down."""
        return self.family.activation(self.config)

    def in_type(self, dtype: torch.dtype) -> "Member":
        """The same with its weights in another type."""
        return replace(self, fetch=lambda name: self.fetch(name).to(dtype))

    def encoder(
        self, make: MakeLinear = in_float, attention_dtype: torch.dtype | None = None
    ) -> PackedEncoder:
        """Its packed encoder.

        Args:
            make: makes the linear layers.
            attention_dtype: what queries, keys and values are made in; None means as the weights.
        """
        return self.family.encoder(self.config, self.fetch, make, attention_dtype)


def family_of(config: Any) -> Family | None:
    """The family of a model of transformers; None when it has no packed form.

    Args:
        config: its configuration, of transformers.
    """
    plain = (
        not getattr(config, "is_decoder", False)
        and getattr(config, "position_embedding_type", None) in (None, "absolute")
        and getattr(config, "quantization_config", None) is None
    )
    family = FAMILIES.get(config.model_type) if plain else None
    if family and family.skips_padding and config.pad_token_id is None:
        return None
    return family


def _activation(name: str) -> Activation:
    if name in _ACTIVATIONS:
        return _ACTIVATIONS[name]
    # The rest of transformers comes with it, and takes seconds to import.
    from transformers.activations import ACT2FN

    found: Activation = ACT2FN[name]
    return found


def _bert_like(base: str, head: tuple[str, str], skips_padding: bool) -> Family:
    return Family(
        base,
        f"{base}.encoder.layer",
        ("attention.self.query", "attention.self.key", "attention.self.value"),
        "attention.output.dense",
        "attention.output.LayerNorm",
        "intermediate.dense",
        "output.dense",
        "output.LayerNorm",
        head,
        torch.tanh,
        skips_padding=skips_padding,
    )


_ROBERTA = _bert_like("roberta", ("classifier.dense", "classifier.out_proj"), skips_padding=True)
# By config.json's model_type.
FAMILIES: Mapping[str, Family] = {
    "distilbert": Family(
        "distilbert",
        "distilbert.transformer.layer",
        ("attention.q_lin", "attention.k_lin", "attention.v_lin"),
        "attention.out_lin",
        "sa_layer_norm",
        "ffn.lin1",
        "ffn.lin2",
        "output_layer_norm",
        ("pre_classifier", "classifier"),
        functional.relu,
        "hidden_dim",
        "activation",
        # A constant of transformers' DistilBERT.
        norm_eps=1e-12,
        has_token_types=False,
    ),
    "bert": _bert_like("bert", ("bert.pooler.dense", "classifier"), skips_padding=False),
    "roberta": _ROBERTA,
    "xlm-roberta": _ROBERTA,
    "camembert": _ROBERTA,
}
