"""The ranges of a model's products in 8 bits: taken from its folder, or found from texts."""

import contextlib
import logging
import random
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

import torch

from runinference_metrics.classifier import ranges, sample_texts
from runinference_metrics.classifier.members import Member
from runinference_metrics.classifier.quantising import observed, quantised_layers
from runinference_metrics.classifier.ranges import Ranges, Unfit
from runinference_metrics.classifier.static_int8 import ALL_LEVELS, levels
from runinference_metrics.classifier.tokenizer import Tokenizer
from runinference_metrics.classifier.tokens import Tokens
from runinference_metrics.errors import UserError
from runinference_metrics.models.folder import RANGES, ModelFolder
from runinference_metrics.records.batching import Cutting
from runinference_metrics.recovery.blame import TextFault

_LOG = logging.getLogger(__name__)

# Texts from which ranges are found where a folder has none.
BUILT_IN_TEXTS = 128
# Tokens of a forward pass in which layers are looked at.
_TOKENS_OF_A_PASS = 512
_COMMAND = "python -m runinference_metrics model SOURCE --output=NEW --calibrate=TEXTS"


def for_this_processor(
    folder: ModelFolder,
    member: Member,
    tokenizer: Tokenizer,
    dtype: torch.dtype,
    weights_digest: Callable[[], str],
) -> Ranges:
    """The ranges with which a model is quantised here.

    Args:
        folder: the model's folder, whose file of ranges is taken if it has one.
        member: the model, with its weights in float32.
        tokenizer: its tokenizer.
        dtype: the type to compute in where ranges are to be found: the fastest here.
        weights_digest: gives the digest of its weights; may wait for it.

    Raises:
        UserError: the folder's file is damaged, or another model's.
    """
    file = Path(folder.path) / RANGES
    if file.is_file():
        with refusing(file):
            stored = ranges.read(file, levels(), weights_digest())
        if stored:
            return stored
    started = time.monotonic()
    texts = usable(tokenizer, sample_texts.ordinary(BUILT_IN_TEXTS))
    inputs = observed(member.in_type(dtype), _passes(tokenizer(texts).tokens))
    here = Ranges(quantised_layers(member, inputs, levels()), len(texts))
    _LOG.info(
        "Ranges for 8 bits were found from %d built-in texts in %.1f s; `%s` finds them once, from "
        "your own texts.", len(texts), time.monotonic() - started, _COMMAND,
    )  # fmt: skip
    return here


def for_all_processors(member: Member, tokens: Tokens, origin: str) -> Mapping[int, Ranges]:
    """The ranges for each number of steps that an input may have.

    Args:
        member: the model, with its weights in float32.
        tokens: the texts.
        origin: the name of the file with the texts; empty for the built-in ones.
    """
    inputs = observed(member, _passes(tokens))
    return {
        one: Ranges(quantised_layers(member, inputs, one), len(tokens), origin)
        for one in ALL_LEVELS
    }


def usable(tokenizer: Tokenizer, texts: Sequence[str]) -> list[str]:
    """The texts of which a tokenizer makes tokens that the model has."""

    def is_usable(text: str) -> bool:
        try:
            tokenizer([text])
        except TextFault:
            return False
        return True

    return [text for text in texts if is_usable(text)]


@contextlib.contextmanager
def refusing(file: Path) -> Iterator[None]:
    """Raises UserError where what is done with a file of ranges finds it unfit."""
    try:
        yield
    except Unfit as error:
        takes = f"a folder whose {RANGES} was made for its weights"
        got = f"{str(file)!r}, {error}: `{_COMMAND}` makes it anew"
        raise UserError("model", takes, got) from error


def _passes(tokens: Tokens) -> list[Tokens]:
    lengths = tokens.lengths.tolist()
    cut = Cutting(padded=False).micro_batches(lengths, _TOKENS_OF_A_PASS)
    passes = [tokens.part(part[0], part[-1] + 1) for part in cut]
    # By length they are in order, and of the first ones most is kept.
    random.Random(0).shuffle(passes)
    return passes
