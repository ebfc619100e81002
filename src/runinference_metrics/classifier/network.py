"""What a loaded model is to the classifier, whatever its form."""

from typing import Protocol

import torch

from runinference_metrics.classifier.tokens import Tokens


class Network(Protocol):
    """A model that takes tokens."""

    num_bytes: int

    def padding(self, tokens: Tokens) -> int:
        """Padding tokens that it computes for these texts."""

    def __call__(self, tokens: Tokens) -> torch.Tensor:
        """Logits, float32 of shape [texts, labels], on the device."""
