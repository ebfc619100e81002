"""Attention on a CPU: texts of one length in one call."""

from collections.abc import Callable
from itertools import pairwise

import numpy as np
import torch
from torch.nn.functional import scaled_dot_product_attention

from runinference_metrics.classifier.attention import Attend, Attention, Heads
from runinference_metrics.classifier.tokens import Tokens


def on_cpu(heads: Heads, dtype: torch.dtype) -> Attention:
    """The fastest for a type.

    Args:
        heads: the heads of the model.
        dtype: the type of queries, keys and values.
    """
    return by_products(heads) if dtype == torch.bfloat16 else by_equal_lengths(heads)


def by_equal_lengths(heads: Heads) -> Attention:
    """One call of torch's own for each run of texts of one length, for a CPU in float32.

    Nothing is padded and nothing copied but the result; many small calls, which a CPU bears.
    """
    return _by_runs("equal_lengths", heads, _runs, scaled_dot_product_attention)


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

    return _by_runs("products", heads, _powers_of_two, attend)


# [texts, heads, tokens, features] of queries, keys and values to the same of what is attended.
_Compute = Callable[[torch.Tensor, torch.Tensor, torch.Tensor], torch.Tensor]
# A number of texts, and the tokens of each of them.
_Run = tuple[int, int]


def _by_runs(
    name: str, heads: Heads, runs_of: Callable[[np.ndarray], list[_Run]], compute: _Compute
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

    return Attention(name, prepare)


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
