"""The door for models: what comes through it, and that the folder appears whole or not at all."""

import hashlib
import json
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from tokenizers import ByteLevelBPETokenizer
from transformers import (
    AutoConfig,
    AutoModelForSequenceClassification,
    AutoTokenizer,
    BartConfig,
    pipeline,
)

from conftest import make_model, two_shards, write_tokenizer
from hub_for_tests import COMMIT, Hub, serving_hub, use
from runinference_metrics.bundling import bundle as door
from runinference_metrics.bundling.bundle import bundle, cached
from runinference_metrics.bundling.hub_name import HubName
from runinference_metrics.classifier.classifier import ClassifierSpec
from runinference_metrics.errors import UserError
from runinference_metrics.models.folder import ModelFolder

NAME = "owner/name"
VOCABULARY = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "a", "good", "film", "##s", "!"]


@pytest.fixture
def said() -> list[str]:
    return []


@pytest.fixture
def source(distilbert: Path, tmp_path: Path) -> Path:
    """A copy of a model, to change."""
    return Path(shutil.copytree(distilbert, tmp_path / "source"))


@pytest.fixture
def old(tmp_path: Path) -> Path:
    """A model as older ones are: a pickle and a vocabulary; and a card besides."""
    folder = make_model(tmp_path / "old", "distilbert")
    (folder / "tokenizer.json").unlink()
    (folder / "vocab.txt").write_text("\n".join(VOCABULARY) + "\n")
    (folder / "tokenizer_config.json").write_text('{"do_lower_case": true, "model_max_length": 64}')
    pickle(folder)
    (folder / "README.md").write_text("a card")
    return folder


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    with serving_hub(Hub()) as served:
        use(served, tmp_path / "hub-cache", monkeypatch)
        yield served


def pickle(folder: Path) -> None:
    """Puts a pickle in the place of a model's safetensors."""
    torch.save(load_file(folder / "model.safetensors"), folder / "pytorch_model.bin")
    (folder / "model.safetensors").unlink()


def names(folder: Path) -> set[str]:
    return {one.name for one in folder.iterdir()}


def digests(folder: Path) -> dict[str, str]:
    return {one.name: hashlib.sha256(one.read_bytes()).hexdigest() for one in folder.iterdir()}


def check_equal_to_pipeline(original: Path, folder: Path) -> None:
    """transformers' pipeline on the original and the classifier on the folder agree."""
    texts = ["a good film", "films !", "a a good unknown film ! " * 4]
    found = ClassifierSpec(str(folder), precision="float32").load().classify(texts)
    classify = pipeline("text-classification", model=str(original), top_k=None, device="cpu")
    for text, scores in zip(texts, found.scores, strict=True):
        (own,) = classify([text])
        expected = {one["label"]: one["score"] for one in own}
        assert dict(zip(found.label_names, scores, strict=True)) == pytest.approx(
            expected, abs=1e-5
        )


def test_from_the_hub_comes_only_what_is_needed(
    hub: Hub, old: Path, tmp_path: Path, said: list[str]
) -> None:
    hub.models[NAME] = old
    output = tmp_path / "bundled"
    bundle(f"{NAME}@{COMMIT[:7]}", output, said.append)
    assert sorted(hub.fetched) == [
        "config.json", "pytorch_model.bin", "tokenizer_config.json", "vocab.txt",
    ]  # fmt: skip
    record = json.loads((output / "digests.json").read_text())
    # The whole commit, whatever was asked for.
    assert (record["source"], record["model"], record["revision"]) == ("hub", NAME, COMMIT)
    assert names(output) == {
        "config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json",
        "digests.json",
    }  # fmt: skip
    assert record["files"] == {k: v for k, v in digests(output).items() if k != "digests.json"}
    assert said[0] == f"{NAME}@{COMMIT[:7]} is {NAME}@{COMMIT} today; write that to get the same " \
                      "model again"  # fmt: skip
    # The tokenizer made of the vocabulary is transformers' own.
    assert ModelFolder.read(str(output)).max_length == 64
    own = AutoTokenizer.from_pretrained(old)
    text = "A GOOD film! films unknown"
    assert AutoTokenizer.from_pretrained(output)(text)["input_ids"] == own(text)["input_ids"]
    assert own.convert_ids_to_tokens(own(text)["input_ids"])[:4] == ["[CLS]", "a", "good", "film"]
    check_equal_to_pipeline(old, output)
    # A second time nothing is fetched again.
    before = len(hub.fetched)
    bundle(f"{NAME}@{COMMIT}", tmp_path / "again", said.append)
    assert len(hub.fetched) == before
    assert digests(tmp_path / "again") == digests(output)


def test_without_a_revision_the_newest_commit_is_pinned_and_said(
    hub: Hub, source: Path, tmp_path: Path, said: list[str]
) -> None:
    # An old model's name has no owner.
    hub.models["name"] = source
    bundle("name", tmp_path / "out", said.append)
    assert json.loads((tmp_path / "out" / "digests.json").read_text())["revision"] == COMMIT
    assert f"name is name@{COMMIT} today" in said[0]


def test_a_folder_here_comes_before_the_hub(
    hub: Hub, source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, said: list[str]
) -> None:
    (tmp_path / "owner").mkdir()
    source.rename(tmp_path / "owner" / "name")
    monkeypatch.chdir(tmp_path)
    bundle(NAME, tmp_path / "out", said.append)
    assert hub.asked == []
    assert json.loads((tmp_path / "out" / "digests.json").read_text())["source"] == "folder"


@pytest.mark.parametrize(
    ("asked", "change", "message"),
    [
        ("owner/other", {}, "'owner/other', which is no folder here, and on the hub is not to be "
         "seen: check the name; for a private one set HF_TOKEN to a token of an account"),
        (f"{NAME}@v9", {}, "'owner/name@v9', which has no revision v9: http://127.0.0.1:"),
        (NAME, {"gated": {NAME}}, "which is gated: accept its terms on http://127.0.0.1:"),
        (NAME, {"status": 500}, "for which the hub answers 500"),
        (NAME, {"url": ""}, "cannot be reached"),
        ("not a name", {}, "which is no folder here and no name on the hub"),
    ],
)  # fmt: skip
def test_what_the_hub_refuses_is_a_sentence(
    hub: Hub, source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, said: list[str],
    asked: str, change: dict[str, Any], message: str,
) -> None:  # fmt: skip
    hub.models[NAME] = source
    for name, value in change.items():
        setattr(hub, name, value)
    if hub.url == "":
        # A port at which nobody listens.
        monkeypatch.setattr("huggingface_hub.constants.ENDPOINT", "http://127.0.0.1:9")
    with pytest.raises(UserError) as caught:
        bundle(asked, tmp_path / "out", said.append)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "out").exists()


def test_a_gated_model_comes_with_its_token(
    hub: Hub, source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, said: list[str]
) -> None:
    hub.models[NAME] = source
    hub.gated = {NAME}
    monkeypatch.setenv("HF_TOKEN", hub.token)
    bundle(NAME, tmp_path / "out", said.append)
    assert (tmp_path / "out" / "model.safetensors").is_file()


def test_off_the_hub_is_said(
    hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, said: list[str]
) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    with pytest.raises(UserError, match=r"HF_HUB_OFFLINE=1 keeps .* model owner/name --output="):
        bundle(NAME, tmp_path / "out", said.append)


def test_the_cache_has_a_folder_a_commit(
    hub: Hub, source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, said: list[str]
) -> None:
    monkeypatch.setenv("RUNINFERENCE_METRICS_CACHE", str(tmp_path / "cache"))
    hub.models[NAME] = source
    first = cached(HubName(NAME, "main"), said.append)
    assert first == tmp_path / "cache" / f"owner--name@{COMMIT}"
    assert sum("is owner/name@" in one for one in said) == 1
    hub.models.clear()
    # A whole commit is asked of nobody.
    assert cached(HubName(NAME, COMMIT), said.append) == first


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


WEIGHTS = "model.safetensors"
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


def test_a_vocabulary_of_two_files_takes_both(tmp_path: Path, said: list[str]) -> None:
    """Without its merges transformers would make up others, and split words at other places."""
    folder = make_model(tmp_path / "source", "roberta")
    for name in ("tokenizer.json", "tokenizer_config.json"):
        (folder / name).unlink()
    trained = ByteLevelBPETokenizer()
    special = ["<s>", "<pad>", "</s>", "<unk>", "<mask>"]
    trained.train_from_iterator(["a good film, not a dull film"] * 9, 300, special_tokens=special)
    trained.save_model(str(folder))
    made = AutoConfig.from_pretrained(folder)
    made.vocab_size, made.pad_token_id = 320, 1
    AutoModelForSequenceClassification.from_config(made).save_pretrained(folder)
    bundle(str(folder), tmp_path / "out", said.append)
    text = "a good dull film, naïve"
    expected = trained.encode(text).tokens
    assert AutoTokenizer.from_pretrained(tmp_path / "out").tokenize(text) == expected
    (folder / "merges.txt").unlink()
    with pytest.raises(UserError, match=r"transformers cannot load of vocab\.json \(ValueError: "):
        bundle(str(folder), tmp_path / "out2", said.append)


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


@pytest.mark.parametrize("how", ["zip", "legacy", "half", "shards"])
def test_a_pickle_becomes_safetensors(
    distilbert: Path, source: Path, tmp_path: Path, said: list[str], how: str
) -> None:
    tensors = load_file(source / WEIGHTS)
    (source / WEIGHTS).unlink()
    if how == "half":
        tensors = {name: one.half() for name, one in tensors.items()}
    if how == "shards":
        files = ["pytorch_model-00001-of-00002.bin", "pytorch_model-00002-of-00002.bin"]
        ordered = sorted(tensors)
        for file, part in zip(files, (ordered[:9], ordered[9:]), strict=True):
            torch.save({name: tensors[name] for name in part}, source / file)
        index = {
            "metadata": {},
            "weight_map": {name: files[at >= 9] for at, name in enumerate(ordered)},
        }
        (source / "pytorch_model.bin.index.json").write_text(json.dumps(index))
    else:
        torch.save(tensors, source / "pytorch_model.bin",
                   _use_new_zipfile_serialization=how != "legacy")  # fmt: skip
    output = tmp_path / "out"
    bundle(str(source), output, said.append)
    found = {}
    for file in output.glob("model*.safetensors"):
        found |= load_file(file)
    assert found.keys() == tensors.keys()
    for name, one in tensors.items():
        assert found[name].dtype == one.dtype
        assert torch.equal(found[name], one)
    assert ("model.safetensors.index.json" in names(output)) == (how == "shards")
    check_equal_to_pipeline(source, output)


def test_weights_of_two_names_are_written_once(tmp_path: Path, said: list[str]) -> None:
    folder = tmp_path / "bart"
    size = write_tokenizer(folder, type_ids=False)
    config = BartConfig(
        vocab_size=size, d_model=16, encoder_layers=1, decoder_layers=1, encoder_ffn_dim=16,
        decoder_ffn_dim=16, encoder_attention_heads=2, decoder_attention_heads=2, pad_token_id=0,
        eos_token_id=3, bos_token_id=2, max_position_embeddings=64,
    )  # fmt: skip
    model = AutoModelForSequenceClassification.from_config(config)
    config.architectures = ["BartForSequenceClassification"]
    config.save_pretrained(folder)
    torch.save(model.state_dict(), folder / "pytorch_model.bin")
    bundle(str(folder), tmp_path / "out", said.append)
    stored = load_file(tmp_path / "out" / WEIGHTS)
    assert "model.shared.weight" in stored
    assert "model.encoder.embed_tokens.weight" not in stored


def test_shards_come_with_their_index_and_no_others(
    source: Path, tmp_path: Path, said: list[str]
) -> None:
    two_shards(source)
    shutil.copy(source / "model-00001-of-00002.safetensors", source / "model.fp16.safetensors")
    bundle(str(source), tmp_path / "out", said.append)
    assert "model.fp16.safetensors" not in names(tmp_path / "out")
    (source / "model-00002-of-00002.safetensors").unlink()
    with pytest.raises(UserError, match=r"the shard model-00002-of-00002.safetensors is missing"):
        bundle(str(source), tmp_path / "out2", said.append)


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


def test_the_same_source_gives_the_same_bytes_and_times(
    old: Path, tmp_path: Path, said: list[str]
) -> None:
    (tmp_path / "elsewhere").mkdir()
    moved = tmp_path / "elsewhere" / "moved"
    outputs = [tmp_path / "one", tmp_path / "deeper" / "two"]
    bundle(str(old), outputs[0], said.append)
    old.rename(moved)
    bundle(str(moved), outputs[1], said.append)
    assert digests(outputs[0]) == digests(outputs[1])
    for output in outputs:
        for path in (output, *output.iterdir()):
            assert path.stat().st_mtime == 315_532_800
            assert path.stat().st_mode & 0o777 == (0o755 if path.is_dir() else 0o644)


def test_a_folder_with_something_in_it_is_left_alone(
    source: Path, tmp_path: Path, said: list[str]
) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "note").write_text("mine")
    with pytest.raises(UserError, match=r"^--output takes a new folder; .*name another, or delete"):
        bundle(str(source), tmp_path / "mine", said.append)
    assert names(tmp_path / "mine") == {"note"}
    with pytest.raises(UserError, match=r"which is a file"):
        bundle(str(source), tmp_path / "mine" / "note", said.append)
    os.unlink(tmp_path / "mine" / "note")
    # An empty one is as good as none.
    bundle(str(source), tmp_path / "mine", said.append)
    ModelFolder.read(str(tmp_path / "mine")).check_digests()


def test_a_bundled_model_is_checked_against_its_digests(
    source: Path, tmp_path: Path, said: list[str]
) -> None:
    output = tmp_path / "bundled"
    bundle(str(source), output, said.append)
    folder = ModelFolder.read(str(output))
    folder.check_digests()
    weights = output / WEIGHTS
    content = bytearray(weights.read_bytes())
    content[-1] ^= 1
    weights.write_bytes(content)
    with pytest.raises(UserError, match=r"--model takes files as they are recorded.*safetensors"):
        folder.check_digests()
    weights.unlink()
    with pytest.raises(UserError, match=r"with SHA-256 nothing, recorded as"):
        folder.check_digests()
