"""A model's weights as safetensors: copied, or read out of PyTorch's pickles, which never run."""

import json
import re
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file

from runinference_metrics.bundling.parts import (
    PICKLE,
    PICKLE_INDEX,
    TAKES,
    WEIGHTS,
    WEIGHTS_INDEX,
    Parts,
)
from runinference_metrics.errors import UserError, first_line

_LFS = b"version https://git-lfs"
# As torch says what it found beside tensors.
_MORE_THAN_WEIGHTS = re.compile(r"Unsupported [a-z ]+: (?:GLOBAL )?(\S+)")


def write(source: str, parts: Parts, folder: Path, output: Path) -> None:
    """Writes the weights of `folder` to `output`, as one safetensors file or its shards.

    A pickle's tensors keep their names and types; each of its files becomes one file.

    Args:
        source: what the source is called, for the errors.
        parts: the names of its files.
        folder: where they are.
        output: where to.

    Raises:
        UserError: a file is missing or damaged, or holds more than tensors.
    """
    if WEIGHTS in parts.weights:
        _copy(folder / WEIGHTS, output / WEIGHTS)
    elif PICKLE in parts.weights:
        _convert(source, folder / PICKLE, output / WEIGHTS, _tied(folder))
    elif WEIGHTS_INDEX in parts.weights:
        for shard in sorted(set(_weight_map(source, folder / WEIGHTS_INDEX).values())):
            _copy(_there(source, folder / shard), output / shard)
        _copy(folder / WEIGHTS_INDEX, output / WEIGHTS_INDEX)
    else:
        found = _weight_map(source, folder / PICKLE_INDEX)
        stored: dict[str, str] = {}
        tied = _tied(folder)
        for shard in sorted(set(found.values())):
            renamed = _renamed(shard)
            names = _convert(source, _there(source, folder / shard), output / renamed, tied)
            stored |= dict.fromkeys(names, renamed)
        if missing := sorted(found.keys() - stored.keys() - tied.keys()):
            got = f"{source!r}, whose {PICKLE_INDEX} names {missing[0]}, which is in no shard"
            raise UserError("model", TAKES, got)
        index = {"metadata": {}, "weight_map": dict(sorted(stored.items()))}
        (output / WEIGHTS_INDEX).write_text(json.dumps(index, indent=2) + "\n")


def _copy(source: Path, target: Path) -> None:
    # A cache of the hub's holds links.
    shutil.copyfile(source.resolve(), target)


def _there(source: str, file: Path) -> Path:
    if not file.is_file():
        raise UserError("model", TAKES, f"{source!r}, in which the shard {file.name} is missing")
    return file


def _renamed(shard: str) -> str:
    """model-00001-of-00002.safetensors for pytorch_model-00001-of-00002.bin."""
    return f"{Path(shard).stem.removeprefix('pytorch_')}.safetensors"


def _weight_map(source: str, index: Path) -> dict[str, str]:
    try:
        listed = json.loads(index.read_bytes())["weight_map"]
        found = {str(name): str(shard) for name, shard in listed.items()}
    except (ValueError, TypeError, KeyError, AttributeError):
        raise UserError("model", TAKES, f"{source!r}, whose {index.name} is damaged") from None
    # Only names: an index must not make the program read elsewhere.
    if wrong := [shard for shard in found.values() if Path(shard).name != shard]:
        got = f"{source!r}, whose {index.name} names {wrong[0]}, outside of its folder"
        raise UserError("model", TAKES, got)
    return found


def _convert(source: str, file: Path, target: Path, tied: Mapping[str, str]) -> list[str]:
    """Writes a pickle's tensors as safetensors; returns their names."""
    tensors = _unshared(_tensors(source, file), tied)
    # What transformers reads as "these are PyTorch's".
    save_file(tensors, target, metadata={"format": "pt"})
    return list(tensors)


def _tensors(source: str, file: Path) -> dict[str, torch.Tensor]:
    try:
        loaded = _load(file)
    except Exception as error:
        raise UserError("model", TAKES, f"{source!r}, whose {file.name} {_why(file, error)}") \
            from error  # fmt: skip
    tensors = {
        str(name): one for name, one in loaded.items() if isinstance(one, torch.Tensor)
    } if isinstance(loaded, Mapping) else {}  # fmt: skip
    if not tensors or any(isinstance(one, Mapping) for one in loaded.values()):
        holds = ", ".join(map(str, list(loaded)[:4])) if isinstance(loaded, Mapping) \
            else f"a {type(loaded).__name__}"  # fmt: skip
        got = (f"{source!r}, whose {file.name} holds {holds} instead of named weights: it is a "
               "training checkpoint; write the model with save_pretrained(FOLDER)")  # fmt: skip
        raise UserError("model", TAKES, got)
    return tensors


def _load(file: Path) -> Any:
    # Never weights_only=False: a pickle can hold code, which that would run.
    try:
        return torch.load(file, weights_only=True, map_location="cpu", mmap=True)
    except RuntimeError:
        # The form before PyTorch 1.6, which cannot be mapped.
        return torch.load(file, weights_only=True, map_location="cpu")


def _why(file: Path, error: Exception) -> str:
    with file.open("rb") as stream:
        start = stream.read(len(_LFS))
    if start == _LFS:
        return "is a pointer of Git LFS instead of the file: run git lfs pull there"
    if needs := _MORE_THAN_WEIGHTS.search(str(error)):
        return (f"holds more than weights ({needs[1]}), which reading it would run: where that may "
                "happen, load the model and write it with save_pretrained(FOLDER)")  # fmt: skip
    return f"cannot be read ({first_line(error)}): fetch it again"


def _unshared(
    tensors: Mapping[str, torch.Tensor], tied: Mapping[str, str]
) -> dict[str, torch.Tensor]:
    """The tensors, none of which shares memory with another: safetensors has no way to say so.

    Args:
        tensors: by name.
        tied: by its name, the name of the tensor that a tensor always equals. It is left out, as
            save_pretrained does.
    """
    seen: set[int] = set()
    result = {}
    for name, tensor in tensors.items():
        original = tensors.get(tied.get(name, ""))
        if original is not None and original.data_ptr() == tensor.data_ptr():
            continue
        storage = tensor.untyped_storage()
        whole = storage.nbytes() == tensor.numel() * tensor.element_size()
        alone = whole and tensor.is_contiguous() and storage.data_ptr() not in seen
        seen.add(storage.data_ptr())
        result[name] = tensor if alone else tensor.contiguous().clone()
    return result


def _tied(folder: Path) -> Mapping[str, str]:
    """By its name, which weight a weight of the model always equals."""
    from transformers import AutoConfig, AutoModelForSequenceClassification

    try:
        config = AutoConfig.from_pretrained(
            str(folder), local_files_only=True, trust_remote_code=False
        )
        with torch.device("meta"):
            model = AutoModelForSequenceClassification.from_config(config)
    except Exception:
        # Whatever is wrong with the model is said when it is compared; until then all is kept.
        return {}
    tied: dict[str, str] = model.all_tied_weights_keys
    return tied
