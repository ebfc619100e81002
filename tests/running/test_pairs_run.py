"""Pairs of texts through the whole program, as a user runs it."""

import json
from pathlib import Path

import pytest
import torch
from transformers import pipeline

from conftest import Program, make_model
from runinference_metrics.__main__ import main
from runinference_metrics.classifier.classifier import ClassifierSpec
from runinference_metrics.errors import UserError
from runinference_metrics.inference.handler import ClassifierHandler


def test_pairs_end_to_end(
    program: Program, tmp_path: Path, bert: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pairs = [(f"a {'very ' * n}good film", f"the film was {'not ' * n}bad") for n in range(40)]
    rows = [{"n": n, "a": first, "b": second} for n, (first, second) in enumerate(pairs)]
    (tmp_path / "in").mkdir()
    lines = [json.dumps(row) for row in [*rows, {"n": 40, "a": "good"}, {"a": 1, "b": "bad"}]]
    (tmp_path / "in" / "a.jsonl").write_text("\n".join(lines))
    (tmp_path / "in" / "b.csv").write_text("b,a,n\n,good film,50\nbad,,51\n, ,52\n")
    ran = program(
        f"--input={tmp_path}/in/", f"--model={bert}", "--text_field=a", "--text_pair_field=b",
        "--id_field=n", "--keep_fields=*", "--precision=float32",
    )  # fmt: skip
    assert ran.code == 0, ran.err
    predictions = ran.lines("predictions")
    assert len(predictions) == 43
    pipe = pipeline("text-classification", model=str(bert), dtype=torch.float32, device="cpu")
    for one in predictions:
        pair = {"text": one["text"], "text_pair": one["text_pair"]}
        expected = pipe(pair, truncation=True, top_k=None)
        assert one["scores"] == pytest.approx({e["label"]: e["score"] for e in expected}, abs=1e-5)
    by_id = {one["id"]: one for one in predictions}
    assert [(by_id[n]["text"], by_id[n]["text_pair"]) for n in range(40)] == pairs
    # A field that is left out is a blank one.
    assert by_id[40]["text_pair"] == by_id["50"]["text_pair"] == ""
    assert by_id["51"]["fields"] == {"n": "51"}
    assert {one["reason"]: one.get("id") for one in ran.lines("dead_letters")} == {
        "text_not_a_string": None,
    }
    metrics = ran.metrics
    assert metrics["records"]["blank"] == 1
    assert metrics["records"]["predicted"] == 43
    assert 0 < metrics["records"]["truncated"] < 40
    assert metrics["run"]["parameters"]["text_pair_field"] == "b"
    size = metrics["runinference"]["inference_request_batch_byte_size"]["sum"]
    assert size == sum(len((one["text"] + one["text_pair"]).encode()) for one in predictions)
    assert main(["verify", str(ran.folder)]) == 0
    capsys.readouterr()


@pytest.mark.parametrize(
    ("config", "max_length", "message"),
    [
        ({}, 4, "--max_length takes a whole number from 5 with this model and --text_pair_field"),
        # Its tokenizer gives the second text a type that it has no embedding for.
        ({"type_vocab_size": 1}, None, "does not classify the text \\('ok', 'ok'\\) either"),
    ],
)
def test_a_model_that_cannot_classify_pairs_is_refused_when_it_is_loaded(
    tmp_path: Path, config: dict[str, int], max_length: int | None, message: str
) -> None:
    model = make_model(tmp_path / "m", "bert", **config)
    spec = ClassifierSpec(str(model), max_length=max_length)
    ClassifierHandler(spec).load_model()
    with pytest.raises(UserError, match=message):
        ClassifierHandler(spec, pairs=True).load_model()
