"""BERT's family of encoders on texts packed one behind the other: no work on padding.

transformers pads each text of a batch to the longest and computes all layers on the padding too.
Here the linear layers, nine tenths of the work, see real tokens only. The arithmetic is the same.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import torch
from torch.nn import functional

from runinference_metrics.classifier import cuda
from runinference_metrics.classifier.attention import Attend, Heads
from runinference_metrics.classifier.attention_on_cpu import on_cpu
from runinference_metrics.classifier.attention_on_gpu import on_gpu
from runinference_metrics.classifier.linears import Linear
from runinference_metrics.classifier.network import Grouping
from runinference_metrics.classifier.scripted import Parts, scripted
from runinference_metrics.classifier.tokens import Tokens

# SST-2's sentences have 23 tokens in the mean; a multiple of it and of the rows that are rounded to
# is close to any budget.
_PROBED_LENGTH = 24


@dataclass(frozen=True)
class Norm:
    """A layer normalisation."""

    weight: torch.Tensor
    bias: torch.Tensor
    eps: float

    def __call__(self, x: torch.Tensor) -> torch.Tensor:
        return functional.layer_norm(x, self.weight.shape, self.weight, self.bias, self.eps)


class Projection(Protocol):
    """The linear layers before attention."""

    @property
    def linears(self) -> tuple[Linear, ...]:
        """They themselves."""

    def __call__(self, asking: torch.Tensor, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """The queries of the tokens that ask, and the keys beside the values of all tokens."""


@dataclass(frozen=True)
class Together:
    """Queries, keys and values in one product, where every token asks."""

    query_key_value: Linear

    @property
    def linears(self) -> tuple[Linear, ...]:
        """The linear layers."""
        return (self.query_key_value,)

    def __call__(self, asking: torch.Tensor, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """The queries, and the keys beside the values."""
        found = self.query_key_value(x)
        width = found.shape[1] // 3
        return found.narrow(1, 0, width), found.narrow(1, width, 2 * width)


@dataclass(frozen=True)
class Apart:
    """Queries of a few tokens, keys and values of all."""

    query: Linear
    key_value: Linear

    @property
    def linears(self) -> tuple[Linear, ...]:
        """The linear layers."""
        return self.query, self.key_value

    def __call__(self, asking: torch.Tensor, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """The queries, and the keys beside the values."""
        return self.query(asking), self.key_value(x)


@dataclass(frozen=True)
class Layer:
    """A layer of the encoder: attention, then two linear layers, each added to what it got.

    Args:
        project: from tokens to queries, keys and values.
        attended: the linear layer behind attention.
        attention_norm: the normalisation behind that.
        up: the linear layer to more features, with its activation.
        down: the one back.
        output_norm: the last normalisation.
    """

    project: Projection
    attended: Linear
    attention_norm: Norm
    up: Linear
    down: Linear
    output_norm: Norm

    @property
    def linears(self) -> tuple[Linear, ...]:
        """The linear layers."""
        return *self.project.linears, self.attended, self.up, self.down

    @property
    def parts(self) -> tuple[Linear | Norm | None, ...]:
        """The linear layers and norms in their order; None in the place of what is joined."""
        first = self.project.linears
        return (
            *first, *([None] * (2 - len(first))), self.attended, self.attention_norm, self.up,
            self.down, self.output_norm,
        )  # fmt: skip

    def __call__(
        self, x: torch.Tensor, attend: Attend, asking: torch.Tensor | None = None
    ) -> torch.Tensor:
        """The tokens that ask, as the next layer gets them; without `asking` all of them."""
        asking = x if asking is None else asking
        attended = self.attended(attend(*self.project(asking, x)), asking)
        x = self.attention_norm(attended)
        return self.output_norm(self.down(self.up(x), x))


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
            first = self.types.narrow(0, 0, 1)
            x = x + (first if types is None else functional.embedding(types, self.types))
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


@dataclass(frozen=True)
class Head:
    """From the first token of each text to logits, in float32: for a few rows, it costs nothing."""

    hidden: Linear
    activation: Callable[[torch.Tensor], torch.Tensor]
    output: Linear

    def __call__(self, first: torch.Tensor) -> torch.Tensor:
        return self.output(self.activation(self.hidden(first.float())))


class PackedEncoder:
    """A sequence classifier of BERT's family.

    Args:
        embeddings: the embeddings.
        layers: the layers.
        heads: the attention heads of each layer.
        head: the head.
        attention_dtype: the type of queries, keys and values; None means that of the embeddings.
    """

    grouping = Grouping.PACKED

    def __init__(
        self,
        embeddings: Embeddings,
        layers: list[Layer],
        heads: int,
        head: Head,
        attention_dtype: torch.dtype | None = None,
    ) -> None:
        self._embeddings = embeddings
        self._layers = layers
        self._head = head
        width = embeddings.words.shape[1]
        dtype = attention_dtype or embeddings.words.dtype
        of_model = self._heads = Heads(heads, width // heads)
        self.on_gpu = cuda.holds(embeddings.words)
        self._attention = (
            on_gpu(of_model, dtype, self.device) if self.on_gpu else on_cpu(of_model, dtype)
        )
        self.attention = self._attention.name
        self.fused = "activation" if any(layer.up.in_one_pass for layer in layers) else ""
        self._rows = max((one.rows for layer in layers for one in layer.linears), default=1)
        norms = [
            embeddings.norm,
            *(n for one in layers for n in (one.attention_norm, one.output_norm)),
        ]
        tensors = [embeddings.words, embeddings.positions]
        tensors += [] if embeddings.types is None else [embeddings.types]
        tensors += [tensor for norm in norms for tensor in (norm.weight, norm.bias)]
        linears = [one for layer in layers for one in layer.linears] + [head.hidden, head.output]
        self.side_by_side = not self.on_gpu and all(one.stateless for one in linears)
        self.num_bytes = sum(one.nbytes for one in tensors) + sum(one.num_bytes for one in linears)
        self._at_once = scripted(self._parts(), self._one_by_one) if self.on_gpu else None

    @property
    def device(self) -> torch.device:
        """Where the weights are."""
        return self._embeddings.words.device

    def padding(self, tokens: Tokens) -> int:
        """Padding tokens that the layers compute besides: none."""
        return 0

    def __call__(self, tokens: Tokens) -> torch.Tensor:
        """Logits, float32 of shape [texts, labels], on the device."""
        return self._at_once(tokens) if self._at_once else self._one_by_one(tokens)

    def _one_by_one(self, tokens: Tokens) -> torch.Tensor:
        count = len(tokens.ids)
        # Rows that belong to no text, and that nothing looks at.
        rows = self._more_rows(count)
        ids = self._on_device(np.pad(tokens.ids, (0, rows)))
        places = self._on_device(np.pad(self._embeddings.places(tokens), (0, rows)))
        types = None
        if tokens.type_ids is not None and self._embeddings.types is not None:
            types = self._on_device(np.pad(tokens.type_ids, (0, rows)))
        x = self._embeddings(ids, places, types)
        attend = self._attention.prepare(tokens, rows)
        for layer in self._layers[:-1]:
            x = layer(x, attend)
        return self._head(self._first_tokens(x, tokens, rows))

    def _parts(self) -> Parts:
        embeddings = self._embeddings
        norm = embeddings.norm
        tables = [embeddings.words, embeddings.positions, norm.weight, norm.bias]
        tables += [] if embeddings.types is None else [embeddings.types]
        return Parts(
            tables,
            [one.parts for one in self._layers],
            (self._head.hidden, self._head.output),
            self._head.activation,
            self._heads,
            self.attention,
            norm.eps,
            embeddings.places,
        )

    def probe(self, count: int) -> None:
        """Computes the first layer of so many tokens, as a measure of what all of them take."""
        lengths = np.full(max(1, count // _PROBED_LENGTH), _PROBED_LENGTH)
        tokens = Tokens(np.zeros(lengths.sum(), np.int64), lengths)
        places = self._on_device(self._embeddings.places(tokens))
        x = self._embeddings(self._on_device(tokens.ids), places, None)
        for layer in self._layers[:-1][:1]:
            layer(x, self._attention.prepare(tokens, 0))

    def _first_tokens(self, x: torch.Tensor, tokens: Tokens, rows: int) -> torch.Tensor:
        """The first token of each text behind the last layer, which computes no others.

        The head looks at none but these; they need the keys and values of all tokens, and nothing
        else of them. Of DistilBERT's six layers' products it saves a seventh.
        """
        starts = tokens.starts
        chosen = np.pad(starts, (0, self._more_rows(len(starts))))
        first = x.index_select(0, self._on_device(chosen))
        for layer in self._layers[-1:]:
            first = layer(x, self._attention.prepare(tokens, rows, first=True), first)
        return first.narrow(0, 0, len(starts))

    def _more_rows(self, count: int) -> int:
        """Rows to compute besides, so that few numbers of rows occur."""
        if self._rows == 1:
            return 0
        # 32 sizes from one power of two to the next: at most a thirtieth is computed in vain.
        return -count % max(self._rows, 1 << max(0, count.bit_length() - 6))

    def _on_device(self, array: np.ndarray) -> torch.Tensor:
        return cuda.upload(array, self.device)
