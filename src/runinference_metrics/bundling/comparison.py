"""A bundled folder against transformers' own answers for the source from which it was made."""

import math
from pathlib import Path
from typing import Any

import torch

from runinference_metrics.bundling import tokenizer
from runinference_metrics.classifier import sample_texts
from runinference_metrics.classifier.classifier import ClassifierSpec
from runinference_metrics.errors import UserError, first_line

_TEXTS = 300
# Single precision, summed in another order: a hundred times what that makes of a probability.
_TOLERANCE = 1e-4
_SHOWN_LETTERS = 60


def compare(source: str, original: Path, output: Path) -> str:
    """Compares tokens and scores; returns a sentence on what was compared.

    Args:
        source: what the source is called, for the errors.
        original: the source's own files.
        output: what was made of them.

    Raises:
        UserError: the folder cannot be run, or its answers are others than transformers'.
    """
    classifier = ClassifierSpec(str(output), precision="float32").load()
    max_length = classifier.effective.max_length
    given = sample_texts.classified()
    found = classifier.classify(given)
    labels = classifier.label_names
    # Only one of the two models is in memory at a time.
    del classifier
    compared = _compare_tokens(source, original, output)
    own = _own_scores(source, original, output, given, max_length)
    for text, scores, expected in zip(given, found.scores, own, strict=True):
        for label, score in zip(labels, scores, strict=True):
            # Not a number where the pipeline has no such label: no difference is small then.
            own_score = expected.get(label, math.nan)
            if not abs(score - own_score) <= _TOLERANCE:
                got = (f"{source!r}, which scores {_shown(text)} as {label} with {score:.5f}, and "
                       f"with {own_score:.5f} in transformers' pipeline: please report "
                       "this model")  # fmt: skip
                raise _different(got)
    return (f"compared with transformers: the tokens of {compared} texts are the same, the scores "
            f"of {len(given)} within {_TOLERANCE}")  # fmt: skip


def _compare_tokens(source: str, original: Path, output: Path) -> int:
    expected, found = tokenizer.load(source, original), tokenizer.load(source, output)
    given = sample_texts.mixed(_TEXTS, expected.all_special_tokens)
    for text in given:
        if _tokens(expected, text) != _tokens(found, text):
            got = (f"{source!r}, of whose tokenizer.json {_shown(text)} gets other tokens than of "
                   "transformers' own tokenizer: please report this model")  # fmt: skip
            raise _different(got)
    return len(given)


def _tokens(one: Any, text: str) -> Any:
    return one(text)["input_ids"]


def _own_scores(
    source: str, folder: Path, output: Path, given: list[str], max_length: int
) -> list[dict[str, float]]:
    """The scores of transformers' pipeline, text by text: nothing is padded."""
    from transformers import AutoConfig, AutoModelForSequenceClassification, pipeline

    try:
        # With the labels as they are named there.
        config = AutoConfig.from_pretrained(
            str(output), local_files_only=True, trust_remote_code=False
        )
        model = AutoModelForSequenceClassification.from_pretrained(
            str(folder), config=config, dtype=torch.float32, local_files_only=True,
            trust_remote_code=False,
        )  # fmt: skip
        classify = pipeline(
            "text-classification", model=model, tokenizer=tokenizer.load(source, folder),
            top_k=None, device="cpu",
        )  # fmt: skip
        answers: list[Any] = [
            classify([text], truncation=True, max_length=max_length)[0] for text in given
        ]
    except Exception as error:
        got = (
            f"{source!r}, which transformers' own pipeline refuses ({type(error).__name__}: "
            f"{first_line(error)})"
        )
        raise UserError("model", "a model that transformers can load", got) from error
    return [{one["label"]: one["score"] for one in answer} for answer in answers]


def _shown(text: str) -> str:
    return repr(text if len(text) <= _SHOWN_LETTERS else f"{text[:_SHOWN_LETTERS]}…")


def _different(got: str) -> UserError:
    return UserError("model", "a model that answers here as in transformers", got)
