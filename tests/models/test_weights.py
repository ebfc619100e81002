"""Models that are damaged, or put together from two: each refused with its own line."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from safetensors.torch import load_file
from transformers import AutoConfig, AutoModelForSequenceClassification

from conftest import two_shards
from runinference_metrics.classifier.classifier import ClassifierSpec
from runinference_metrics.errors import UserError
from runinference_metrics.models import weights
from runinference_metrics.models.folder import ModelFolder

WEIGHTS = "model.safetensors"


@pytest.fixture
def copy(tmp_path: Path, distilbert: Path) -> Path:
    folder = tmp_path / "model"
    shutil.copytree(distilbert, folder)
    return folder


def edit(folder: Path, name: str, change: Callable[[Any], None]) -> None:
    content = json.loads((folder / name).read_text())
    change(content)
    (folder / name).write_text(json.dumps(content))


def config(**changes: Any) -> Callable[[Path], None]:
    return lambda folder: edit(folder, "config.json", lambda found: found.update(changes))


def tokens(**added: int) -> Callable[[Path], None]:
    return lambda folder: edit(
        folder, "tokenizer.json", lambda found: found["model"]["vocab"].update(added)
    )


def replaced(content: Callable[[bytes], bytes]) -> Callable[[Path], None]:
    def change(folder: Path) -> None:
        path = folder / WEIGHTS
        path.write_bytes(content(path.read_bytes()))

    return change


def header(content: bytes, change: Callable[[dict[str, Any]], Any]) -> bytes:
    """The file with another header."""
    length = int.from_bytes(content[:8], "little")
    found = json.loads(content[8 : 8 + length])
    changed = json.dumps(change(found) or found).encode()
    return len(changed).to_bytes(8, "little") + changed + content[8 + length :]


def pickled(folder: Path) -> None:
    torch.save(load_file(folder / WEIGHTS), folder / "pickle")
    (folder / "pickle").rename(folder / WEIGHTS)


def bare_pickle(folder: Path) -> None:
    torch.save({"a": torch.ones(3)}, folder / WEIGHTS, _use_new_zipfile_serialization=False)


def lost_shard(folder: Path) -> None:
    two_shards(folder)
    (folder / "model-00002-of-00002.safetensors").unlink()


def moved_tensor(folder: Path) -> None:
    two_shards(folder)

    def change(found: Any) -> None:
        name = next(n for n, file in found["weight_map"].items() if "00001" in file)
        found["weight_map"][name] = "model-00002-of-00002.safetensors"

    edit(folder, f"{WEIGHTS}.index.json", change)


def others_config(folder: Path, bert: Path) -> None:
    shutil.copy(bert / "config.json", folder / "config.json")


AT_LAUNCH: dict[str, tuple[Callable[[Path], None], str]] = {
    "empty": (replaced(lambda content: b""), "an empty file"),
    "cut in the header": (replaced(lambda content: content[:500]), "a file that ends early: 500"),
    "cut in the weights": (replaced(lambda content: content[:-10]), "a file that ends early: 84,"),
    "too long": (replaced(lambda content: content + b"x"), "a file that goes on behind its end"),
    "no JSON": (
        replaced(lambda content: content[:20] + b"\0" + content[21:]), "whose header is damaged"
    ),
    "a list": (replaced(lambda content: header(content, lambda _: [1])), "whose header is damaged"),
    "wrong shape": (
        replaced(lambda content: header(content, lambda h: h["classifier.bias"].update(shape=[9]))),
        "header is damaged, at the weights classifier.bias",
    ),
    "overlapping": (
        replaced(lambda content: header(
            content, lambda h: h["classifier.weight"].update(data_offsets=[0, 384])
        )),
        "header is damaged, at the weights",
    ),
    "something else": (replaced(lambda content: b"not safetensors"), "a file of another format"),
    "zipped pickle": (pickled, "a zip archive, as torch.save writes it: a pickle"),
    "pickle": (bare_pickle, "a pickle, which is never loaded"),
    "LFS pointer": (
        replaced(lambda content: b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n"),
        "run git lfs pull",
    ),
    "a page": (replaced(lambda content: b"<html>404 not found</html>"), "markup, perhaps the page"),
    "lost shard": (lost_shard, "model-00002-of-00002.safetensors, which is missing"),
    "moved tensor": (moved_tensor, "in model-00002-of-00002.safetensors, in which it is missing"),
    "another vocabulary": (config(vocab_size=30), "no weights for the 30 tokens of config.json"),
    "another number of labels": (
        config(id2label={str(number): str(number) for number in range(7)}),
        "no head with weights for 7 labels",
    ),
    "tokens without embeddings": (
        tokens(extra=25), "with token 25 for 25 embeddings (vocab_size)"
    ),
    "a damaged tokenizer": (
        lambda folder: (folder / "tokenizer.json").write_text('{"version": "1.0"'), "damaged"
    ),
    "an empty tokenizer": (
        lambda folder: (folder / "tokenizer.json").write_text('{"version": "1.0"}'), "damaged"
    ),
}  # fmt: skip
AT_LOAD: dict[str, tuple[Callable[[Path], None], str]] = {
    "another width": (config(dim=64), "weight of 3 x 32, which config.json makes 3 x 64"),
    "more layers": (config(n_layers=3), "whose weights lack distilbert.transformer.layer.2."),
    # transformers loads these without the layer, and predicts nonsense.
    "fewer layers": (config(n_layers=1), "13 more, for which config.json has no layers"),
    "fewer positions": (config(max_position_embeddings=32), "which config.json makes 32 x 32"),
    "another tokenizer": (
        lambda folder: (folder / "tokenizer.json").write_text(
            '{"version": "1.0", "model": {"type": "WordLevel", "vocab": {"a": 1}}}'
        ),
        "a model with a tokenizer that transformers can load",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("spoil", "message"), AT_LAUNCH.values(), ids=AT_LAUNCH)
def test_refused_at_launch(copy: Path, spoil: Callable[[Path], None], message: str) -> None:
    spoil(copy)
    with pytest.raises(UserError) as caught:
        ModelFolder.read(str(copy))
    assert message in str(caught.value)
    assert str(caught.value).startswith("--model takes ")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(("spoil", "message"), AT_LOAD.values(), ids=AT_LOAD)
def test_refused_when_it_is_loaded(
    copy: Path, spoil: Callable[[Path], None], message: str
) -> None:  # fmt: skip
    spoil(copy)
    with pytest.raises(UserError) as caught:
        ClassifierSpec(str(copy)).load()
    assert message in str(caught.value)
    assert str(caught.value).startswith("--model takes ")
    assert "\n" not in str(caught.value)


def test_a_config_of_another_architecture(copy: Path, bert: Path) -> None:
    others_config(copy, bert)
    with pytest.raises(UserError, match=r"weights are those of distilbert, config\.json says bert"):
        ModelFolder.read(str(copy))
    # A model whose prefix is not in the table is still refused when it is loaded.
    edit(copy, "config.json", lambda found: found.update(model_type="convbert"))
    ModelFolder.read(str(copy))
    with pytest.raises(UserError, match="--model takes"):
        ClassifierSpec(str(copy)).load()


def test_shards_are_a_model_too(copy: Path, distilbert: Path) -> None:
    two_shards(copy)
    texts = ["a good film", "bad"]
    expected = ClassifierSpec(str(distilbert), precision="float32").load().classify(texts)
    found = ClassifierSpec(str(copy), precision="float32").load().classify(texts)
    assert found.scores == expected.scores


def test_a_header_s_length_that_looks_like_a_pickle_is_no_pickle(copy: Path) -> None:
    path = copy / WEIGHTS
    content = path.read_bytes()
    length = int.from_bytes(content[:8], "little")
    # 80 04, as a pickle of protocol 4 begins.
    longer = 0x80 + 256 * 4
    while longer < length:
        longer += 65_536
    padded = content[8 : 8 + length] + b" " * (longer - length)
    path.write_bytes(longer.to_bytes(8, "little") + padded + content[8 + length :])
    assert path.read_bytes()[:2] == b"\x80\x04"
    assert weights.shapes(path)["classifier.bias"] == (3,)
    ClassifierSpec(str(copy)).load()


@given(st.data())
def test_a_damaged_file_is_refused_or_has_the_same_shapes(
    tmp_path_factory: pytest.TempPathFactory, distilbert: Path, data: st.DataObject
) -> None:
    whole = (distilbert / WEIGHTS).read_bytes()
    expected = weights.shapes(distilbert / WEIGHTS)
    header_end = 8 + int.from_bytes(whole[:8], "little")
    place = data.draw(st.integers(0, header_end - 1))
    content = whole[:place] + bytes([data.draw(st.integers(0, 255))]) + whole[place + 1 :]
    content = content[: data.draw(st.sampled_from([len(whole), place, len(whole) - 1]))]
    path = tmp_path_factory.mktemp("damaged") / WEIGHTS
    path.write_bytes(content)
    try:
        found = weights.shapes(path)
    except UserError:
        return
    assert len(content) == len(whole)
    assert sorted(found.values()) == sorted(expected.values())


@pytest.mark.parametrize("kind", weights.PREFIXES)
def test_the_prefixes_are_those_of_transformers(kind: str) -> None:
    # The class alone: no weights are made.
    made = AutoModelForSequenceClassification._model_mapping[type(AutoConfig.for_model(kind))]
    assert made.base_model_prefix == weights.PREFIXES[kind]
