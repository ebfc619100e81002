"""What comes not through the door, and the step that is named."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import bundles_for_tests
import pytest
import torch
from bundles_for_tests import WEIGHTS, names
from safetensors.torch import load_file, save_file
from transformers import AutoTokenizer

from runinference_metrics.bundling import bundle as door
from runinference_metrics.bundling.bundle import bundle
from runinference_metrics.errors import UserError
from runinference_metrics.models.folder import ModelFolder

# Fixtures, here by their names.
said = bundles_for_tests.said
source = bundles_for_tests.source


def _edit(**changes: Any) -> Callable[[Path], None]:
    def change(folder: Path) -> None:
        path = folder / "config.json"
        path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))

    return change


def _without(*gone: str, **put: str) -> Callable[[Path], None]:
    def change(folder: Path) -> None:
        for name in gone:
            (folder / name).unlink()
        for name, content in put.items():
            (folder / name.replace("__", ".")).write_text(content)

    return change


POINTER = "version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n"


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (_without("tokenizer.json"), "which has no vocabulary: looked for tokenizer.json, "),
        (_without("tokenizer.json", "tokenizer_config.json", merges__txt="#version: 0.2\n"),
         "which has no vocabulary: looked for vocab.txt; it has merges.txt. Add the tokenizer"),
        (_without("tokenizer.json", merges__txt="#version: 0.2\n"),
         "whose tokenizer transformers cannot load of merges.txt (ValueError: "),
        (_without("config.json"), "which has no config.json"),
        (_without(WEIGHTS), "which has no weights: looked for model.safetensors, pytorch_model.bin "
         "and their shards; it has config.json, tokenizer.json"),
        (_without(adapter_config__json="{}"), "which is an adapter (adapter_config.json)"),
        (_without(WEIGHTS, model__gguf=""), "llama.cpp alone (GGUF)"),
        (_without(WEIGHTS, model__onnx=""), "ONNX Runtime alone"),
        (_without(WEIGHTS, tf_model__h5=""), "from_pretrained(FOLDER, from_tf=True)"),
        (_without(WEIGHTS, flax_model__msgpack=""), "from_pretrained(FOLDER, from_flax=True)"),
        (_without(WEIGHTS, **{"model-00001-of-00002__safetensors": ""}), "but not their index"),
        (_edit(architectures=["BertForMaskedLM"]), "BertForMaskedLM, which classifies no texts"),
        (_edit(model_type="jinabert", auto_map={"AutoModel": "m--x.Y"}),
         "which transformers does not know and needs code of its own (auto_map), which is never"),
        (_edit(model_type=None), "has no model_type"),
        (_edit(model_type="vit"), "no sequence classifier in transformers"),
        (_edit(quantization_config={"quant_method": "gptq"}), "which is quantised (gptq)"),
        (_without(config__json=POINTER), "a pointer of Git LFS: run git lfs pull"),
        (_without(config__json="{"), "whose config.json is no JSON"),
        (_without(**{"model__safetensors": POINTER}), "run git lfs pull"),
        (_without(WEIGHTS, pytorch_model__bin=POINTER), "run git lfs pull"),
        (_without(WEIGHTS, pytorch_model__bin="no pickle"), "cannot be read"),
    ],
)  # fmt: skip
def test_what_cannot_be_run_is_refused_with_a_step(
    source: Path, tmp_path: Path, said: list[str], spoil: Callable[[Path], None], message: str
) -> None:
    spoil(source)
    with pytest.raises(UserError) as caught:
        bundle(str(source), tmp_path / "out", said.append)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)
    # Nothing is left, nothing blocks the next try, and the way it was made is not told.
    assert names(tmp_path) == {"source"}
    assert ".part" not in str(caught.value)


def test_a_tokenizer_of_special_tokens_alone_is_none(
    source: Path, tmp_path: Path, said: list[str]
) -> None:
    """As transformers makes one where the vocabulary is missing: all texts would score alike."""
    (source / "tokenizer.json").unlink()
    (source / "tokenizer_config.json").unlink()
    AutoTokenizer.from_pretrained(source).save_pretrained(source)
    assert (source / "tokenizer.json").is_file()
    with pytest.raises(
        UserError, match=r"0 tokens besides its special ones: the vocabulary is mis"
    ):
        bundle(str(source), tmp_path / "out", said.append)
    with pytest.raises(UserError, match="the vocabulary is missing"):
        ModelFolder.read(str(source))


class Anything:
    """What a pickle can hold besides weights."""


def test_a_pickle_with_more_than_weights_is_not_read(
    source: Path, tmp_path: Path, said: list[str]
) -> None:
    tensors = load_file(source / WEIGHTS)
    (source / WEIGHTS).unlink()
    torch.save({**tensors, "arguments": Anything()}, source / "pytorch_model.bin")
    with pytest.raises(UserError, match=r"holds more than weights \(.*Anything"):
        bundle(str(source), tmp_path / "out", said.append)
    torch.save({"model": tensors, "step": 3}, source / "pytorch_model.bin")
    with pytest.raises(UserError, match=r"holds model, step instead of named weights"):
        bundle(str(source), tmp_path / "out", said.append)


def test_weights_that_are_missing_are_named(source: Path, tmp_path: Path, said: list[str]) -> None:
    """Whatever a pickle lacks, nothing random takes its place."""
    tensors = load_file(source / WEIGHTS)
    del tensors["classifier.weight"]
    (source / WEIGHTS).unlink()
    torch.save(tensors, source / "pytorch_model.bin")
    with pytest.raises(UserError, match=r"source.*, whose weights lack classifier.weight"):
        bundle(str(source), tmp_path / "out", said.append)


def test_an_answer_that_is_not_transformers_own_is_refused(
    source: Path, tmp_path: Path, said: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def other(name: str, parts: Any, folder: Path, output: Path) -> None:
        """In the place of the conversion: weights that are a little different."""
        tensors = load_file(folder / WEIGHTS)
        tensors["classifier.bias"][0] += 0.01
        save_file(tensors, output / WEIGHTS, metadata={"format": "pt"})

    monkeypatch.setattr(door.weights, "write", other)
    with pytest.raises(UserError, match=r"which scores 'A good film, .* in transformers' pipeline"):
        bundle(str(source), tmp_path / "out", said.append)
    assert not (tmp_path / "out").exists()


def test_another_tokenizer_is_refused(
    source: Path, tmp_path: Path, said: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    content = json.loads((source / "tokenizer.json").read_text())
    vocabulary = content["model"]["vocab"]
    vocabulary["good"], vocabulary["bad"] = vocabulary["bad"], vocabulary["good"]
    (tmp_path / "other.json").write_text(json.dumps(content))
    write = door.tokenizer.write

    def other(*given: Any) -> None:
        write(*given)
        shutil.copy(tmp_path / "other.json", given[-1] / "tokenizer.json")

    monkeypatch.setattr(door.tokenizer, "write", other)
    with pytest.raises(
        UserError, match=r"of whose tokenizer.json 'A good film.* gets other tokens"
    ):
        bundle(str(source), tmp_path / "out", said.append)
