"""Any sequence classifier of transformers as it is, on texts that are padded where that is safe."""

import inspect
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch

from runinference_metrics.classifier import cuda
from runinference_metrics.classifier.dynamic_int8 import dynamic_int8
from runinference_metrics.classifier.linears import Linear, is_close
from runinference_metrics.classifier.network import Grouping
from runinference_metrics.classifier.tokenizer import Tokenizer
from runinference_metrics.classifier.tokens import Tokens
from runinference_metrics.recovery.blame import is_of_device
from runinference_metrics.recovery.memory import is_out_of_memory

# These refuse texts together that hold different numbers of ends of sentence.
_POOLED_AT_EOS = frozenset({
    "bart", "bigbird_pegasus", "mbart", "mt5", "mvp", "plbart", "t5", "umt5",
})  # fmt: skip
# The longest text of a forward pass decides how all of them are computed, once it is longer than a
# window, a chunk or a number of keys: what is tried at load is shorter.
_DECIDED_BY_THE_LONGEST = frozenset({"axk2", "doge", "reformer"})
_ROPE_BY_THE_LONGEST = frozenset({"dynamic", "longrope"})
_SPARSE = "block_sparse"
# Layers with so few outputs, or with so small a share of their inputs, route, gate or classify:
# they cost next to nothing, and decide much.
_FEW_OUTPUTS, _SMALL_SHARE = 8, 1 / 16
# Another kernel may get the mask: what then differs is rounding, as a share of the largest logit.
_AS_CLOSE = {torch.float32: 1e-4, torch.bfloat16: 0.02, torch.float16: 0.005}
# What no token is: a model that looks for the last token that is no padding takes the last one.
_NO_TOKEN = -1


class PaddedModel:
    """Runs the model of transformers itself: for architectures without a packed form.

    Args:
        model: the model, on its device and in its type.
        tokenizer: says which inputs a model gets, and how to pad.
    """

    # Some of transformers' architectures keep something from one forward pass to the next.
    side_by_side = False
    attention, fused = "", ""

    def __init__(self, model: Any, tokenizer: Tokenizer) -> None:
        self._model = model
        taken = inspect.signature(model.forward).parameters
        self._wants_mask = "attention_mask" in taken
        self._wants_type_ids = "token_type_ids" in taken
        # As in transformers' pipeline: nothing is generated, so nothing is kept for later.
        self._options = {"use_cache": False} if "use_cache" in taken else {}
        self._pad_id = _padding_token(model.config, tokenizer)
        self._eos_id = model.config.eos_token_id if _pools_at_eos(model.config) else None
        self._switching = _switching_attention(model)
        self._attention_type = getattr(self._switching, "attention_type", None)
        self.grouping = Grouping.PADDED_LEFT if tokenizer.pad_left else Grouping.PADDED_RIGHT
        self._quantised_bytes = 0
        self._ready_mask = False
        self._device = next(model.parameters()).device

    @property
    def may_pad(self) -> bool:
        """Whether padding may be tried: not where length decides how a text is computed."""
        return self._attention_type != _SPARSE and not _is_decided_by_the_longest(
            self._model.config.to_dict()
        )

    @property
    def num_bytes(self) -> int:
        """What the weights occupy."""
        tensors = [*self._model.parameters(), *self._model.buffers()]
        storages = {t.untyped_storage().data_ptr(): t.untyped_storage().nbytes() for t in tensors}
        return sum(storages.values()) + self._quantised_bytes

    def quantise(self) -> None:
        """Quantises the linear layers, in place."""
        self._quantised_bytes = _quantise(self._model)

    def use_ready_mask(self, tokens: Tokens) -> bool:
        """Tries to hand over the mask as attention takes it, and does so from then on if right.

        transformers makes it of a plain one, and for that asks the GPU whether anything is padded:
        the host waits there until all that the GPU was given is done. A model with windows makes
        several masks of one; it, and one that adds its mask to scores, is as it was.

        Args:
            tokens: a text as long as any, and a shorter one.
        """
        expected = self(tokens)
        self._ready_mask = True
        try:
            self._ready_mask = is_close(self(tokens), expected, _AS_CLOSE[self._model.dtype])
        except Exception as error:
            if is_of_device(error) or is_out_of_memory(error):
                raise
            self._ready_mask = False
        return self._ready_mask

    def ignore_padding_token(self) -> None:
        """For texts of one length, where the model refuses several without a padding token."""
        for config in (self._model.config, self._model.config.get_text_config()):
            if config.pad_token_id is None:
                config.pad_token_id = _NO_TOKEN

    def padding(self, tokens: Tokens) -> int:
        """Padding tokens that the layers compute besides."""
        return len(tokens) * tokens.longest - len(tokens.ids)

    def __call__(self, tokens: Tokens) -> torch.Tensor:
        """Logits, float32 of shape [texts, labels], on the device."""
        if self._eos_id is None:
            return self._forward(tokens)
        ends = np.add.reduceat(tokens.ids == self._eos_id, tokens.starts, dtype=np.int64)
        groups = [np.flatnonzero(ends == number) for number in np.unique(ends)]
        if len(groups) == 1:
            return self._forward(tokens)
        logits = torch.cat([self._forward(tokens.chosen(group)) for group in groups])
        return logits[cuda.upload(np.argsort(np.concatenate(groups)), logits.device)]

    def _forward(self, tokens: Tokens) -> torch.Tensor:
        if self._switching is not None:
            self._switching.set_attention_type(self._attention_type)
        mask = np.arange(tokens.longest)[None, :] < tokens.lengths[:, None]
        mask = mask[:, ::-1] if self.grouping == Grouping.PADDED_LEFT else mask
        inputs = {"input_ids": _filled(mask, tokens.ids, self._pad_id)}
        if self._wants_mask:
            inputs["attention_mask"] = (
                mask[:, None, None, :].copy() if self._ready_mask else mask.astype(np.int64)
            )
        if self._wants_type_ids and tokens.type_ids is not None:
            inputs["token_type_ids"] = _filled(mask, tokens.type_ids, 0)
        on_device = {name: cuda.upload(array, self._device) for name, array in inputs.items()}
        return self._model(**on_device, **self._options).logits.float()


def _pools_at_eos(config: Any) -> bool:
    """Whether a text's answer is taken from its last end of sentence, whose number must be one."""
    return config.model_type in _POOLED_AT_EOS and isinstance(config.eos_token_id, int)


def _is_decided_by_the_longest(config: Mapping[str, Any]) -> bool:
    if config.get("model_type") in _DECIDED_BY_THE_LONGEST:
        return True
    # Parameters of rotary positions may stand by kind of layer, and in a part's own configuration.
    return config.get("rope_type") in _ROPE_BY_THE_LONGEST or any(
        _is_decided_by_the_longest(part) for part in config.values() if isinstance(part, Mapping)
    )


def _switching_attention(model: Any) -> Any:
    """The part of BigBird that attends sparsely to long texts until it has seen a short one.

    Then it stays with full attention, and answers long texts otherwise: it is reset each time.
    """
    return next((part for part in model.modules() if hasattr(part, "set_attention_type")), None)


def _padding_token(config: Any, tokenizer: Tokenizer) -> int:
    """The model's own padding token before the tokenizer's; any, where neither has an embedding."""
    text_config = config.get_text_config()
    embeddings = getattr(text_config, "vocab_size", 1)
    for token in (text_config.pad_token_id, tokenizer.pad_id):
        if token is not None and 0 <= token < embeddings:
            return int(token)
    return 0


def _filled(mask: np.ndarray, values: np.ndarray, fill: int) -> np.ndarray:
    padded = np.full(mask.shape, fill, dtype=np.int64)
    padded[mask] = values
    return padded


class _QuantisedLinear(torch.nn.Module):
    def __init__(self, replacement: Linear, original: torch.nn.Linear) -> None:
        super().__init__()
        self._replacement = replacement
        self.in_features, self.out_features = original.in_features, original.out_features
        # Some architectures ask for its type; without values it occupies nothing. Those that want
        # the values, or the bias, fail: 8 bits are not for them.
        self.weight = torch.empty(0, dtype=original.weight.dtype)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self._replacement(x)


def _decides(layer: torch.nn.Linear) -> bool:
    share = layer.out_features / layer.in_features
    return layer.out_features <= _FEW_OUTPUTS or share <= _SMALL_SHARE


def _quantise(model: torch.nn.Module) -> int:
    """Puts quantised layers in the place of linear ones; returns the bytes of their weights."""
    total = 0
    for parent in list(model.modules()):
        for name, child in list(parent.named_children()):
            # Only the class itself: a subclass computes something else.
            if type(child) is torch.nn.Linear and not _decides(child):
                replacement = dynamic_int8(child.weight, child.bias)
                setattr(parent, name, _QuantisedLinear(replacement, child))
                total += replacement.num_bytes
    return total
