"""Safetensors files, checked without torch: whole, well-formed, and of the model that is described.

The format: https://huggingface.co/docs/safetensors. Eight bytes with the length of a JSON header,
the header with each tensor's type, shape and place, then the tensors without gaps.
"""

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from runinference_metrics.errors import UserError

_TAKES = "weights in safetensors' format"
# The limit of the safetensors library itself.
_LONGEST_HEADER_BYTES = 100_000_000
_DTYPE_BYTES = {
    "F64": 8, "I64": 8, "U64": 8, "F32": 4, "I32": 4, "U32": 4, "F16": 2, "BF16": 2, "I16": 2,
    "U16": 2, "I8": 1, "U8": 1, "BOOL": 1, "F8_E4M3": 1, "F8_E5M2": 1,
}  # fmt: skip
# What else files of this name turn out to be, by their first bytes. Looked at only once a file is
# known not to be safetensors, whose length field could begin with these bytes too.
_PICKLE = (
    "a pickle, which is never loaded: name it pytorch_model.bin, and `python -m "
    "runinference_metrics model FOLDER --output=NEW` converts it"
)
_OTHER_FORMATS = (
    (b"PK\x03\x04", f"a zip archive, as torch.save writes it: {_PICKLE}"),
    (b"\x80\x02", _PICKLE),
    (b"\x80\x03", _PICKLE),
    (b"\x80\x04", _PICKLE),
    (b"\x80\x05", _PICKLE),
    (b"version https://git-lfs", "a pointer of Git LFS instead of the file: run git lfs pull"),
    (b"\x89HDF", "an HDF5 file, as TensorFlow writes it: save the model as safetensors"),
    (b"<", "markup, perhaps the page of an error: fetch it again"),
)
# The prefix of all weights but the head's, by config.json's model_type.
PREFIXES = {
    "albert": "albert", "bert": "bert", "camembert": "roberta", "deberta": "deberta",
    "deberta-v2": "deberta", "distilbert": "distilbert", "electra": "electra",
    "longformer": "longformer", "mobilebert": "mobilebert", "mpnet": "mpnet",
    "roberta": "roberta", "xlm-roberta": "roberta",
}  # fmt: skip


def shapes(file: Path) -> dict[str, tuple[int, ...]]:
    """The tensors of a safetensors file, by name, after checking header and sizes.

    Raises:
        UserError: it is none, is damaged, or ends early; says which.
    """
    size_bytes = file.stat().st_size
    with file.open("rb") as stream:
        start = stream.read(64)
        length = int.from_bytes(start[:8], "little")
        if len(start) < 8 or not 2 <= length <= min(_LONGEST_HEADER_BYTES, size_bytes - 8):
            raise _wrong(file, _format_of(start) or _cut_short(length, size_bytes, start))
        stream.seek(8)
        content = stream.read(length)
    try:
        header = json.loads(content)
        tensors = {name: one for name, one in header.items() if name != "__metadata__"}
        found = {name: _Tensor.of(one) for name, one in tensors.items()}
    except (ValueError, TypeError, KeyError, AttributeError):
        raise _wrong(
            file, _format_of(start) or "a file whose header is damaged: copy it again"
        ) from None
    end = 0
    for name, one in sorted(found.items(), key=lambda item: item[1].begin):
        if one.begin != end or one.end < one.begin or one.is_of_wrong_size():
            raise _wrong(file, f"a file whose header is damaged, at the weights {name}")
        end = one.end
    stored = size_bytes - 8 - length
    if end != stored:
        what = "ends early" if stored < end else "goes on behind its end"
        raise _wrong(
            file, f"a file that {what}: {stored:,} bytes of weights, not {end:,}: copy it again"
        )
    return {name: one.shape for name, one in found.items()}


class _Tensor:
    def __init__(self, dtype: str, shape: tuple[int, ...], begin: int, end: int) -> None:
        self.dtype = dtype
        self.shape = shape
        self.begin = begin
        self.end = end

    @classmethod
    def of(cls, described: dict[str, Any]) -> "_Tensor":
        begin, end = described["data_offsets"]
        return cls(described["dtype"], tuple(map(int, described["shape"])), int(begin), int(end))

    def is_of_wrong_size(self) -> bool:
        # Of types that are not known here, safetensors itself judges.
        each = _DTYPE_BYTES.get(self.dtype)
        return each is not None and each * math.prod(self.shape) != self.end - self.begin


def check_index(index: Path, found: Mapping[str, set[str]]) -> None:
    """Checks a model in shards against its index.

    Args:
        index: its model.safetensors.index.json.
        found: the names of the tensors of each file of the folder.

    Raises:
        UserError: a file or a tensor is missing.
    """
    try:
        listed = json.loads(index.read_bytes())["weight_map"]
        pairs = [(str(name), str(shard)) for name, shard in listed.items()]
    except (ValueError, TypeError, KeyError, AttributeError):
        raise _wrong(index, "an index that is damaged: copy it again") from None
    for name, shard in pairs:
        if shard not in found:
            raise _wrong(index, f"an index of {shard}, which is missing: copy that too")
        if name not in found[shard]:
            raise _wrong(index, f"an index of {name} in {shard}, in which it is missing: "
                                "copy all files of the model again")  # fmt: skip


def check_fit(
    path: str, config: Mapping[str, Any], labels: int, tensors: Mapping[str, tuple[int, ...]]
) -> None:
    """Checks weights against the model's configuration, as far as names and sizes tell.

    Loading compares every tensor; this finds the wrong file before anything is started.

    Args:
        path: the model's folder.
        config: its config.json.
        labels: how many labels it has.
        tensors: the shape of each of its weights.

    Raises:
        UserError: they are another model's.
    """
    kind = config.get("model_type")
    prefix = PREFIXES.get(str(kind))
    prefixes = {name.partition(".")[0] for name in tensors}
    others = sorted(prefixes & set(PREFIXES.values()))
    if prefix and prefix not in prefixes and others:
        raise _unfit(path, f"the weights are those of {others[0]}, config.json says {kind}")
    rows = {shape[0] for shape in tensors.values() if shape}
    vocabulary = config.get("vocab_size")
    if isinstance(vocabulary, int) and vocabulary not in rows:
        raise _unfit(path, f"no weights for the {vocabulary} tokens of config.json (vocab_size)")
    if labels not in rows:
        got = f"no head with weights for {labels} labels (config.json's id2label, or --label_names)"
        raise _unfit(path, got)


def _wrong(file: Path, got: str) -> UserError:
    return UserError("model", _TAKES, f"{str(file)!r}, {got}")


def _unfit(path: str, got: str) -> UserError:
    step = "take both from the same model"
    return UserError(
        "model", "weights that fit the config.json beside them", f"{path!r}: {got}; {step}"
    )


def _format_of(start: bytes) -> str | None:
    return next((what for magic, what in _OTHER_FORMATS if start.startswith(magic)), None)


def _cut_short(length: int, size_bytes: int, start: bytes) -> str:
    if not start:
        return "an empty file: copy it again"
    # A header begins with a brace: then the length before it can be believed.
    if start[8:9] == b"{" and length <= _LONGEST_HEADER_BYTES:
        return (f"a file that ends early: {size_bytes:,} bytes, and {length:,} are in its header; "
                "copy it again")  # fmt: skip
    return "a file of another format"
