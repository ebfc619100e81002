"""What a model's folder says of itself, read and checked without torch."""

import hashlib
import json
import os
from collections.abc import Mapping, Set
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

from runinference_metrics.errors import UserError
from runinference_metrics.models import tokenizer_files, weights

SINGLE_FILE = "model.safetensors"
INDEX = "model.safetensors.index.json"
# What transformers reads beside the weights.
CONFIG_FILES = (
    "config.json",
    "tokenizer.json",
    "tokenizer_config.json",
    "special_tokens_map.json",
    "added_tokens.json",
    INDEX,
    "digests.json",
)
# What bundling/ recorded of the files, when the folder was made.
DIGESTS = "digests.json"
_TAKES = "a folder with a sequence-classification model"
_MAKE_ONE = "`python -m runinference_metrics model FOLDER --output=NEW` makes it, or says why not"
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
            UserError: it is no folder with a sequence classifier; says what is missing, damaged,
                or another model's.
        """
        folder = Path(path)
        if not folder.is_dir():
            got = f"{path!r}, which is no folder: name one, or owner/name@revision of the hub"
            raise UserError("model", _TAKES, got)
        names = {file.name for file in folder.iterdir() if file.is_file()}
        contents: dict[str, bytes] = {
            name: (folder / name).read_bytes()
            for name in ("config.json", "tokenizer_config.json")
            if name in names
        }
        found = cls.of(path, names, contents)
        config = _json_object(path, "config.json", contents)
        tensors = {file.name: weights.shapes(file) for file in weight_files(folder)}
        if INDEX in names and SINGLE_FILE not in names:
            weights.check_index(
                folder / INDEX, {name: set(shapes) for name, shapes in tensors.items()}
            )
        weights.check_fit(path, config, {k: v for one in tensors.values() for k, v in one.items()})
        tokenizer_files.check(folder, config, _json_object(path, "tokenizer_config.json", contents))
        return found

    @classmethod
    def of(cls, path: str, names: Set[str], contents: dict[str, bytes]) -> "ModelFolder":
        """Checks a folder by the names of its files and its configuration.

        Args:
            path: the folder, also one that is not on this machine.
            names: its files.
            contents: its config.json, and its tokenizer_config.json if there is one.

        Raises:
            UserError: it is no folder with a sequence classifier; says what is missing.
        """
        for name in ("config.json", "tokenizer.json"):
            if name not in names:
                got = f"{path!r}, which has no {name}: {_MAKE_ONE}"
                raise UserError("model", _TAKES, got)
        if not any(is_weight_file(name) for name in names):
            got = f"{path!r}, which has no safetensors weights: {_MAKE_ONE}"
            raise UserError("model", _TAKES, got)
        config = _json_object(path, "config.json", contents)
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
            _max_length(config, _json_object(path, "tokenizer_config.json", contents)),
        )

    def check_max_length(self, max_length: int | None) -> int:
        """The limit that takes effect; raises UserError when it is beyond the model's own."""
        if max_length is None:
            return self.max_length
        if max_length > self.max_length:
            takes = f"auto or a whole number from 3 to {self.max_length}, the limit of this model"
            raise UserError("max_length", takes, str(max_length))
        return max_length

    def check_digests(self) -> dict[str, str]:
        """Compares the files with the digests in the folder, if it has any (an image's has).

        Returns:
            The SHA-256 of each file that was compared.

        Raises:
            UserError: a file is not the one that was recorded, or is missing.
        """
        folder = Path(self.path)
        if not (folder / DIGESTS).is_file():
            return {}
        compared = {}
        record = _json_object(self.path, DIGESTS, {DIGESTS: (folder / DIGESTS).read_bytes()})
        for name, recorded in record.get("files", {}).items():
            # Only a name: a record must not make the program read elsewhere.
            file = folder / Path(name).name
            found = _sha256(file) if file.is_file() else "nothing"
            if found != recorded:
                got = f"{str(file)!r} with SHA-256 {found[:12]}, recorded as {recorded[:12]}"
                raise UserError("model", f"files as they are recorded in {DIGESTS}", got)
            compared[file.name] = found
        return compared

    def digest(self, known: Mapping[str, str] = MappingProxyType({})) -> str:
        """SHA-256 over the names and contents of configuration, tokenizer and weights.

        Args:
            known: the SHA-256 of files that need not be read again.
        """
        total = hashlib.sha256()
        folder = Path(self.path)
        for file in sorted([folder / "config.json", folder / "tokenizer.json",
                            *weight_files(folder)]):  # fmt: skip
            total.update(f"{file.name} {known.get(file.name) or _sha256(file)}\n".encode())
        return f"sha256:{total.hexdigest()}"


def is_weight_file(name: str) -> bool:
    """Whether a file of this name holds weights: safetensors, in one or several shards."""
    return name.startswith("model") and name.endswith(".safetensors")


def weight_files(folder: Path) -> list[Path]:
    """The safetensors files of a model, one or several shards."""
    return sorted(path for path in folder.iterdir() if is_weight_file(path.name))


def _sha256(file: Path) -> str:
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _json_object(path: str, name: str, contents: dict[str, bytes]) -> dict[str, Any]:
    where = f"{os.path.join(path, name)!r}"
    try:
        value = json.loads(contents.get(name, b"{}"))
    except ValueError as error:
        raise UserError("model", _TAKES, f"{where}, which is no JSON ({error})") from error
    if not isinstance(value, dict):
        raise UserError("model", _TAKES, f"{where}, which is no JSON object")
    return value


def _max_length(config: dict[str, Any], tokenizer_config: dict[str, Any]) -> int:
    limits = []
    stated = tokenizer_config.get("model_max_length")
    if isinstance(stated, (int, float)) and stated < _NO_LIMIT:
        limits.append(int(stated))
    positions = config.get("max_position_embeddings")
    if isinstance(positions, int) and positions > 0:
        if config.get("model_type") in _OFFSET_POSITION_MODELS:
            positions -= (config.get("pad_token_id") or 0) + 1
        limits.append(positions)
    return min(limits, default=_FALLBACK_MAX_LENGTH)
