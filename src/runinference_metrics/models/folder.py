"""What a model's folder says of itself, read and checked without torch."""

import hashlib
import json
import os
from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from runinference_metrics.errors import UserError
from runinference_metrics.models import limits, precisions, tokenizer_files, weights
from runinference_metrics.models.heads import Head

SINGLE_FILE = "model.safetensors"
INDEX = "model.safetensors.index.json"
# How the inputs of its products are quantised to 8 bits; only some folders have it.
RANGES = "int8.safetensors"
# What transformers reads beside the weights.
CONFIG_FILES = (
    "config.json",
    "tokenizer.json",
    "tokenizer_config.json",
    "special_tokens_map.json",
    "added_tokens.json",
    INDEX,
    RANGES,
    "digests.json",
)
_SMALL = ("config.json", "tokenizer.json")
# What bundling/ recorded of the files, when the folder was made.
DIGESTS = "digests.json"
_TAKES = "a folder with a sequence-classification model"
_MAKE_ONE = "`python -m runinference_metrics model FOLDER --output=NEW` makes it, or says why not"


@dataclass(frozen=True)
class ModelFolder:
    """A sequence classifier on disk, in transformers' own format.

    Args:
        path: the folder.
        model_type: the type of its architecture, as transformers calls it.
        architecture: its class in transformers; None where it does not say, and its type decides.
        head: what it answers.
        positions: the most tokens that the model can compute, special ones included; None for any
            number, or where only transformers knows it.
        stated_max_length: the most tokens that its tokenizer states, if any.
    """

    path: str
    model_type: str | None
    architecture: str | None
    head: Head
    positions: int | None
    stated_max_length: int | None

    @classmethod
    def read(cls, path: str, label_names: Sequence[str] | None = None) -> "ModelFolder":
        """Reads and checks `path`.

        Args:
            path: the folder.
            label_names: the user's own names of the labels.

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
        found = cls.of(path, names, contents, label_names)
        config = _json_object(path, "config.json", contents)
        tensors = {file.name: weights.shapes(file) for file in weight_files(folder)}
        if INDEX in names and SINGLE_FILE not in names:
            weights.check_index(
                folder / INDEX, {name: set(shapes) for name, shapes in tensors.items()}
            )
        shapes = {name: shape for one in tensors.values() for name, shape in one.items()}
        weights.check_fit(path, config, len(found.head.label_names), shapes)
        tokenizer_files.check(folder, config)
        return found

    @classmethod
    def of(
        cls,
        path: str,
        names: Set[str],
        contents: dict[str, bytes],
        label_names: Sequence[str] | None = None,
    ) -> "ModelFolder":
        """Checks a folder by the names of its files and its configuration.

        Args:
            path: the folder, also one that is not on this machine.
            names: its files.
            contents: its config.json, and its tokenizer_config.json if there is one.
            label_names: the user's own names of the labels.

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
        if why := quantised(config):
            raise UserError("model", _TAKES, f"{path!r}, {why}")
        architecture = _architecture(config)
        if architecture and not architecture.endswith("ForSequenceClassification"):
            got = f"{path!r}, whose architecture is {architecture}: train it on labels first"
            raise UserError("model", _TAKES, got)
        return cls(
            path,
            config.get("model_type"),
            architecture,
            Head.of(path, config, label_names),
            limits.positions(config),
            limits.stated_by_tokenizer(_json_object(path, "tokenizer_config.json", contents)),
        )

    def with_config(self, config: Mapping[str, Any]) -> "ModelFolder":
        """The same by a configuration that transformers has completed."""
        return replace(self, positions=limits.positions(config))

    def max_length(self, asked: int | None = None) -> int:
        """The most tokens of a text, special ones included.

        Args:
            asked: what the user wants; None for what model and tokenizer state.

        Raises:
            UserError: the model cannot compute so many.
        """
        if asked is None:
            stated = [one for one in (self.positions, self.stated_max_length) if one is not None]
            return min(stated, default=limits.UNLIMITED_MAX_LENGTH)
        if self.positions is not None and asked > self.positions:
            takes = f"auto or a whole number from 3 to {self.positions}, the limit of this model"
            raise UserError("max_length", takes, str(asked))
        return asked

    def check_precision(self, asked: str) -> None:
        """Raises UserError when the architecture is known not to compute in a precision."""
        precisions.check(self.path, self.model_type, asked)

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

    def file_digests(self) -> dict[str, str]:
        """The SHA-256 of configuration, tokenizer and weights, and of all that is recorded.

        Raises:
            UserError: a file is not the one that was recorded, or is missing.
        """
        found = self.check_digests()
        for file in (*map(Path(self.path).joinpath, _SMALL), *weight_files(Path(self.path))):
            if file.name not in found:
                found[file.name] = _sha256(file)
        return found

    def digest(self, files: Mapping[str, str]) -> str:
        """SHA-256 over the names and contents of configuration, tokenizer and weights.

        Args:
            files: what `file_digests` found.
        """
        return _over({name: one for name, one in files.items()
                      if name in _SMALL or is_weight_file(name)})  # fmt: skip

    def weights_digest(self, files: Mapping[str, str]) -> str:
        """SHA-256 over the names and contents of the weights alone.

        Args:
            files: what `file_digests` found.
        """
        return _over({name: one for name, one in files.items() if is_weight_file(name)})


def quantised(config: Mapping[str, Any]) -> str:
    """Why a model is not run whose weights are quantised already; empty where they are not."""
    found = config.get("quantization_config")
    if not found:
        return ""
    how = found.get("quant_method") if isinstance(found, dict) else None
    return (
        f"which is quantised ({how or 'quantization_config'}): name the model as it was before; "
        "--precision=int8 quantises it on CPU workers"
    )


def is_weight_file(name: str) -> bool:
    """Whether a file of this name holds weights: safetensors, in one or several shards."""
    return name.startswith("model") and name.endswith(".safetensors")


def weight_files(folder: Path) -> list[Path]:
    """The safetensors files of a model, one or several shards."""
    return sorted(path for path in folder.iterdir() if is_weight_file(path.name))


def _over(files: Mapping[str, str]) -> str:
    total = hashlib.sha256()
    for name, digest in sorted(files.items()):
        total.update(f"{name} {digest}\n".encode())
    return f"sha256:{total.hexdigest()}"


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


def _architecture(config: Mapping[str, Any]) -> str | None:
    stated = config.get("architectures")
    return str(stated[0]) if isinstance(stated, list) and stated else None
