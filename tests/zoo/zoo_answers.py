"""What transformers' pipeline says of texts, and what the program says."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from transformers import pipeline

from runinference_metrics.classifier.classifier import Classifier

@dataclass(frozen=True)
class Reference:
    """transformers' own pipeline, in float32 on a CPU.

    Args:
        pipe: the pipeline.
    """

    pipe: Any

    @classmethod
    def of(cls, folder: Path) -> "Reference":
        """The pipeline of a model's folder."""
        return cls(pipeline("text-classification", model=str(folder), dtype=torch.float32,
                            device="cpu"))  # fmt: skip

    def scores(self, text: str, max_length: int | None = None) -> np.ndarray:
        """The scores of one text, in the order of the labels.

        Args:
            text: the text; it is classified alone, so that nothing is padded.
            max_length: it is cut to so many tokens.
        """
        cut = {} if max_length is None else {"truncation": True, "max_length": max_length}
        by_label = {one["label"]: one["score"] for one in self.pipe(text, top_k=None, **cut)}
        names = self.pipe.model.config.id2label
        return np.array([by_label[names[number]] for number in range(len(names))])

    def all_scores(self, texts: Sequence[str], max_length: int | None = None) -> np.ndarray:
        """The scores of texts, each classified alone: [texts, labels]."""
        return np.array([self.scores(text, max_length) for text in texts])


def ours(classifier: Classifier, texts: Sequence[str]) -> np.ndarray:
    """The program's scores of texts, classified in one call: [texts, labels]."""
    return np.array(classifier.classify(list(texts)).scores)
