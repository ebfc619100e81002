"""Any sequence classifier of transformers as it is, on texts padded to the longest."""

from typing import Any

import numpy as np
import torch

from runinference_metrics.classifier.attention import to_device
from runinference_metrics.classifier.linears import Linear, linear
from runinference_metrics.classifier.tokens import Tokenizer, Tokens


class PaddedModel:
    """Runs the model of transformers itself: for architectures without a packed form.

    Args:
        model: the model, on its device and in its type.
        tokenizer: says how to pad.
        int8: quantise its linear layers, in place.
    """

    def __init__(self, model: Any, tokenizer: Tokenizer, int8: bool = False) -> None:
        self._model = model
        self._pad_id = tokenizer.pad_id
        self._pad_left = tokenizer.pad_left
        quantised = _quantise(model) if int8 else 0
        tensors = [*model.parameters(), *model.buffers()]
        storages = {t.untyped_storage().data_ptr(): t.untyped_storage().nbytes() for t in tensors}
        self.num_bytes = sum(storages.values()) + quantised
        self._device = next(model.parameters()).device

    def padding(self, tokens: Tokens) -> int:
        """Padding tokens that the layers compute besides."""
        return len(tokens) * tokens.longest - len(tokens.ids)

    def __call__(self, tokens: Tokens) -> torch.Tensor:
        """Logits, float32 of shape [texts, labels], on the device."""
        mask = np.arange(tokens.longest)[None, :] < tokens.lengths[:, None]
        mask = mask[:, ::-1] if self._pad_left else mask
        inputs = {"input_ids": _filled(mask, tokens.ids, self._pad_id),
                  "attention_mask": mask.astype(np.int64)}  # fmt: skip
        if tokens.type_ids is not None:
            inputs["token_type_ids"] = _filled(mask, tokens.type_ids, 0)
        on_device = {name: to_device(array, self._device) for name, array in inputs.items()}
        return self._model(**on_device).logits.float()


def _filled(mask: np.ndarray, values: np.ndarray, fill: int) -> np.ndarray:
    padded = np.full(mask.shape, fill, dtype=np.int64)
    padded[mask] = values
    return padded


class _QuantisedLinear(torch.nn.Module):
    def __init__(self, replacement: Linear) -> None:
        super().__init__()
        self._replacement = replacement

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self._replacement(x)


def _quantise(model: torch.nn.Module) -> int:
    """Puts quantised layers in the place of linear ones; returns the bytes of their weights."""
    total = 0
    for parent in list(model.modules()):
        for name, child in list(parent.named_children()):
            # Only the class itself: a subclass computes something else.
            if type(child) is torch.nn.Linear:
                replacement = linear(child.weight, child.bias, int8=True)
                setattr(parent, name, _QuantisedLinear(replacement))
                total += replacement.num_bytes
    return total
