"""The precision that takes effect, with models that cannot compute in every one."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch

from conftest import make_model
from models_for_tests import XLNET, make
from runinference_metrics.classifier import precisions
from runinference_metrics.classifier.classifier import ClassifierSpec
from runinference_metrics.classifier.network import Grouping, Made
from runinference_metrics.classifier.tokens import Tokens
from runinference_metrics.errors import UserError


class Computes:
    """A network that is good for nothing but being there."""

    grouping = Grouping.PACKED
    side_by_side = True
    num_bytes = 0

    def padding(self, tokens: Tokens) -> int:
        return 0

    def __call__(self, tokens: Tokens) -> torch.Tensor:
        raise AssertionError(tokens)


def loads(*possible: str) -> Any:
    def load(precision: str) -> Made:
        if precision not in possible:
            raise RuntimeError(f"no {precision} kernel\nand a long explanation")
        return Made(Computes(), "ranges" if precision == "int8" else "")

    return load


@pytest.fixture(autouse=True)
def bfloat16_is_native(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(precisions, "auto_precision", lambda device: "bfloat16")


def test_auto_takes_what_the_device_is_fastest_in() -> None:
    found = precisions.load_in("auto", "CPU", "m", loads("bfloat16", "float32"))
    assert (found.precision, found.fallback, found.quantised) == ("bfloat16", "", "")
    assert precisions.load_in("int8", "CPU", "m", loads("int8")).quantised == "ranges"


def test_auto_falls_back_and_says_so(caplog: pytest.LogCaptureFixture) -> None:
    found = precisions.load_in("auto", "CPU", "'m' (Some)", loads("float32"))
    assert found.precision == "float32"
    said = "in bfloat16 the model fails (no bfloat16 kernel), so float32 is used"
    assert found.fallback == said
    assert caplog.messages == [f"'m' (Some): {said}."]


def test_a_precision_by_name_is_refused_with_what_is_possible() -> None:
    with pytest.raises(UserError) as caught:
        precisions.load_in("bfloat16", "CPU", "'m' (Some)", loads("float32", "int8"))
    assert str(caught.value) == (
        "--precision takes auto or what this model can compute (float32, int8); "
        "got bfloat16, in which 'm' (Some) fails: no bfloat16 kernel"
    )
    with pytest.raises(UserError, match=r"can compute \(float32\); got"):
        precisions.load_in("bfloat16", "GPU", "m", loads("float32", "int8"))


@pytest.mark.parametrize("asked", ["auto", "float32", "bfloat16"])
def test_a_model_that_computes_in_none_is_refused(asked: str) -> None:
    with pytest.raises(UserError, match=r"--model takes a model that can compute; got m, .*kernel"):
        precisions.load_in(asked, "CPU", "m", loads())


def test_no_memory_is_no_reason_for_another_precision() -> None:
    def load(precision: str) -> Any:
        raise RuntimeError("DefaultCPUAllocator: can't allocate memory")

    with pytest.raises(RuntimeError, match="allocate"):
        precisions.load_in("auto", "CPU", "m", load)


def test_xlnet_falls_back_to_float32(tmp_path: Path, sentences: list[str]) -> None:
    folder = make(tmp_path / "m", "xlnet", {"padding_side": "left"}, **XLNET)
    found = ClassifierSpec(str(folder)).load()
    exact = ClassifierSpec(str(folder), precision="float32").load()
    assert found.effective.precision == "float32"
    assert "in bfloat16 the model fails" in found.effective.fallback
    assert found.classify(sentences[:9]).scores == exact.classify(sentences[:9]).scores
    with pytest.raises(UserError, match=r"can compute \(float32, int8\); got bfloat16"):
        ClassifierSpec(str(folder), precision="bfloat16").load()


def test_t5_computes_in_8_bits(tmp_path: Path, sentences: list[str]) -> None:
    sizes = {"d_model": 32, "d_kv": 8, "d_ff": 64, "num_layers": 1, "num_heads": 4,
             "decoder_start_token_id": 0, "pad_token_id": 0, "eos_token_id": 3}  # fmt: skip
    folder = make(tmp_path / "m", "t5", **sizes)
    rounded = ClassifierSpec(str(folder), precision="int8").load().classify(sentences[:9])
    exact = ClassifierSpec(str(folder), precision="float32").load().classify(sentences[:9])
    for one, other in zip(rounded.scores, exact.scores, strict=True):
        assert one == pytest.approx(other, abs=0.2)
    assert rounded.scores != exact.scores


def test_the_labels_are_the_users_own(tmp_path: Path, sentences: list[str]) -> None:
    folder = make_model(tmp_path / "m", "distilbert")
    path = folder / "config.json"
    stated = json.loads(path.read_text())
    before = ClassifierSpec(str(folder), precision="float32").load().classify(sentences)
    # Counted from 1, as some are: transformers' pipeline ends in a KeyError.
    path.write_text(json.dumps(stated | {"id2label": {"1": "a", "2": "b", "3": "c"}}))
    with pytest.raises(UserError, match="--label_names=0=a,1=b,2=c"):
        ClassifierSpec(str(folder)).load()
    names = ("x", "y", "z")
    named = ClassifierSpec(str(folder), precision="float32", label_names=names).load()
    found = named.classify(sentences)
    assert found.label_names == names
    assert found.scores == before.scores
    # Of three outputs nobody told; and with two names for them, loading finds out.
    del stated["id2label"], stated["label2id"]
    path.write_text(json.dumps(stated))
    named = ClassifierSpec(str(folder), precision="float32", label_names=names).load()
    assert named.classify(sentences).scores == before.scores
    with pytest.raises(UserError, match="no head with weights for 2 labels"):
        ClassifierSpec(str(folder), label_names=("x", "y")).load()
