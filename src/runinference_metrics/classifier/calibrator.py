"""Finds the ranges of a model's products in 8 bits from texts, and keeps them in its folder."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch

from runinference_metrics.classifier import ranges
from runinference_metrics.classifier.calibrating import for_all_processors, refusing, usable
from runinference_metrics.classifier.families import family_of
from runinference_metrics.classifier.loading import load_config, load_tokenizer, opened
from runinference_metrics.classifier.members import Member
from runinference_metrics.classifier.ranges import Ranges
from runinference_metrics.classifier.static_int8 import levels
from runinference_metrics.classifier.tokenizer import Tokenizer
from runinference_metrics.errors import UserError
from runinference_metrics.models.folder import RANGES, ModelFolder

_FEWEST = 20
# One text of so many is not used, so that others tell how good the ranges are.
_HELD_OUT = 10


@dataclass(frozen=True)
class Calibrated:
    """What was found.

    Args:
        ranges: the ranges that this processor takes.
        held_out: texts that were not used.
    """

    ranges: Ranges
    held_out: list[str]


def calibrate(path: str, texts: Sequence[str], origin: str) -> Calibrated:
    """Writes ranges, for all processors, into a model's folder.

    Args:
        path: the folder.
        texts: texts like those that are to be classified.
        origin: the name of the file with the texts; empty for the built-in ones.

    Raises:
        UserError: the model is none that takes ranges, or the texts are too few.
    """
    folder = ModelFolder.read(path)
    config = load_config(folder)
    folder = folder.with_config(config.to_dict())
    if family_of(config) is None:
        raise _takes_no_ranges(folder)
    vocabulary = getattr(config.get_text_config(), "vocab_size", None)
    tokenizer = Tokenizer(load_tokenizer(folder), folder.max_length(), vocabulary)
    given = usable(tokenizer, texts)
    if len(given) < _FEWEST:
        takes = f"at least {_FEWEST} texts of which the model's tokenizer makes tokens"
        got = f"{origin or 'builtin'!r} with {len(given)} of {len(texts)}: add some, or builtin"
        raise UserError("calibrate", takes, got)
    held_out = given[::_HELD_OUT]
    used = [text for number, text in enumerate(given) if number % _HELD_OUT]
    with opened(folder, config, torch.float32, "cpu") as found:
        if not isinstance(found, Member):
            raise _takes_no_ranges(folder)
        by_levels = for_all_processors(found, tokenizer(used).tokens, origin)
    digest = folder.weights_digest(folder.file_digests())
    ranges.write(Path(path) / RANGES, by_levels, digest)
    return Calibrated(by_levels[levels()], held_out)


def has_ranges(file: Path) -> bool:
    """Whether there is a file of ranges, of whatever version, and not another of its name.

    Raises:
        UserError: it is damaged.
    """
    if not file.is_file():
        return False
    with refusing(file):
        return ranges.is_ours(file)


def is_current(path: str) -> bool:
    """Whether the ranges in a model's folder are of this version of the program.

    Args:
        path: the folder, which has a file of ranges.

    Raises:
        UserError: they are damaged, or another model's.
    """
    folder, file = ModelFolder.read(path), Path(path) / RANGES
    with refusing(file):
        digest = folder.weights_digest(folder.file_digests())
        return ranges.read(file, levels(), digest) is not None


def _takes_no_ranges(folder: ModelFolder) -> UserError:
    kind = folder.architecture or folder.model_type
    got = f"a model of {kind}, which in int8 finds its ranges in each call: leave --calibrate out"
    takes = "a model of BERT's family (BERT, DistilBERT, RoBERTa, XLM-R, CamemBERT)"
    return UserError("calibrate", takes, got)
