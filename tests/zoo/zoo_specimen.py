"""A model of the zoo, beside transformers' pipeline of the same."""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch
from zoo_answers import Reference, classifier
from zoo_architectures import CASES, Case
from zoo_factory import make
from zoo_texts import mixed_texts, special_texts

from runinference_metrics.classifier.classifier import Classifier


@dataclass(frozen=True)
class Specimen:
    """A model of an architecture.

    Args:
        model_type: the architecture.
        folder: the model's folder.
    """

    model_type: str
    folder: Path

    @classmethod
    def made(cls, within: Path, model_type: str, **options: Any) -> "Specimen":
        """Makes the model.

        Args:
            within: where its folder is made.
            model_type: the architecture.
            options: those of `make`.
        """
        return cls(model_type, make(within / model_type, model_type, **options))

    @cached_property
    def reference(self) -> Reference:
        """transformers' pipeline."""
        return Reference(self.folder, fresh=self.case.remembers)

    @cached_property
    def ours(self) -> Classifier:
        """The program's classifier, in float32."""
        return classifier(self.folder)

    @property
    def case(self) -> Case:
        """What is special about the architecture."""
        return CASES.get(self.model_type, Case())

    @cached_property
    def texts(self) -> list[str]:
        """Texts of all lengths, and with special tokens, for which the pipeline has answers."""
        special = special_texts(self.reference.pipe.tokenizer.all_special_tokens)
        return [text for text in ["", *mixed_texts(), *special] if self.reference.can(text)]

    @cached_property
    def expected(self) -> np.ndarray:
        """The pipeline's scores of them."""
        return self.reference.all_scores(self.texts)

    def computes(self, tokens: int) -> bool:
        """Whether transformers' model takes a text of so many tokens."""
        tokenizer = self.reference.pipe.tokenizer
        ids = tokenizer("good")["input_ids"]
        word = tokenizer("good", add_special_tokens=False)["input_ids"][:1]
        at = ids.index(word[0])
        longer = ids[:at] + word * (tokens - len(ids)) + ids[at:]
        try:
            with torch.inference_mode():
                self.reference.pipe.model(input_ids=torch.tensor([longer]))
        except (IndexError, RuntimeError, ValueError):
            return False
        return True
