"""Whether a text's answer depends on the texts beside it, tried with the model itself."""

import logging
from collections.abc import Callable

import torch

from runinference_metrics.classifier.network import Grouping
from runinference_metrics.classifier.padded_model import PaddedModel
from runinference_metrics.classifier.tokenizer import Tokenizer
from runinference_metrics.classifier.tokens import Tokens
from runinference_metrics.recovery.blame import is_of_device
from runinference_metrics.recovery.memory import is_out_of_memory

_LOG = logging.getLogger(__name__)

# Of lengths far apart, so that the shortest are mostly padding: what that does shows more clearly
# than rounding. The longest two are of the same words, and so of one length in any tokenizer.
_TEXTS = (
    "a",
    "Good.",
    "Not good, not bad.",
    "A film of two halves, and I would gladly see the first of them again.",
    "No.",
    "It begins well, loses its way in the middle, and finds it again only when the music stops and "
    "two people on a bench say to each other what everybody else has known from the first scene.",
    "It begins well, loses its way in the middle, and finds it again only when the music stops and "
    "two people on a scene say to each other what everybody else has known from the first bench.",
)
# What rounding moves in the outputs of a dozen layers, as a share of the largest of them, or of 1.
# Padding that counts moves them by tenths, and what is taken for it wrongly costs a little speed.
_ROUNDING = {torch.float32: 2e-5, torch.float16: 5e-3, torch.bfloat16: 4e-2}

# Outputs that differ by less, as a share of the largest, differ by the order of additions alone.
_NO_DIFFERENCE = 1e-6


class Unusable(Exception):
    """A model whose answers mean nothing, in any precision."""


def settle(model: PaddedModel, tokenizer: Tokenizer, dtype: torch.dtype) -> None:
    """Chooses the fastest grouping of texts in which each is answered as if it were alone.

    Padding on the tokenizer's side of a text, padding on the other side, texts of equal length,
    or one text at a time.

    Args:
        model: the model, whose grouping is set.
        tokenizer: its tokenizer.
        dtype: the type that it computes in, in which rounding is allowed for.

    Raises:
        Unusable: the model answers a text otherwise each time, or all texts alike.
        FloatingPointError: the model's outputs are not finite in this type.
        Exception: whatever the model raises for a text alone.
    """
    tokens = tokenizer(_TEXTS).tokens
    alone = torch.cat([model(tokens.part(at, at + 1)) for at in range(len(tokens))])
    if not alone.isfinite().all():
        raise FloatingPointError("its outputs are not finite")
    if not _is_same(model, tokens.part(0, 1), alone[:1], dtype):
        raise Unusable("it answers the same text otherwise each time")
    if (alone - alone[0]).abs().max() <= _NO_DIFFERENCE * alone.abs().max():
        raise Unusable("it gives all texts the same scores")
    twins = tokens.part(0, 2)
    sides = (Grouping.PADDED_RIGHT, Grouping.PADDED_LEFT) if model.may_pad else ()
    for grouping in sides[::-1] if tokenizer.pad_left else sides:
        model.grouping = grouping
        if _is_same(model, tokens, alone, dtype):
            return
    model.grouping = Grouping.EQUAL_LENGTHS
    if not _is_same(model, twins, alone[:2], dtype):
        model.ignore_padding_token()
        if not _is_same(model, twins, alone[:2], dtype):
            model.grouping = Grouping.ALONE
    together = "texts of one length" if model.grouping == Grouping.EQUAL_LENGTHS else "no two texts"
    _LOG.warning("Padding changes this model's answers: %s share a forward pass.", together)


def _is_same(
    model: Callable[[Tokens], torch.Tensor], tokens: Tokens, alone: torch.Tensor, dtype: torch.dtype
) -> bool:
    try:
        together = model(tokens)
    except Exception as error:
        if is_of_device(error) or is_out_of_memory(error):
            raise
        # Such as a model that must know its padding token, and has none.
        _LOG.debug("Several texts at once fail: %s", error)
        return False
    allowed = _ROUNDING[dtype] * alone.abs().max().clamp_min(1)
    return bool(((together - alone).abs() <= allowed).all())
