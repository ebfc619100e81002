"""Attention among the tokens of each text, with all tokens asking or the first alone."""

from collections.abc import Callable

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from runinference_metrics.classifier.attention import Attention, Heads
from runinference_metrics.classifier.attention_on_cpu import by_equal_lengths, by_products
from runinference_metrics.classifier.attention_on_gpu import padded
from runinference_metrics.classifier.tokens import Tokens

LENGTHS = st.lists(st.integers(1, 20), min_size=1, max_size=12).map(
    lambda some: sorted(some, reverse=True)
)
HEADS = Heads(2, 4)
WIDTH = 8


def tokens_of(lengths: list[int]) -> Tokens:
    return Tokens(np.arange(sum(lengths)), np.array(lengths))


def expected(qkv: torch.Tensor, lengths: list[int]) -> torch.Tensor:
    """Text by text, as it is written in the paper."""
    found = []
    for one in qkv[: sum(lengths)].split(lengths):
        query, key, value = one.view(len(one), 3, 2, 4).permute(1, 2, 0, 3)
        weights = (query @ key.transpose(1, 2) / 2).softmax(-1)
        found.append((weights @ value).transpose(0, 1).reshape(len(one), WIDTH))
    return torch.cat(found)


@pytest.mark.parametrize("attention", [by_equal_lengths, by_products, padded])
@given(LENGTHS, st.integers(0, 5))
def test_it_is_attention_within_each_text(
    attention: Callable[[Heads], Attention], lengths: list[int], rows: int
) -> None:
    count = sum(lengths)
    generator = torch.Generator().manual_seed(count)
    qkv = torch.randn(count + rows, 3 * WIDTH, generator=generator)
    right = expected(qkv, lengths)
    tokens = tokens_of(lengths)
    # Slices of a wider tensor, as the encoder hands them over.
    query, key_value = qkv[:, :WIDTH], qkv[:, WIDTH:]
    found = attention(HEADS).prepare(tokens, rows)(query, key_value)
    assert found.shape == (count + rows, WIDTH)
    assert torch.allclose(found[:count], right, atol=1e-5)
    assert torch.isfinite(found).all()
    starts = torch.from_numpy(tokens.starts)
    asking = torch.cat([query[starts], torch.randn(rows, WIDTH, generator=generator)])
    first = attention(HEADS).prepare(tokens, rows, first=True)(asking, key_value)
    assert first.shape == asking.shape
    assert torch.allclose(first[: len(lengths)], right[starts], atol=1e-5)
    assert torch.isfinite(first).all()


def test_products_in_bfloat16_are_as_near_as_torch_s_own() -> None:
    """Both round; with SST-2's lengths and features of like size."""
    heads, lengths = Heads(4, 64), [50, 23, 23, 23, 8, 8, 3, 1]
    qkv = torch.randn(sum(lengths), 3 * 256, generator=torch.Generator().manual_seed(1)).bfloat16()
    tokens = tokens_of(lengths)
    exact = by_equal_lengths(heads).prepare(tokens, 0)(qkv[:, :256].float(), qkv[:, 256:].float())
    own, torchs = (
        kind(heads).prepare(tokens, 0)(qkv[:, :256], qkv[:, 256:])
        for kind in (by_products, by_equal_lengths)
    )
    error = (own - exact).abs().mean()
    # Scores are rounded besides: half as much again where all of them are as small as here.
    assert error <= 2 * (torchs - exact).abs().mean()
    assert (own - exact).abs().max() < 0.05
