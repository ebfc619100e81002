"""What attention is to an encoder, for texts packed one behind the other."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import torch

from runinference_metrics.classifier.tokens import Tokens

# From queries of shape [rows, width], and keys beside values of shape [rows, 2 x width], to
# [rows, width]. Where only first tokens ask, the queries have a row for each text.
Attend = Callable[[torch.Tensor, torch.Tensor], torch.Tensor]


@dataclass(frozen=True)
class Heads:
    """Attention heads.

    Args:
        count: how many.
        width: the features of one.
    """

    count: int
    width: int


class Prepare(Protocol):
    """Prepares the attention of a micro-batch."""

    def __call__(self, tokens: Tokens, rows: int, first: bool = False) -> Attend:
        """Prepares it.

        Args:
            tokens: its tokens.
            rows: rows behind them that are no text's, in the keys and values.
            first: whether only the first token of each text asks, and not all of them.
        """


@dataclass(frozen=True)
class Attention:
    """Attention among the tokens of each text.

    Args:
        name: what computes it.
        prepare: prepares that of a micro-batch.
    """

    name: str
    prepare: Prepare
