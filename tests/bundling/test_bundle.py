"""The door for models: what comes through it; the folder appears whole or not at all."""

import json
import os
import shutil
from pathlib import Path

import bundles_for_tests
import pytest
import torch
from bundles_for_tests import WEIGHTS, check_equal_to_pipeline, digests, names
from safetensors.torch import load_file
from tokenizers import ByteLevelBPETokenizer
from transformers import (
    AutoConfig,
    AutoModelForSequenceClassification,
    AutoTokenizer,
    BartConfig,
)

from conftest import make_model, two_shards, write_tokenizer
from runinference_metrics.bundling.bundle import bundle
from runinference_metrics.errors import UserError
from runinference_metrics.models.folder import ModelFolder

# Fixtures, here by their names.
old = bundles_for_tests.old
said = bundles_for_tests.said
source = bundles_for_tests.source


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
