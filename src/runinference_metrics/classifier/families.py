"""BERT's families: the names by which their members keep weights and sizes."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch.nn import functional

from runinference_metrics.classifier.linears import Activation

Shapes = dict[str, tuple[int, ...]]
# Older checkpoints hold a buffer that is nothing but the numbers from 0.
_COUNTED = ".embeddings.position_ids"

# What transformers' own do, for the usual ones.
_ACTIVATIONS: dict[str, Activation] = {"gelu": functional.gelu, "relu": functional.relu}


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
        norms = [self.of_embeddings("LayerNorm")]
        for at in range(config.num_hidden_layers):
            for name in (*self.query_key_value, self.attended):
                linears[self.of_layer(at, name)] = (width, width)
            linears[self.of_layer(at, self.up)] = (inner, width)
            linears[self.of_layer(at, self.down)] = (width, inner)
            norms += [self.of_layer(at, self.attention_norm), self.of_layer(at, self.output_norm)]
        found: Shapes = {
            f"{self.of_embeddings('word_embeddings')}.weight": (config.vocab_size, width),
            f"{self.of_embeddings('position_embeddings')}.weight": (
                config.max_position_embeddings,
                width,
            ),
        }
        if self.has_token_types:
            types = (config.type_vocab_size, width)
            found[f"{self.of_embeddings('token_type_embeddings')}.weight"] = types
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

    def activation(self, config: Any) -> Activation:
        """What is computed between up and down."""
        return _activation(getattr(config, self.config_activation))

    def of_embeddings(self, name: str) -> str:
        """The whole name of what belongs to the embeddings."""
        return f"{self.base}.embeddings.{name}"

    def of_layer(self, at: int, name: str) -> str:
        """The whole name of what belongs to a layer.

        Args:
            at: the layer's number.
            name: its name in the layer.
        """
        return f"{self.layers}.{at}.{name}"


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
