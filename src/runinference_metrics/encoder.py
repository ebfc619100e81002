"""BERT's family of encoders on texts packed one behind the other: no work on padding.

transformers pads each text of a batch to the longest and computes all layers on the padding too.
Here the linear layers, nine tenths of the work, see real tokens only. The arithmetic is the same.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch.nn import functional

from runinference_metrics.attention import Heads, attention_for, to_device
from runinference_metrics.linears import Linear, linear
from runinference_metrics.tokens import Tokens

Head = Callable[[torch.Tensor], torch.Tensor]


@dataclass(frozen=True)
class Norm:
    """A layer normalisation."""

    weight: torch.Tensor
    bias: torch.Tensor
    eps: float

    @classmethod
    def of(cls, module: Any) -> "Norm":
        """That of a torch module."""
        return cls(module.weight.detach(), module.bias.detach(), module.eps)

    def __call__(self, x: torch.Tensor) -> torch.Tensor:
        return functional.layer_norm(x, self.weight.shape, self.weight, self.bias, self.eps)


@dataclass(frozen=True)
class Layer:
    """A layer of the encoder: attention, then two linear layers, each added to what it got."""

    query_key_value: Linear
    attended: Linear
    attention_norm: Norm
    up: Linear
    activation: Callable[[torch.Tensor], torch.Tensor]
    down: Linear
    output_norm: Norm

    @property
    def linears(self) -> tuple[Linear, ...]:
        """The linear layers."""
        return self.query_key_value, self.attended, self.up, self.down


@dataclass(frozen=True)
class Embeddings:
    """Words, positions and token types."""

    words: torch.Tensor
    positions: torch.Tensor
    types: torch.Tensor | None
    norm: Norm
    # RoBERTa counts positions from behind the padding index, and skips padding tokens.
    padding_index: int | None = None

    def __call__(self, ids: torch.Tensor, places: torch.Tensor, types: torch.Tensor | None) -> Any:
        x = functional.embedding(ids, self.words)
        if self.types is not None:
            x = x + (self.types[0] if types is None else functional.embedding(types, self.types))
        return self.norm(x + functional.embedding(places, self.positions))

    def places(self, tokens: Tokens) -> np.ndarray:
        """The position of each token, as the model counts them."""
        if self.padding_index is None:
            return tokens.positions
        real = tokens.ids != self.padding_index
        if real.all():
            return tokens.positions + self.padding_index + 1
        before = np.cumsum(real) - real
        counted = before - np.repeat(before[tokens.starts], tokens.lengths) + 1
        return np.where(real, counted, 0) + self.padding_index


class PackedEncoder:
    """A sequence classifier of BERT's family.

    Args:
        embeddings: the embeddings.
        layers: the layers.
        heads: the attention heads of each layer.
        head: from the first token of each text, float32 of shape [texts, features], to logits.
        head_bytes: what the head's weights occupy.
    """

    def __init__(
        self, embeddings: Embeddings, layers: list[Layer], heads: int, head: Head, head_bytes: int
    ) -> None:
        self._embeddings = embeddings
        self._layers = layers
        self._head = head
        width = embeddings.words.shape[1]
        self._attention = attention_for(Heads(heads, width // heads), embeddings.words)
        self._rows = max(one.rows for layer in layers for one in layer.linears)
        norms = [
            embeddings.norm,
            *(n for one in layers for n in (one.attention_norm, one.output_norm)),
        ]
        tensors = [embeddings.words, embeddings.positions]
        tensors += [] if embeddings.types is None else [embeddings.types]
        tensors += [tensor for norm in norms for tensor in (norm.weight, norm.bias)]
        linears = (one for layer in layers for one in layer.linears)
        self.num_bytes = (
            sum(one.nbytes for one in tensors) + sum(one.num_bytes for one in linears) + head_bytes
        )

    @property
    def device(self) -> torch.device:
        """Where the weights are."""
        return self._embeddings.words.device

    def padding(self, tokens: Tokens) -> int:
        """Padding tokens that the layers compute besides: none."""
        return 0

    def __call__(self, tokens: Tokens) -> torch.Tensor:
        """Logits, float32 of shape [texts, labels], on the device."""
        count = len(tokens.ids)
        # Rows that belong to no text, and that nothing looks at.
        rows = -count % self._rows
        ids = self._on_device(np.pad(tokens.ids, (0, rows)))
        places = self._on_device(np.pad(self._embeddings.places(tokens), (0, rows)))
        types = None
        if tokens.type_ids is not None and self._embeddings.types is not None:
            types = self._on_device(np.pad(tokens.type_ids, (0, rows)))
        attend = self._attention(tokens, rows)
        x = self._embeddings(ids, places, types)
        for layer in self._layers:
            attended = layer.attended(attend(layer.query_key_value(x)))
            x = layer.attention_norm(attended.add_(x))
            x = layer.output_norm(layer.down(layer.activation(layer.up(x))).add_(x))
        first = x[self._on_device(tokens.starts)].float()
        return self._head(first)

    def _on_device(self, array: np.ndarray) -> torch.Tensor:
        return to_device(array, self.device)


def packed_encoder(model: Any, int8: bool = False) -> PackedEncoder | None:
    """The packed form of a model of transformers; None when it is not of BERT's family.

    Args:
        model: the model, on its device and in its type. Its weights are shared where possible.
        int8: quantise the linear layers of the encoder.
    """
    make = _FAMILY.get(type(model).__name__)
    config = model.config
    if make is None or getattr(config, "is_decoder", False):
        return None
    if getattr(config, "position_embedding_type", None) not in (None, "absolute"):
        return None
    return make(model, int8)


def _joined(modules: tuple[Any, ...], int8: bool) -> Linear:
    """Several linear layers of the same input as one."""
    return linear(
        torch.cat([one.weight for one in modules]), torch.cat([one.bias for one in modules]), int8
    )


def _single(module: Any, int8: bool) -> Linear:
    return linear(module.weight, module.bias, int8)


def _head_bytes(*modules: Any) -> int:
    for one in modules:
        # A few rows a batch: exact arithmetic costs nothing here.
        one.float()
    return sum(tensor.nbytes for one in modules for tensor in one.parameters())


def _distilbert(model: Any, int8: bool) -> PackedEncoder:
    base = model.distilbert
    layers = [
        Layer(
            _joined((one.attention.q_lin, one.attention.k_lin, one.attention.v_lin), int8),
            _single(one.attention.out_lin, int8),
            Norm.of(one.sa_layer_norm),
            _single(one.ffn.lin1, int8),
            one.ffn.activation,
            _single(one.ffn.lin2, int8),
            Norm.of(one.output_layer_norm),
        )
        for one in base.transformer.layer
    ]
    words = base.embeddings
    embeddings = Embeddings(
        words.word_embeddings.weight.detach(), words.position_embeddings.weight.detach(), None,
        Norm.of(words.LayerNorm),
    )  # fmt: skip

    # Not the model itself, which would keep the weights that were packed.
    pre_classifier, classifier = model.pre_classifier, model.classifier

    def head(first: torch.Tensor) -> torch.Tensor:
        return classifier(functional.relu(pre_classifier(first)))

    size = _head_bytes(pre_classifier, classifier)
    return PackedEncoder(embeddings, layers, model.config.n_heads, head, size)


def _bert_like(base: Any, int8: bool, padding_index: int | None) -> tuple[Embeddings, list[Layer]]:
    layers = [
        Layer(
            _joined((one.attention.self.query, one.attention.self.key, one.attention.self.value),
                    int8),
            _single(one.attention.output.dense, int8),
            Norm.of(one.attention.output.LayerNorm),
            _single(one.intermediate.dense, int8),
            one.intermediate.intermediate_act_fn,
            _single(one.output.dense, int8),
            Norm.of(one.output.LayerNorm),
        )
        for one in base.encoder.layer
    ]  # fmt: skip
    words = base.embeddings
    embeddings = Embeddings(
        words.word_embeddings.weight.detach(), words.position_embeddings.weight.detach(),
        words.token_type_embeddings.weight.detach(), Norm.of(words.LayerNorm), padding_index,
    )  # fmt: skip
    return embeddings, layers


def _bert(model: Any, int8: bool) -> PackedEncoder:
    embeddings, layers = _bert_like(model.bert, int8, None)

    pooler, classifier = model.bert.pooler, model.classifier

    def head(first: torch.Tensor) -> torch.Tensor:
        # The pooler takes the first token of a sequence.
        return classifier(pooler(first[:, None]))

    size = _head_bytes(pooler, classifier)
    return PackedEncoder(embeddings, layers, model.config.num_attention_heads, head, size)


def _roberta(model: Any, int8: bool) -> PackedEncoder:
    embeddings, layers = _bert_like(model.roberta, int8, model.config.pad_token_id)

    classifier = model.classifier

    def head(first: torch.Tensor) -> torch.Tensor:
        return classifier(first[:, None])

    size = _head_bytes(classifier)
    return PackedEncoder(embeddings, layers, model.config.num_attention_heads, head, size)


_FAMILY: dict[str, Callable[[Any, bool], PackedEncoder]] = {
    "DistilBertForSequenceClassification": _distilbert,
    "BertForSequenceClassification": _bert,
    "RobertaForSequenceClassification": _roberta,
    "XLMRobertaForSequenceClassification": _roberta,
    "CamembertForSequenceClassification": _roberta,
}
