"""Makes a small random classifier of an architecture, in a folder as its checkpoints are."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from transformers import AutoConfig, AutoModelForSequenceClassification, PretrainedConfig
from zoo_architectures import CASES, SIZES, Case
from zoo_texts import mixed_texts

# Classifiers need these even where their architecture's default has none.
_ALWAYS = ("vocab_size", "pad_token_id")
# Numbers that a state space keeps within bounds.
_LEFT_ALONE = ("A_log",)
LABELS = ("NEGATIVE", "NEUTRAL", "POSITIVE")


def make(
    folder: Path,
    model_type: str,
    *,
    labels: tuple[str, ...] = LABELS,
    padding_token: bool = True,
    **config: Any,
) -> Path:
    """Makes a classifier; the same one whenever it is made.

    Args:
        folder: where to.
        model_type: its architecture.
        labels: its labels.
        padding_token: whether its tokenizer has a padding token.
        config: values of its configuration that stand above all others.
    """
    case = CASES.get(model_type, Case())
    usual = AutoConfig.for_model(model_type)
    kind = case.tokenizer.with_padding_at(getattr(usual, "pad_token_id", None))
    folder.mkdir(parents=True, exist_ok=True)
    tokenizer = kind.write(folder, padding=padding_token)
    values = {
        **_small(usual, {"vocab_size": len(tokenizer), **kind.ids}, case.config),
        "id2label": dict(enumerate(labels)),
        "label2id": {name: number for number, name in enumerate(labels)},
        **config,
    }
    made = AutoConfig.for_model(model_type, **values)
    torch.manual_seed(7)
    model = AutoModelForSequenceClassification.from_config(made).float().eval()
    with torch.no_grad():
        _fill(model)
        _spread(model, tokenizer, len(labels))
    model.save_pretrained(folder)
    return folder


def pad_on(side: str, folder: Path) -> None:
    """Makes a model's tokenizer pad on a side."""
    file = folder / "tokenizer_config.json"
    file.write_text(json.dumps({**json.loads(file.read_text()), "padding_side": side}))


def _small(
    usual: PretrainedConfig, tokens: Mapping[str, int], special: Mapping[str, Any]
) -> dict[str, Any]:
    """The values that make a configuration small, and those of its parts.

    Args:
        usual: the configuration of the architecture's own size.
        tokens: the size of the vocabulary, and the special tokens' numbers.
        special: what is special about the architecture.
    """
    has = usual.to_dict()
    small: dict[str, Any] = {
        name: value
        for name, value in {**SIZES, **tokens}.items()
        # What is not set by default is not set in checkpoints either.
        if has.get(name) is not None or name in _ALWAYS
    }
    for name in usual.sub_configs:
        part = getattr(usual, name)
        if isinstance(part, PretrainedConfig):
            small[name] = _small(part, tokens, special.get(name, {}))
    return small | {name: one for name, one in special.items() if name not in usual.sub_configs}


def _fill(model: Any) -> None:
    """Gives the weights random numbers; fresh ones are so small that all texts score alike."""
    generator = torch.Generator().manual_seed(11)
    for name, parameter in model.named_parameters():
        if parameter.ndim > 1 and not name.endswith(_LEFT_ALONE):
            parameter.normal_(0, parameter.shape[-1] ** -0.5, generator=generator)
        elif name.endswith("bias"):
            parameter.normal_(0, 0.1, generator=generator)


def _spread(model: Any, tokenizer: Any, labels: int) -> None:
    """Scales the head so that texts get clearly different scores: logits of a deviation of 1."""
    head = [one for one in model.modules() if getattr(one, "out_features", None) == labels][-1]
    inputs = [tokenizer(text, return_tensors="pt") for text in mixed_texts()[:16]]
    logits = torch.cat([model(**one).logits for one in inputs])
    deviation = logits.std(0).mean()
    if deviation == 0:
        return
    head.weight.div_(deviation)
    if head.bias is not None:
        head.bias.copy_((head.bias - logits.mean(0)) / deviation)
