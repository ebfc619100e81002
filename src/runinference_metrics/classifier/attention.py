"""Attention among the tokens of each text, for texts packed one behind the other."""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import torch
from torch.nn.functional import scaled_dot_product_attention

from runinference_metrics.classifier.tokens import Tokens

_LOG = logging.getLogger(__name__)

# From [rows, 3 x width] (queries, keys, values) to [rows, width].
Attend = Callable[[torch.Tensor], torch.Tensor]
# Prepares the attention of one micro-batch: its tokens, and rows behind them that are no text's.
Attention = Callable[[Tokens, int], Attend]

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
        return by_equal_lengths(heads)
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
    """Texts of one length, neighbours since they are sorted, are attended to together, in place.

    Nothing is padded and nothing copied but the result; many small calls, which a CPU bears.
    """

    def prepare(tokens: Tokens, rows: int) -> Attend:
        changes = np.flatnonzero(np.diff(tokens.lengths)) + 1
        edges = [0, *changes.tolist(), len(tokens)]
        runs = [(end - start, int(tokens.lengths[start])) for start, end in pairwise(edges)]

        def attend(qkv: torch.Tensor) -> torch.Tensor:
            result = qkv.new_empty(len(qkv), heads.count * heads.width)
            at = 0
            for count, length in runs:
                here = slice(at, at + count * length)
                at = here.stop
                of_texts = qkv[here].view(count, length, 3, heads.count, heads.width)
                query, key, value = of_texts.permute(2, 0, 3, 1, 4)
                attended = scaled_dot_product_attention(query, key, value)
                target = result[here].view(count, length, heads.count, heads.width)
                target.copy_(attended.transpose(1, 2))
            result[at:] = 0
            return result

        return attend

    return prepare


def padded(heads: Heads) -> Attention:
    """One call for all texts, each padded to the longest; for a GPU, which needs large calls."""

    def prepare(tokens: Tokens, rows: int) -> Attend:
        texts, longest = len(tokens), tokens.longest
        places = np.repeat(np.arange(texts) * longest, tokens.lengths) + tokens.positions
        mask = np.arange(longest)[None, :] < tokens.lengths[:, None]
        ready: list[torch.Tensor] = []

        def attend(qkv: torch.Tensor) -> torch.Tensor:
            if not ready:
                ready.extend(to_device(one, qkv.device) for one in (places, mask[:, None, None, :]))
            where, allowed = ready
            filled = qkv.new_zeros(texts * longest, qkv.shape[1])
            filled[where] = qkv[: len(where)]
            of_texts = filled.view(texts, longest, 3, heads.count, heads.width)
            query, key, value = of_texts.permute(2, 0, 3, 1, 4)
            attended = scaled_dot_product_attention(query, key, value, attn_mask=allowed)
            flat = attended.transpose(1, 2).reshape(texts * longest, -1)[where]
            return torch.nn.functional.pad(flat, (0, 0, 0, rows)) if rows else flat

        return attend

    return prepare


def varlen(heads: Heads) -> Attention:
    """Flash attention over texts of various lengths: one call, no padding."""
    from torch.nn.attention.varlen import varlen_attn

    def prepare(tokens: Tokens, rows: int) -> Attend:
        # The rows that are no text's are attended to as one more text.
        lengths = [*tokens.lengths.tolist(), *([rows] if rows else [])]
        edges = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int32)
        longest = max(lengths)
        ready: list[torch.Tensor] = []

        def attend(qkv: torch.Tensor) -> torch.Tensor:
            if not ready:
                ready.append(to_device(edges, qkv.device))
            query, key, value = qkv.view(len(qkv), 3, heads.count, heads.width).unbind(1)
            attended: Any = varlen_attn(query, key, value, ready[0], ready[0], longest, longest)
            return attended.reshape(len(qkv), -1)

        return attend

    return prepare


def _has_varlen(heads: Heads, like: torch.Tensor) -> bool:
    """Whether `varlen` works here: tried, since it depends on the GPU and the type."""
    if torch.cuda.get_device_capability(like.device) < _LOWEST_CAPABILITY_OF_FLASH:
        return False
    if like.dtype not in (torch.bfloat16, torch.float16):
        return False
    lengths = np.array([5, 3, 1])
    tokens = Tokens(np.zeros(9, np.int64), lengths)
    generator = torch.Generator(like.device).manual_seed(0)
    qkv = torch.randn(9, 3 * heads.count * heads.width, device=like.device, generator=generator)
    qkv = qkv.to(like.dtype)
    try:
        with torch.inference_mode():
            found = varlen(heads)(tokens, 0)(qkv)
            expected = padded(heads)(tokens, 0)(qkv)
    except Exception as error:
        _LOG.info("Attention over various lengths does not work here, padding instead: %s", error)
        return False
    return bool((found - expected).abs().max() < _TOLERANCE)
