"""Ranges for 8 bits: taken from a model's folder, or found when it is loaded."""

import json
import logging
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from conftest import make_model, two_shards
from runinference_metrics.classifier import calibrating, ranges
from runinference_metrics.classifier.calibrator import calibrate
from runinference_metrics.classifier.classifier import Classifier, ClassifierSpec
from runinference_metrics.classifier.dynamic_int8 import in_each_call
from runinference_metrics.classifier.static_int8 import ALL_LEVELS
from runinference_metrics.errors import UserError
from runinference_metrics.models.folder import RANGES, ModelFolder

WEIGHTS = "model.safetensors"


def load(folder: Path, precision: str = "int8") -> Classifier:
    return ClassifierSpec(str(folder), precision=precision).load()


@pytest.fixture
def calibrated(bert: Path, tmp_path: Path, sentences: list[str]) -> Path:
    folder = Path(shutil.copytree(bert, tmp_path / "calibrated"))
    calibrate(str(folder), sentences, "reviews.txt")
    return folder


@pytest.mark.parametrize("shards", [False, True])
def test_what_the_folder_has_is_taken(
    bert: Path, tmp_path: Path, sentences: list[str], monkeypatch: pytest.MonkeyPatch, shards: bool
) -> None:
    folder = Path(shutil.copytree(bert, tmp_path / "m"))
    if shards:
        two_shards(folder)
    found = calibrate(str(folder), sentences, "reviews.txt")
    used = len(sentences) - len(found.held_out)

    def run(*_: Any) -> Any:
        raise AssertionError("texts were run through the model")

    monkeypatch.setattr(calibrating, "observed", run)
    classifier = load(folder)
    assert classifier.effective.quantised == str(found.ranges)
    assert classifier.effective.quantised == f"ranges of {used} texts (reviews.txt), 9 of 9 layers"
    exact = load(folder, "float32").classify(sentences)
    rounded = classifier.classify(sentences)
    assert rounded.scores != exact.scores
    kept = sum(one == other for one, other in zip(rounded.winners, exact.winners, strict=True))
    assert kept >= 0.97 * len(sentences)


def test_every_processor_finds_its_own(
    calibrated: Path, monkeypatch: pytest.MonkeyPatch, sentences: list[str]
) -> None:
    """Without dot products inputs have 127 steps, and none is handed over in 8 bits."""
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {"avx2": True})
    rounded = load(calibrated).classify(sentences)
    exact = load(calibrated, "float32").classify(sentences)
    kept = sum(one == other for one, other in zip(rounded.winners, exact.winners, strict=True))
    assert kept >= 0.95 * len(sentences)
    file = calibrated / RANGES
    digest = ranges_digest(calibrated)
    few, many = ranges.read(file, 127, digest), ranges.read(file, 255, digest)
    assert few is not None
    assert many is not None
    assert few.layers.keys() == many.layers.keys()
    # Those of `down` come from the product before, which divides by nothing.
    assert (many.layers["0.down"].factors == 1).all()
    assert few.layers["0.up"].scale > 1.2 * many.layers["0.up"].scale


def ranges_digest(folder: Path) -> str:
    read = ModelFolder.read(str(folder))
    return read.weights_digest(read.file_digests())


def test_without_any_they_are_found_and_said(bert: Path, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, "runinference_metrics.classifier"):
        classifier = load(bert)
    assert classifier.effective.quantised == "ranges of 128 built-in texts, 9 of 9 layers"
    (said,) = [one for one in caplog.messages if one.startswith("Ranges for 8 bits were found")]
    assert "model SOURCE --output=NEW --calibrate=TEXTS" in said
    assert load(bert, "float32").effective.quantised == ""


def test_of_another_version_they_are_found_anew(
    calibrated: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ranges, "_VERSION", 2)
    assert load(calibrated).effective.quantised.startswith("ranges of 128 built-in texts")


def test_those_of_other_weights_are_refused(calibrated: Path) -> None:
    tensors = load_file(calibrated / WEIGHTS)
    tensors["classifier.bias"] = tensors["classifier.bias"] + 1
    save_file(tensors, calibrated / "new", metadata={"format": "pt"})
    (calibrated / "new").rename(calibrated / WEIGHTS)
    with pytest.raises(UserError) as caught:
        load(calibrated)
    assert str(caught.value) == (
        "--model takes a folder whose int8.safetensors was made for its weights; got "
        f"'{calibrated / RANGES}', which belongs to other weights than those beside it: `python "
        "-m runinference_metrics model SOURCE --output=NEW --calibrate=TEXTS` makes it anew"
    )
    # Nobody else looks at them.
    load(calibrated, "float32")


def test_a_layer_that_is_not_there_is_refused(calibrated: Path) -> None:
    file = calibrated / RANGES
    digest = ranges_digest(calibrated)
    less = {}
    for one in ALL_LEVELS:
        whole = ranges.read(file, one, digest)
        assert whole is not None
        layers = {name: how for name, how in whole.layers.items() if name != "1.up"}
        less[one] = ranges.Ranges(layers, 30)
    ranges.write(file, less, digest)
    with pytest.raises(UserError, match=r"which has no ranges of a layer 1.up of 64 x 32: `python"):
        load(calibrated)


def test_other_architectures_find_them_in_each_call(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, sentences: list[str]
) -> None:
    folder = make_model(tmp_path / "m", "electra")
    assert load(folder).effective.quantised.startswith("ranges in each call")
    with pytest.raises(UserError) as caught:
        calibrate(str(folder), sentences, "a.txt")
    assert str(caught.value) == (
        "--calibrate takes a model of BERT's family (BERT, DistilBERT, RoBERTa, XLM-R, CamemBERT); "
        "got a model of ElectraForSequenceClassification, which in int8 finds its ranges in each "
        "call: leave --calibrate out"
    )
    assert not (folder / RANGES).exists()
    caplog.clear()
    assert in_each_call(["avx2", "avx512_bf16"]) == "ranges in each call"
    assert caplog.messages == []
    said = "hardly faster than bfloat16, which AMX computes"
    assert in_each_call(["avx2", "amx_bf16"]) == f"ranges in each call, {said}"
    assert caplog.messages == [
        f"With this model and this processor int8 is {said}; leave precision at auto."
    ]


def test_a_text_without_tokens_does_not_count(
    bert: Path, tmp_path: Path, sentences: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = Path(shutil.copytree(bert, tmp_path / "m"))
    with pytest.raises(UserError) as caught:
        calibrate(str(folder), sentences[:19], "a.txt")
    assert str(caught.value) == (
        "--calibrate takes at least 20 texts of which the model's tokenizer makes tokens; got "
        "'a.txt' with 19 of 19: add some, or builtin"
    )
    assert len(calibrate(str(folder), sentences[:20], "a.txt").held_out) == 2


def test_a_tokenizer_that_adds_no_tokens_is_no_obstacle(tmp_path: Path) -> None:
    """Nothing is a text too among the built-in ones, and here it has not a single token."""
    folder = make_model(tmp_path / "m", "bert")
    file = folder / "tokenizer.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | {"post_processor": None}))
    assert "ranges of 127 built-in texts" in load(folder).effective.quantised
