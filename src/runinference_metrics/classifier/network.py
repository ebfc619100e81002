"""What a loaded model is to the classifier, whatever its form."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol, runtime_checkable

import torch

from runinference_metrics.classifier.tokens import Tokens


class Grouping(StrEnum):
    """Which texts share a forward pass, and what fills the shorter ones."""

    PACKED = "packed"
    """Any, one behind the other: no padding."""

    PADDED_RIGHT = "padded_right"
    PADDED_LEFT = "padded_left"

    EQUAL_LENGTHS = "equal_lengths"
    """Only those of one length: no padding."""

    ALONE = "alone"
    """None: one text at a time."""


@runtime_checkable
class Network(Protocol):
    """A model that takes tokens."""

    grouping: Grouping
    side_by_side: bool
    """Whether several threads may compute with it at the same time."""
    attention: str
    """What computes its attention; empty where transformers does."""
    fused: str
    """What comes in the pass of a product; empty for nothing."""

    @property
    def num_bytes(self) -> int:
        """What the weights occupy."""

    def padding(self, tokens: Tokens) -> int:
        """Padding tokens that it computes for these texts."""

    def __call__(self, tokens: Tokens) -> torch.Tensor:
        """Logits, float32 of shape [texts, labels], on the device."""


@dataclass(frozen=True)
class Made:
    """A network, and how it was made.

    Args:
        network: the network.
        quantised: how its products are quantised; empty where they are not.
    """

    network: Network
    quantised: str = ""
