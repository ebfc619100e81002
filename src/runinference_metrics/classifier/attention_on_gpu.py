"""Attention on a GPU, which needs large calls: one for all texts of a micro-batch."""

import logging
from collections.abc import Callable, Iterator

import numpy as np
import torch
from torch.nn.functional import pad, scaled_dot_product_attention

from runinference_metrics.classifier import cuda
from runinference_metrics.classifier.attention import Attend, Attention, Heads
from runinference_metrics.classifier.tokens import Tokens
from runinference_metrics.errors import first_line

_LOG = logging.getLogger(__name__)

# What two kernels compute of numbers near 1 differs by a few steps of what the type carries:
# 8 bits, 11, or the 24 that a GPU computes in its own order.
_TOLERANCES = {torch.bfloat16: 0.05, torch.float16: 0.01, torch.float32: 1e-3}
_TRIED_LENGTHS = (5, 3, 1)
FLASH, EFFICIENT = "flash", "efficient"

# Of queries, keys and values of shape [rows, heads, width], the edges of the texts in queries and
# in keys as int32, and the longest text of each, what is attended, in the queries' shape.
Kernel = Callable[
    [torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor, int, int], torch.Tensor
]


def on_gpu(heads: Heads, dtype: torch.dtype, device: torch.device) -> Attention:
    """The fastest that works here: tried, since it depends on the GPU, the type and the heads.

    Args:
        heads: the heads of the model.
        dtype: the type of queries, keys and values.
        device: the GPU.
    """
    lacking: list[str] = []
    for attention in (packed(FLASH, heads, _flash), packed(EFFICIENT, heads, _efficient)):
        problem = _problem(attention, heads, dtype, device)
        if problem is None:
            if lacking:
                _LOG.info("Attention is %s, without %s.", attention.name, lacking[0])
            return attention
        lacking.append(f"{attention.name} ({problem})")
    _LOG.warning(
        "Attention pads each text to the longest of its micro-batch: nothing else works here, "
        "neither %s.", " nor ".join(lacking),
    )  # fmt: skip
    return padded(heads)


def padded(heads: Heads) -> Attention:
    """torch's own, each text padded to the longest."""

    def prepare(tokens: Tokens, rows: int, first: bool = False) -> Attend:
        texts, longest = len(tokens), tokens.longest
        places = np.repeat(np.arange(texts) * longest, tokens.lengths) + tokens.positions
        mask = np.arange(longest)[None, :] < tokens.lengths[:, None]
        ready: list[torch.Tensor] = []

        def spread(x: torch.Tensor, where: torch.Tensor, parts: int) -> torch.Tensor:
            filled = x.new_zeros(texts * longest, x.shape[1])
            filled.index_copy_(0, where, x.narrow(0, 0, len(where)))
            shape = (texts, longest, parts, heads.count, heads.width)
            return filled.view(shape).permute(2, 0, 3, 1, 4)

        def attend(query: torch.Tensor, key_value: torch.Tensor) -> torch.Tensor:
            if not ready:
                on_device = (places, mask[:, None, None, :])
                ready.extend(cuda.upload(one, query.device) for one in on_device)
            where, allowed = ready
            key, value = spread(key_value, where, 2).unbind()
            if first:
                asking = query.narrow(0, 0, texts).view(texts, 1, heads.count, heads.width)
                asking = asking.transpose(1, 2)
            else:
                (asking,) = spread(query, where, 1).unbind()
            attended = scaled_dot_product_attention(asking, key, value, attn_mask=allowed)
            flat = attended.transpose(1, 2).flatten(0, 1).flatten(1)
            return _with_rows(flat if first else flat.index_select(0, where), len(query))

        return attend

    return Attention("padded", prepare)


def packed(name: str, heads: Heads, kernel: Kernel) -> Attention:
    """One call of a kernel for texts of various lengths: no padding.

    Args:
        name: the kernel's name.
        heads: the heads of the model.
        kernel: computes it.
    """

    def prepare(tokens: Tokens, rows: int, first: bool = False) -> Attend:
        lengths = tokens.lengths.tolist()
        if rows and not first:
            # The rows that are no text's are attended to as one more text.
            lengths.append(rows)
        edges = np.cumsum([0, *lengths]).astype(np.int32)
        longest, texts, taken = max(lengths), len(tokens), int(edges[-1])
        ready: list[torch.Tensor] = []

        def attend(query: torch.Tensor, key_value: torch.Tensor) -> torch.Tensor:
            if not ready:
                asking = np.arange(texts + 1, dtype=np.int32) if first else edges
                ready.extend(cuda.upload(one, query.device) for one in (asking, edges))
            of_queries, of_keys = ready
            key, value = (
                key_value.narrow(0, 0, taken).view(taken, 2, heads.count, heads.width).unbind(1)
            )
            asking_rows = texts if first else taken
            of_heads = query.narrow(0, 0, asking_rows).view(asking_rows, heads.count, heads.width)
            attended = kernel(
                of_heads, key, value, of_queries, of_keys, 1 if first else longest, longest
            )
            return _with_rows(attended.flatten(1), len(query))

        return attend

    return Attention(name, prepare)


def _flash(
    query: torch.Tensor, key: torch.Tensor, value: torch.Tensor,
    of_queries: torch.Tensor, of_keys: torch.Tensor, most_queries: int, most_keys: int,
) -> torch.Tensor:  # fmt: skip
    """Flash attention: from Ampere on, in 16 bits.

    Called as `torch.nn.attention.varlen` calls it, whose import brings torch's compiler along: a
    second and more of each process's start.
    """
    found: torch.Tensor = torch.ops.aten._flash_attention_forward.default(
        query, key, value, of_queries, of_keys, most_queries, most_keys, 0.0, False, False
    )[0]
    return found


def _efficient(
    query: torch.Tensor, key: torch.Tensor, value: torch.Tensor,
    of_queries: torch.Tensor, of_keys: torch.Tensor, most_queries: int, most_keys: int,
) -> torch.Tensor:  # fmt: skip
    """Memory-efficient attention: on older GPUs and in float32 too.

    It takes a batch of one, whose tokens are parted by the edges.
    """
    found: torch.Tensor = torch.ops.aten._efficient_attention_forward.default(
        query.unsqueeze(0), key.unsqueeze(0), value.unsqueeze(0), None,
        of_queries, of_keys, most_queries, most_keys, 0.0, 0,
    )[0]  # fmt: skip
    return found.squeeze(0)


def _with_rows(x: torch.Tensor, rows: int) -> torch.Tensor:
    more = rows - len(x)
    return pad(x, (0, 0, 0, more)) if more else x


def _problem(
    attention: Attention, heads: Heads, dtype: torch.dtype, device: torch.device
) -> str | None:
    """Why an attention does not serve here, or None where it gives what `padded` gives."""
    lengths = np.array(_TRIED_LENGTHS)
    count, width = int(lengths.sum()), heads.count * heads.width
    tokens = Tokens(np.zeros(count, np.int64), lengths)
    generator = torch.Generator().manual_seed(0)
    given = torch.randn(count, 3 * width, generator=generator).numpy()
    qkv = cuda.upload(given, device).to(dtype)
    query, key_value = qkv.narrow(1, 0, width), qkv.narrow(1, width, 2 * width)
    first = query.index_select(0, cuda.upload(tokens.starts, device))

    def results(of: Attention) -> Iterator[torch.Tensor]:
        yield of.prepare(tokens, 0)(query, key_value)
        yield of.prepare(tokens, 0, first=True)(first, key_value)

    try:
        with torch.inference_mode():
            pairs = zip(results(attention), results(padded(heads)), strict=True)
            worst = max(float((one - other).abs().max()) for one, other in pairs)
    except Exception as error:
        return first_line(error)
    # Not a number is no agreement.
    return None if worst < _TOLERANCES[dtype] else f"differs by {worst:.2g} from padding"
