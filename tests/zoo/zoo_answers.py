"""What transformers' pipeline says of texts, and what the program says."""

import copy
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import torch
from transformers import pipeline

from runinference_metrics.classifier.classifier import Classifier, ClassifierSpec
from runinference_metrics.records.text import Text


@dataclass(frozen=True)
class Reference:
    """transformers' own pipeline on a CPU, a text at a time, so that nothing is padded.

    Args:
        folder: the model's folder.
        precision: what it computes in.
        fresh: takes the model as it was loaded for each text, for one that remembers earlier ones.
    """

    folder: Path
    precision: str = "float32"
    fresh: bool = False

    @cached_property
    def pipe(self) -> Any:
        """The pipeline."""
        dtype = getattr(torch, self.precision)
        return pipeline("text-classification", model=str(self.folder), dtype=dtype, device="cpu")

    @cached_property
    def _loaded(self) -> Any:
        return copy.deepcopy(self.pipe.model)

    def scores(self, text: Text, max_length: int | None = None) -> np.ndarray:
        """The scores of a text, in the order of the labels.

        Args:
            text: the text, or a pair of texts.
            max_length: it is cut to so many tokens.
        """
        if self.fresh:
            self.pipe.model = copy.deepcopy(self._loaded)
        cut = {} if max_length is None else {"truncation": True, "max_length": max_length}
        given = text if isinstance(text, str) else {"text": text[0], "text_pair": text[1]}
        found = {one["label"]: one["score"] for one in self.pipe(given, top_k=None, **cut)}
        names = self.pipe.model.config.id2label
        return np.array([found[names[number]] for number in range(len(names))])

    def all_scores(self, texts: Sequence[Text], max_length: int | None = None) -> np.ndarray:
        """The scores of texts: [texts, labels]."""
        return np.array([self.scores(text, max_length) for text in texts])

    def can(self, text: Text, max_length: int | None = None) -> bool:
        """Whether it has an answer for a text."""
        try:
            self.scores(text, max_length)
        except Exception:
            return False
        return True


# The tests of a model run one behind the other.
@lru_cache(maxsize=4)
def classifier(folder: Path, precision: str = "float32") -> Classifier:
    """The program's classifier of a model's folder."""
    return ClassifierSpec(str(folder), precision=precision).load()


def scores(of: Classifier, texts: Sequence[Text]) -> np.ndarray:
    """The program's scores of texts, classified in one call: [texts, labels]."""
    return np.array(of.classify(list(texts)).scores)


def difference(found: np.ndarray, expected: np.ndarray) -> np.ndarray:
    """How far the scores of each text are from what is expected, at most: [texts]."""
    assert found.shape == expected.shape
    assert np.isfinite(found).all()
    return np.abs(found - expected).max(axis=1)
