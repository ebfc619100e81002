"""Sources of models, the good and the old, and how folders are compared."""

import hashlib
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from transformers import pipeline

from conftest import make_model
from hub_for_tests import Hub, serving_hub, use
from runinference_metrics.classifier.classifier import ClassifierSpec

NAME = "owner/name"
WEIGHTS = "model.safetensors"
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
