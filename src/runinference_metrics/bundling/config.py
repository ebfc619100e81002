"""What config.json says of a model that cannot be run here."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from transformers.models.auto.configuration_auto import CONFIG_MAPPING_NAMES
from transformers.models.auto.modeling_auto import (
    MODEL_FOR_SEQUENCE_CLASSIFICATION_MAPPING_NAMES as CLASSIFIERS,
)

from runinference_metrics.bundling.parts import CONFIG, TAKES
from runinference_metrics.errors import UserError
from runinference_metrics.models.folder import quantised
from runinference_metrics.models.heads import Head

_LFS = b"version https://git-lfs"


def read(source: str, folder: Path) -> dict[str, Any]:
    """A model's config.json.

    Raises:
        UserError: it is damaged, or that of no sequence classifier that can be run here.
    """
    file = folder / CONFIG
    content = file.read_bytes()
    if content.startswith(_LFS):
        raise _unusable(source, f"whose {CONFIG} is a pointer of Git LFS: run git lfs pull there")
    try:
        config = json.loads(content)
    except ValueError as error:
        raise _unusable(source, f"whose {CONFIG} is no JSON ({error})") from None
    if not isinstance(config, dict):
        raise _unusable(source, f"whose {CONFIG} is no JSON object")
    if why := _why_not(config):
        raise _unusable(source, why)
    return config


def name_labels(source: str, file: Path, names: Sequence[str]) -> None:
    """Writes the names of the labels into a config.json.

    Raises:
        UserError: the model has another number of labels.
    """
    config = json.loads(file.read_bytes())
    Head.of(source, config, names)
    config["id2label"] = {str(number): name for number, name in enumerate(names)}
    config["label2id"] = {name: number for number, name in enumerate(names)}
    file.write_text(json.dumps(config, indent=2) + "\n")


def _why_not(config: Mapping[str, Any]) -> str:
    """Why a model of this configuration cannot be run; empty when it can."""
    kind = str(config.get("model_type") or "")
    own_code = " and needs code of its own (auto_map), which is never run" \
        if config.get("auto_map") else ""  # fmt: skip
    if kind not in CONFIG_MAPPING_NAMES:
        said = f"model_type {kind!r}" if kind else "no model_type"
        return f"whose {CONFIG} has {said}, which transformers does not know{own_code}"
    if kind not in CLASSIFIERS:
        return (f"whose model_type {kind} has no sequence classifier in transformers{own_code}: "
                "name a model that has")  # fmt: skip
    if why := quantised(config):
        return why
    architectures = config.get("architectures") or []
    if architectures and not str(architectures[0]).endswith("ForSequenceClassification"):
        return (f"whose architecture is {architectures[0]}, which classifies no texts: name one "
                "that is fine-tuned, a …ForSequenceClassification")  # fmt: skip
    return ""


def _unusable(source: str, what: str) -> UserError:
    return UserError("model", TAKES, f"{source!r}, {what}")
