"""What a model's folder says of itself, read and checked without torch."""

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from runinference_metrics.errors import UserError

_TAKES = "a folder with a sequence-classification model"
# transformers writes this number, or a larger one, where a tokenizer states no limit.
_NO_LIMIT = 1_000_000
# For models with relative positions and a tokenizer that states nothing: BERT's usual limit.
_FALLBACK_MAX_LENGTH = 512
# These count positions from behind the padding index, so that many fewer are usable.
_OFFSET_POSITION_MODELS = ("roberta", "xlm-roberta", "camembert", "xlm-roberta-xl", "mpnet")


@dataclass(frozen=True)
class ModelFolder:
    """A sequence classifier on disk, in transformers' own format.

    Args:
        path: the folder.
        architecture: its class in transformers.
        multi_label: whether labels are independent (sigmoid) rather than exclusive (softmax).
        max_length: the most tokens that the model takes, special ones included.
    """

    path: str
    architecture: str
    multi_label: bool
    max_length: int

    @classmethod
    def read(cls, path: str) -> "ModelFolder":
        """Reads and checks `path`.

        Raises:
            UserError: it is no folder with a sequence classifier; says what is missing.
        """
        folder = Path(path)
        if not folder.is_dir():
            raise UserError("model", _TAKES, f"{path!r}, which is no folder")
        for name in ("config.json", "tokenizer.json"):
            if not (folder / name).is_file():
                raise UserError("model", _TAKES, f"{path!r}, which has no {name}")
        if not weight_files(folder):
            raise UserError("model", _TAKES, f"{path!r}, which has no safetensors weights")
        config = _json_object(folder / "config.json")
        architecture = (config.get("architectures") or ["none at all"])[0]
        if not str(architecture).endswith("ForSequenceClassification"):
            raise UserError("model", _TAKES, f"{path!r}, whose architecture is {architecture}")
        if config.get("problem_type") == "regression":
            raise UserError("model", _TAKES, f"{path!r}, which is a regression model")
        return cls(
            path,
            architecture,
            # One output and no more is a yes-or-no model, as in transformers' own pipeline.
            config.get("problem_type") == "multi_label_classification"
            or len(config.get("id2label") or "12") == 1,
            _max_length(config, folder),
        )

    def check_max_length(self, max_length: int | None) -> int:
        """The limit that takes effect; raises UserError when it is beyond the model's own."""
        if max_length is None:
            return self.max_length
        if max_length > self.max_length:
            takes = f"auto or a whole number from 3 to {self.max_length}, the limit of this model"
            raise UserError("max_length", takes, str(max_length))
        return max_length

    def digest(self) -> str:
        """SHA-256 over the names and contents of configuration, tokenizer and weights."""
        total = hashlib.sha256()
        folder = Path(self.path)
        for file in sorted([folder / "config.json", folder / "tokenizer.json",
                            *weight_files(folder)]):  # fmt: skip
            with file.open("rb") as stream:
                content = hashlib.file_digest(stream, "sha256")
            total.update(f"{file.name} {content.hexdigest()}\n".encode())
        return f"sha256:{total.hexdigest()}"


def weight_files(folder: Path) -> list[Path]:
    """The safetensors files of a model, one or several shards."""
    return sorted(folder.glob("model*.safetensors"))


def _json_object(path: Path) -> dict[str, Any]:
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise UserError("model", _TAKES, f"{str(path)!r}, which is no JSON ({error})") from error
    if not isinstance(value, dict):
        raise UserError("model", _TAKES, f"{str(path)!r}, which is no JSON object")
    return value


def _max_length(config: dict[str, Any], folder: Path) -> int:
    limits = []
    settings = folder / "tokenizer_config.json"
    stated = _json_object(settings).get("model_max_length") if settings.is_file() else None
    if isinstance(stated, (int, float)) and stated < _NO_LIMIT:
        limits.append(int(stated))
    positions = config.get("max_position_embeddings")
    if isinstance(positions, int) and positions > 0:
        if config.get("model_type") in _OFFSET_POSITION_MODELS:
            positions -= (config.get("pad_token_id") or 0) + 1
        limits.append(positions)
    return min(limits, default=_FALLBACK_MAX_LENGTH)
