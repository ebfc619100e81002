"""Attention among the tokens of each text, for texts packed one behind the other."""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Protocol

import numpy as np
import torch
from torch.nn.functional import scaled_dot_product_attention

from runinference_metrics.classifier.tokens import Tokens

_LOG = logging.getLogger(__name__)

# From queries of shape [rows, width], and keys beside values of shape [rows, 2 x width], to
# [rows, width]. Where only first tokens ask, the queries have a row for each text.
Attend = Callable[[torch.Tensor, torch.Tensor], torch.Tensor]


class Attention(Protocol):
    """Attention for micro-batches of one model."""

    def __call__(self, tokens: Tokens, rows: int, first: bool = False) -> Attend:
        """Prepares the attention of a micro-batch.

        Args:
            tokens: its tokens.
            rows: rows behind them that are no text's, in the keys and values.
            first: whether only the first token of each text asks, and not all of them.
        """


# Flash attention, and with it attention over texts of various lengths, begins with Ampere.
_LOWEST_CAPABILITY_OF_FLASH = (8, 0)
# bfloat16 carries 8 bits; what two kernels compute of numbers near 1 differs by a few of its steps.
_TOLERANCE = 0.05


@dataclass(frozen=True)
class Heads:
    """Attention heads.

    Args:
        count: how many.
        width: the features of one.
    """

    count: int
    width: int


def attention_for(heads: Heads, like: torch.Tensor) -> Attention:
    """The fastest attention for a device and a type.

    Args:
        heads: the heads of the model.
        like: a weight of the model.
    """
    if like.device.type == "cpu":
        return by_products(heads) if like.dtype == torch.bfloat16 else by_equal_lengths(heads)
    if _has_varlen(heads, like):
        return varlen(heads)
    return padded(heads)


def to_device(array: np.ndarray, device: torch.device) -> torch.Tensor:
    """An array on the device; to a GPU without waiting, from memory that it can fetch from."""
    tensor = torch.from_numpy(array)
    if device.type == "cpu":
        return tensor
    return tensor.pin_memory().to(device, non_blocking=True)


def by_equal_lengths(heads: Heads) -> Attention:
    """One call of torch's own for each run of texts of one length, for a CPU in float32.

    Nothing is padded and nothing copied but the result; many small calls, which a CPU bears.
    """
    return _by_runs(heads, _runs, scaled_dot_product_attention)


def by_products(heads: Heads) -> Attention:
    """Batched products with the softmax in float32 between them, for a CPU in bfloat16.

    torch's own works text by text and head by head: with SST-2's sentences it takes twice as long
    (two cores of an AMD EPYC with AVX512-BF16).
    """
    scale = heads.width**-0.5

    def attend(query: torch.Tensor, key: torch.Tensor, value: torch.Tensor) -> torch.Tensor:
        shape = query.shape
        query, key, value = (one.flatten(0, 1).contiguous() for one in (query, key, value))
        scores = torch.bmm(query, key.transpose(1, 2)).float().mul_(scale)
        return torch.bmm(scores.softmax(-1).to(value.dtype), value).view(shape)

    return _by_runs(heads, _powers_of_two, attend)


# [texts, heads, tokens, features] of queries, keys and values to the same of what is attended.
_Compute = Callable[[torch.Tensor, torch.Tensor, torch.Tensor], torch.Tensor]
# A number of texts, and the tokens of each of them.
_Run = tuple[int, int]


def _by_runs(
    heads: Heads, runs_of: Callable[[np.ndarray], list[_Run]], compute: _Compute
) -> Attention:
    def prepare(tokens: Tokens, rows: int, first: bool = False) -> Attend:
        runs = runs_of(tokens.lengths)

        def attend(query: torch.Tensor, key_value: torch.Tensor) -> torch.Tensor:
            result = query.new_empty(len(query), heads.count * heads.width)
            at = asked = 0
            for count, length in runs:
                asking = 1 if first else length
                here = slice(asked, asked + count * asking)
                of_texts = key_value[at : at + count * length]
                at, asked = at + count * length, here.stop
                shape = (count, asking, heads.count, heads.width)
                key, value = (
                    of_texts.view(count, length, 2, heads.count, heads.width)
                    .permute(2, 0, 3, 1, 4)
                    .unbind()
                )
                attended = compute(query[here].view(shape).transpose(1, 2), key, value)
                result[here].view(shape).copy_(attended.transpose(1, 2))
            result[asked:] = 0
            return result

        return attend

    return prepare


def _runs(lengths: np.ndarray) -> list[_Run]:
    """Texts of one length behind each other, longest first."""
    changes = np.flatnonzero(np.diff(lengths)) + 1
    edges = [0, *changes.tolist(), len(lengths)]
    return [(end - start, int(lengths[start])) for start, end in pairwise(edges)]


def _powers_of_two(lengths: np.ndarray) -> list[_Run]:
    """The same in runs of 1, 2, 4, 8 and so on, so that few numbers of texts occur.

    A product is compiled for each, which takes as long as five texts' attention.
    """
    found = []
    for count, length in _runs(lengths):
        left = count
        while left:
            part = 1 << (left.bit_length() - 1)
            found.append((part, length))
            left -= part
    return found


def padded(heads: Heads) -> Attention:
    """One call for all texts, each padded to the longest; for a GPU, which needs large calls."""

    def prepare(tokens: Tokens, rows: int, first: bool = False) -> Attend:
        texts, longest = len(tokens), tokens.longest
        places = np.repeat(np.arange(texts) * longest, tokens.lengths) + tokens.positions
        mask = np.arange(longest)[None, :] < tokens.lengths[:, None]
        ready: list[torch.Tensor] = []

        def spread(x: torch.Tensor, where: torch.Tensor, parts: int) -> torch.Tensor:
            filled = x.new_zeros(texts * longest, x.shape[1])
            filled[where] = x[: len(where)]
            shape = (texts, longest, parts, heads.count, heads.width)
            return filled.view(shape).permute(2, 0, 3, 1, 4)

        def attend(query: torch.Tensor, key_value: torch.Tensor) -> torch.Tensor:
            if not ready:
                on_device = (places, mask[:, None, None, :])
                ready.extend(to_device(one, query.device) for one in on_device)
            where, allowed = ready
            key, value = spread(key_value, where, 2)
            if first:
                asking = query[:texts].view(texts, 1, heads.count, heads.width).transpose(1, 2)
            else:
                (asking,) = spread(query, where, 1)
            attended = scaled_dot_product_attention(asking, key, value, attn_mask=allowed)
            flat = attended.transpose(1, 2).flatten(0, 1).flatten(1)
            return _with_rows(flat if first else flat[where], len(query))

        return attend

    return prepare


def varlen(heads: Heads) -> Attention:
    """Flash attention over texts of various lengths: one call, no padding."""
    from torch.nn.attention.varlen import varlen_attn

    def prepare(tokens: Tokens, rows: int, first: bool = False) -> Attend:
        lengths = tokens.lengths.tolist()
        if rows and not first:
            # The rows that are no text's are attended to as one more text.
            lengths.append(rows)
        edges = np.cumsum([0, *lengths]).astype(np.int32)
        longest, texts = max(lengths), len(tokens)
        ready: list[torch.Tensor] = []

        def attend(query: torch.Tensor, key_value: torch.Tensor) -> torch.Tensor:
            if not ready:
                asking = np.arange(texts + 1, dtype=np.int32) if first else edges
                ready.extend(to_device(one, query.device) for one in (asking, edges))
            of_queries, of_keys = ready
            key, value = key_value.view(len(key_value), 2, heads.count, heads.width).unbind(1)
            of_heads = query.view(len(query), heads.count, heads.width)
            attended: Any = varlen_attn(
                of_heads[:texts] if first else of_heads,
                key[: edges[-1]], value[: edges[-1]],
                of_queries, of_keys, 1 if first else longest, longest,
            )  # fmt: skip
            return _with_rows(attended.flatten(1), len(query))

        return attend

    return prepare


def _with_rows(x: torch.Tensor, rows: int) -> torch.Tensor:
    more = rows - len(x)
    return torch.nn.functional.pad(x, (0, 0, 0, more)) if more else x


def _has_varlen(heads: Heads, like: torch.Tensor) -> bool:
    """Whether `varlen` works here: tried, since it depends on the GPU and the type."""
    if torch.cuda.get_device_capability(like.device) < _LOWEST_CAPABILITY_OF_FLASH:
        return False
    if like.dtype not in (torch.bfloat16, torch.float16):
        return False
    lengths = np.array([5, 3, 1])
    tokens = Tokens(np.zeros(9, np.int64), lengths)
    generator = torch.Generator(like.device).manual_seed(0)
    width = heads.count * heads.width
    qkv = torch.randn(9, 3 * width, device=like.device, generator=generator).to(like.dtype)
    query, key_value = qkv[:, :width], qkv[:, width:]
    starts = torch.from_numpy(tokens.starts).to(like.device)
    try:
        with torch.inference_mode():
            (found, found_first), (expected, expected_first) = (
                (
                    attention(tokens, 0)(query, key_value),
                    attention(tokens, 0, first=True)(query[starts], key_value),
                )
                for attention in (varlen(heads), padded(heads))
            )
    except Exception as error:
        _LOG.info("Attention over various lengths does not work here, padding instead: %s", error)
        return False
    worst = max((found - expected).abs().max(), (found_first - expected_first).abs().max())
    return bool(worst < _TOLERANCE)
