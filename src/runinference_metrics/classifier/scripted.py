"""A packed encoder on a GPU as one call of torch.

Each operation that Python calls lets go of Python's lock, and beside other threads waits to have
it back: a micro-batch has some eighty. As a script of torch's, all of them are given to the GPU
while the lock is let go once.
"""

import logging
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch.nn import functional

from runinference_metrics.classifier import cuda
from runinference_metrics.classifier.attention import Heads
from runinference_metrics.classifier.attention_on_gpu import EFFICIENT, FLASH
from runinference_metrics.classifier.linears import Activation, Linear, is_close
from runinference_metrics.classifier.tokens import Tokens
from runinference_metrics.errors import first_line

_LOG = logging.getLogger(__name__)

# How the script knows what it computes.
_ACTIVATIONS: dict[Activation, str] = {
    functional.gelu: "gelu",
    functional.relu: "relu",
    torch.tanh: "tanh",
}

# Where types stand among the embeddings, and the layer to more features among a layer's parts.
_TYPES, _UP = 4, -3
_TRIED_LENGTHS = (7, 3, 2)
# The same kernels in the same order: what differs is next to nothing.
_AS_CLOSE = 1e-3


def _activated(x: torch.Tensor, activation: str) -> torch.Tensor:
    if activation == "gelu":
        return functional.gelu(x)
    if activation == "relu":
        return torch.relu(x)
    return torch.tanh(x)


def _attended(
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    of_queries: torch.Tensor,
    of_keys: torch.Tensor,
    most_queries: int,
    most_keys: int,
    flash: bool,
) -> torch.Tensor:
    if flash:
        return torch.ops.aten._flash_attention_forward(
            query, key, value, of_queries, of_keys, most_queries, most_keys, 0.0, False, False
        )[0]
    return torch.ops.aten._efficient_attention_forward(
        query.unsqueeze(0), key.unsqueeze(0), value.unsqueeze(0), None,
        of_queries, of_keys, most_queries, most_keys, 0.0, 0,
    )[0].squeeze(0)  # fmt: skip


def _forward(
    numbers: torch.Tensor,
    tokens: int,
    texts: int,
    longest: int,
    heads: int,
    embeddings: list[torch.Tensor],
    has_types: bool,
    weights: list[torch.Tensor],
    head: list[torch.Tensor],
    eps: float,
    activation: str,
    head_activation: str,
    one_pass: bool,
    flash: bool,
) -> torch.Tensor:
    """Logits, float32 of shape [texts, labels].

    Args:
        numbers: int64, one behind the other: the tokens' ids and places, where each text begins and
            ends, and the tokens' types if there are any.
        tokens: how many.
        texts: how many.
        longest: the tokens of the longest text.
        heads: attention heads.
        embeddings: words, positions, weight and bias of their norm, and types if the model has any.
        has_types: whether `numbers` has the tokens' types.
        weights: of each layer, see `_of_layer`.
        head: weights and biases of its two layers.
        eps: of all norms.
        activation: between the layers to more features and back.
        head_activation: between the two layers of the head.
        one_pass: whether that activation comes in the pass of its product.
        flash: whether attention is flash attention.
    """
    words, positions, norm_weight, norm_bias = embeddings[:4]
    width = words.size(1)
    edges = numbers.narrow(0, 2 * tokens, texts + 1)
    starts = edges.narrow(0, 0, texts)
    of_keys = edges.to(torch.int32)
    of_first = torch.arange(texts + 1, dtype=torch.int32, device=numbers.device)
    x = functional.embedding(numbers.narrow(0, 0, tokens), words)
    if len(embeddings) > 4:
        types = embeddings[4]
        if has_types:
            x = x + functional.embedding(numbers.narrow(0, 2 * tokens + texts + 1, tokens), types)
        else:
            x = x + types.narrow(0, 0, 1)
    x = x + functional.embedding(numbers.narrow(0, tokens, tokens), positions)
    x = functional.layer_norm(x, [width], norm_weight, norm_bias, eps)
    layers = len(weights) // 14
    for at in range(layers):
        of_layer = weights[14 * at : 14 * (at + 1)]
        asking, asked, of_queries, most = x, tokens, of_keys, longest
        if at == layers - 1:
            asking, asked, of_queries, most = x.index_select(0, starts), texts, of_first, 1
            query = functional.linear(asking, of_layer[0], of_layer[1])
            key_value = functional.linear(x, of_layer[2], of_layer[3])
        else:
            together = functional.linear(x, of_layer[0], of_layer[1])
            query = together.narrow(1, 0, width)
            key_value = together.narrow(1, width, 2 * width)
        shape = [tokens, heads, width // heads]
        attended = _attended(
            query.view([asked, heads, width // heads]),
            key_value.narrow(1, 0, width).view(shape),
            key_value.narrow(1, width, width).view(shape),
            of_queries, of_keys, most, longest, flash,
        ).reshape([asked, width])  # fmt: skip
        x = functional.linear(attended, of_layer[4], of_layer[5]).add_(asking)
        x = functional.layer_norm(x, [width], of_layer[6], of_layer[7], eps)
        if one_pass:
            up = torch.ops.aten._addmm_activation(of_layer[9], x, of_layer[8].t(), use_gelu=True)
        else:
            up = _activated(functional.linear(x, of_layer[8], of_layer[9]), activation)
        x = functional.linear(up, of_layer[10], of_layer[11]).add_(x)
        x = functional.layer_norm(x, [width], of_layer[12], of_layer[13], eps)
    hidden = _activated(functional.linear(x.float(), head[0], head[1]), head_activation)
    return functional.linear(hidden, head[2], head[3])


@dataclass(frozen=True)
class Parts:
    """What a packed encoder consists of.

    Args:
        embeddings: words, positions, weight and bias of their norm, and types if the model has any.
        layers: the linear layers and norms of each: query, key and value together and None (of the
            last layer the query, and key and value), attended, its norm, up, down, the last norm.
        head: its two linear layers.
        head_activation: between them.
        heads: attention heads.
        attention: what computes attention.
        eps: of all norms.
        places: the position of each token, as the model counts them.
    """

    embeddings: Sequence[torch.Tensor]
    layers: Sequence[Sequence[Any]]
    head: Sequence[Linear]
    head_activation: Activation
    heads: Heads
    attention: str
    eps: float
    places: Callable[[Tokens], np.ndarray]


def scripted(
    parts: Parts, eager: Callable[[Tokens], torch.Tensor]
) -> Callable[[Tokens], torch.Tensor] | None:
    """Gives logits of tokens in one call; None where that does not give what `eager` gives.

    Args:
        parts: the encoder.
        eager: gives the same, one operation after the other.
    """
    try:
        found = _Scripted(parts)
        with torch.inference_mode():
            for tokens in _tried(len(parts.embeddings) > _TYPES):
                if not is_close(found(tokens), eager(tokens), _AS_CLOSE):
                    raise ValueError("its answers differ")
    except Exception as error:
        _LOG.info("The GPU is given its work one operation at a time: %s", first_line(error))
        return None
    return found


class _Scripted:
    def __init__(self, parts: Parts) -> None:
        up = parts.layers[0][_UP]
        first, second = parts.head
        self._embeddings = list(parts.embeddings)
        self._weights = [
            tensor
            for layer in parts.layers
            # What is not there is not looked at.
            for part in (one or layer[0] for one in layer)
            for tensor in (part.weight, part.bias)
        ]
        self._head = [first.weight, first.bias, second.weight, second.bias]
        self._settings = (
            parts.eps, _ACTIVATIONS[up.activation], _ACTIVATIONS[parts.head_activation],
            up.in_one_pass, {FLASH: True, EFFICIENT: False}[parts.attention],
        )  # fmt: skip
        self._heads = parts.heads.count
        self._device = self._embeddings[0].device
        self._places = parts.places
        with warnings.catch_warnings():
            # torch would rather compile: that takes seconds, and needs a compiler.
            warnings.simplefilter("ignore")
            self._script: Any = torch.jit.script(_forward)

    def __call__(self, tokens: Tokens) -> torch.Tensor:
        texts, count = len(tokens), len(tokens.ids)
        edges = np.cumsum(np.concatenate([[0], tokens.lengths]))
        numbers = [tokens.ids, self._places(tokens), edges]
        types = tokens.type_ids if len(self._embeddings) > _TYPES else None
        if types is not None:
            numbers.append(types)
        on_device = cuda.upload(np.concatenate(numbers), self._device)
        # Else torch looks for operations to compile into one, for each size anew.
        with torch.jit.optimized_execution(False):
            found: torch.Tensor = self._script(
                on_device, count, texts, tokens.longest, self._heads, self._embeddings,
                types is not None, self._weights, self._head, *self._settings,
            )  # fmt: skip
        return found


def _tried(with_types: bool) -> list[Tokens]:
    """Tokens of a few texts, without types and with them."""
    lengths = np.array(_TRIED_LENGTHS)
    ids = np.arange(lengths.sum())
    plain = Tokens(ids, lengths)
    return [plain, Tokens(ids, lengths, ids % 2)] if with_types else [plain]
