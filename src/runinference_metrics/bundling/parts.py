"""Which files of a source are the model, and why some sources are none that can be run."""

import re
from collections.abc import Iterable, Set
from dataclasses import dataclass

from runinference_metrics.errors import UserError
from runinference_metrics.models.folder import RANGES

TAKES = "a sequence classifier with its weights and its vocabulary"
CONFIG, TOKENIZER = "config.json", "tokenizer.json"
WEIGHTS, WEIGHTS_INDEX = "model.safetensors", "model.safetensors.index.json"
PICKLE, PICKLE_INDEX = "pytorch_model.bin", "pytorch_model.bin.index.json"
_SHARD = re.compile(r"model-\d+-of-\d+\.safetensors")
_PICKLE_SHARD = re.compile(r"pytorch_model-\d+-of-\d+\.bin")
TOKENIZER_SETTINGS = ("tokenizer_config.json", "special_tokens_map.json", "added_tokens.json")
# The vocabularies of transformers' tokenizers, from which a tokenizer.json can be made.
_VOCABULARY = re.compile(
    r"vocab\.(txt|json)|merges\.txt|bpe\.codes|dict\.txt|prophetnet\.tokenizer"
    r"|(vocab|emoji|entity_vocab|normalizer|byte_maps|word_\w+)[\w-]*\.json|[\w.-]+\.model"
)
ADAPTER = "adapter_config.json"
# The names of a page are many; these are enough to see what it is.
_SHOWN = 8
_NOT_HERE = (
    (re.compile(r".*\.gguf"), "weights for llama.cpp alone (GGUF)"),
    (re.compile(r"(.*/)?.*\.(onnx|ort)"), "weights for ONNX Runtime alone"),
    (re.compile(r"openvino_model\..*|(.*/)?.*\.mlmodel|(.*/)?.*\.tflite"),
     "weights for another runtime alone"),
)  # fmt: skip
_TENSORFLOW = re.compile(r"tf_model.*\.h5|model\.ckpt.*")
_FLAX = re.compile(r"flax_model.*\.msgpack")


@dataclass(frozen=True)
class Parts:
    """The files that are the model.

    Args:
        weights: those with its weights, and their index, in the form that is taken.
        tokenizer: those of its tokenizer.
        ranges: that of its ranges for 8 bits, if there is one.
    """

    weights: tuple[str, ...]
    tokenizer: tuple[str, ...]
    ranges: tuple[str, ...] = ()

    @property
    def pickled(self) -> bool:
        """Whether the weights are to be converted to safetensors."""
        return bool({PICKLE, PICKLE_INDEX} & set(self.weights))

    @property
    def small(self) -> tuple[str, ...]:
        """All but the weights."""
        return (CONFIG, *self.tokenizer)

    @property
    def all(self) -> tuple[str, ...]:
        """All files."""
        return (*self.small, *self.weights, *self.ranges)

    @classmethod
    def of(cls, source: str, names: Set[str]) -> "Parts":
        """Finds the parts by the names of a source's files.

        Args:
            source: what the source is called, for the errors.
            names: its files; those in folders below it with a slash.

        Raises:
            UserError: something is missing, or the model is of a kind that is not run here.
        """
        if ADAPTER in names:
            raise _unusable(
                source,
                "which is an adapter (adapter_config.json), not a model: merge it first, "
                "PeftModel.from_pretrained(BASE, ADAPTER).merge_and_unload()"
                ".save_pretrained(FOLDER), with the tokenizer's own save_pretrained(FOLDER), "
                "and give FOLDER",
            )
        weights = _weights(source, names)
        if CONFIG not in names:
            raise _unusable(source, f"which has no {CONFIG}; it has {listed(names)}: name the "
                                    "folder that save_pretrained wrote")  # fmt: skip
        tokenizer = tuple(
            one for one in sorted(names)
            if one == TOKENIZER or one in TOKENIZER_SETTINGS or is_vocabulary(one)
        )  # fmt: skip
        if TOKENIZER not in names and not any(map(is_vocabulary, names)):
            raise no_vocabulary(source, "tokenizer.json, vocab.txt, vocab.json with merges.txt, "
                                        "*.model", names)  # fmt: skip
        return cls(weights, tokenizer, (RANGES,) if RANGES in names else ())


def is_part(name: str) -> bool:
    """Whether a file of this name can be needed, or tells why a folder cannot be run."""
    return (
        name in (CONFIG, TOKENIZER, WEIGHTS, WEIGHTS_INDEX, PICKLE, PICKLE_INDEX, RANGES, ADAPTER)
        or name in TOKENIZER_SETTINGS
        or is_vocabulary(name)
        or any(one.fullmatch(name) for one in (_SHARD, _PICKLE_SHARD, _TENSORFLOW, _FLAX))
        or any(kind.fullmatch(name) for kind, _ in _NOT_HERE)
    )


def has_weights(names: Set[str]) -> bool:
    """Whether weights that can be taken are among the files."""
    return bool({WEIGHTS, WEIGHTS_INDEX, PICKLE, PICKLE_INDEX} & names)


def is_vocabulary(name: str) -> bool:
    """Whether a file of this name is a vocabulary."""
    return _VOCABULARY.fullmatch(name) is not None


def no_vocabulary(source: str, looked_for: str, names: Iterable[str]) -> UserError:
    """The error of a model without a vocabulary, without which no text can be read."""
    return _unusable(
        source,
        f"which has no vocabulary: looked for {looked_for}; it has {listed(names)}. Add the "
        "tokenizer with which it was trained: "
        "AutoTokenizer.from_pretrained(BASE).save_pretrained(FOLDER)",
    )


def listed(names: Iterable[str]) -> str:
    """Some of the names, in their order."""
    found = sorted(names)
    more = f" and {len(found) - _SHOWN} more" if len(found) > _SHOWN else ""
    return ", ".join(found[:_SHOWN]) + more if found else "nothing"


def _weights(source: str, names: Set[str]) -> tuple[str, ...]:
    # In the order in which transformers looks for them.
    for single, index, shard in (
        (WEIGHTS, WEIGHTS_INDEX, _SHARD),
        (PICKLE, PICKLE_INDEX, _PICKLE_SHARD),
    ):
        if single in names:
            return (single,)
        if index in names:
            return (index, *sorted(one for one in names if shard.fullmatch(one)))
    for kind, what in _NOT_HERE:
        if any(kind.fullmatch(one) for one in names):
            raise _unusable(source, f"which has {what}: name the model from which they were made, "
                                    "with its model.safetensors")  # fmt: skip
    for kind, flag in ((_TENSORFLOW, "from_tf"), (_FLAX, "from_flax")):
        if any(kind.fullmatch(one) for one in names):
            raise _unusable(
                source,
                f"which has weights of {'TensorFlow' if flag == 'from_tf' else 'Flax'} alone: "
                "convert them once with transformers 4, AutoModelForSequenceClassification"
                f".from_pretrained(FOLDER, {flag}=True).save_pretrained(FOLDER)",
            )
    shards = [one for one in names if _SHARD.fullmatch(one) or _PICKLE_SHARD.fullmatch(one)]
    looked_for = f"{WEIGHTS}, {PICKLE}"
    if shards:
        raise _unusable(source, f"which has {listed(shards)}, but not their index "
                                f"({WEIGHTS_INDEX}): add it")  # fmt: skip
    raise _unusable(source, f"which has no weights: looked for {looked_for} and their shards; it "
                            f"has {listed(names)}")  # fmt: skip


def _unusable(source: str, what: str) -> UserError:
    return UserError("model", TAKES, f"{source!r}, {what}")
