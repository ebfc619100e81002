import json
import os
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import AutoTokenizer, pipeline

from conftest import DEMO_MODEL, make_model
from runinference_metrics.classifier.classifier import Classifier, ClassifierSpec
from runinference_metrics.classifier.token_budgets import from_table
from runinference_metrics.errors import UserError
from runinference_metrics.recovery.isolation import isolate


def reference(model: Path, texts: list[str], **options: Any) -> list[dict[str, float]]:
    """transformers' own answer, in float32, a text at a time."""
    pipe = pipeline("text-classification", model=str(model), dtype=torch.float32, device="cpu")
    found = pipe(texts, top_k=None, truncation=True, **options)
    return [{one["label"]: one["score"] for one in row} for row in found]


def check_against_transformers(model: Path, texts: list[str], **options: Any) -> None:
    classifier = ClassifierSpec(str(model), precision="float32", **options).load()
    found = classifier.classify(texts)
    expected = reference(model, texts)
    for scores, winner, right in zip(found.scores, found.winners, expected, strict=True):
        assert winner is not None
        assert found.label_names[winner] == max(right, key=right.__getitem__)
        for name, score in zip(found.label_names, scores, strict=True):
            assert score == pytest.approx(right[name], abs=1e-5)


@pytest.mark.parametrize("budget", [None, 1, 200])
def test_equals_transformers_with_distilbert(
    distilbert: Path, sentences: list[str], budget: int | None
) -> None:
    check_against_transformers(distilbert, sentences, max_batch_tokens=budget)


def test_equals_transformers_with_bert(bert: Path, sentences: list[str]) -> None:
    check_against_transformers(bert, sentences)


def test_equals_transformers_with_independent_labels(tmp_path: Path, sentences: list[str]) -> None:
    model = make_model(tmp_path / "m", "bert", problem_type="multi_label_classification")
    check_against_transformers(model, sentences)
    scores = ClassifierSpec(str(model), precision="float32").load().classify(sentences).scores
    assert any(sum(row) > 1.1 for row in scores)


@pytest.mark.parametrize("architecture", ["roberta", "electra"])
def test_equals_transformers_with_other_architectures(
    tmp_path: Path, sentences: list[str], architecture: str
) -> None:
    """RoBERTa is packed, with positions of its own; ELECTRA is run by transformers itself."""
    model = make_model(tmp_path / "m", architecture)
    # A padding token inside a text is no padding, but RoBERTa does not count it.
    check_against_transformers(model, [*sentences, "good [PAD] film", "[PAD] dull [PAD] [PAD] ."])


def test_a_packed_text_does_not_depend_on_its_neighbours(
    tmp_path: Path, bert: Path, sentences: list[str]
) -> None:
    """BERT with padding on the left answers by its neighbours in transformers; here it cannot."""
    model = tmp_path / "left"
    shutil.copytree(bert, model)
    path = model / "tokenizer_config.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "padding_side": "left"}))
    check_against_transformers(model, sentences)


def test_equals_transformers_with_padding_on_the_left(tmp_path: Path, sentences: list[str]) -> None:
    model = make_model(tmp_path / "left", "electra")
    path = model / "tokenizer_config.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "padding_side": "left"}))
    # It counts positions from the left: padding there changes the answers of transformers itself.
    pipe = pipeline("text-classification", model=str(model), dtype=torch.float32, device="cpu")
    two = [sentences[4], sentences[40]]
    assert pipe(two, top_k=None, batch_size=2) != pipe(two, top_k=None, batch_size=1)
    check_against_transformers(model, sentences)
    padded = ClassifierSpec(str(model), precision="float32").load()
    assert padded.effective.grouping == "padded_right"


@pytest.mark.parametrize(("architecture", "padding"), [("distilbert", 0), ("electra", 5)])
def test_the_statistics_are_those_of_the_texts(
    tmp_path: Path, architecture: str, padding: int
) -> None:
    model = make_model(tmp_path / "m", architecture)
    classifier = ClassifierSpec(
        str(model), precision="float32", max_batch_tokens=20, max_length=10
    ).load()
    found = classifier.classify(["good film", "bad", "good " * 8, "good " * 9, "the story is dull"])
    stats = found.stats
    # With [CLS] and [SEP]: 4, 3, 10, 10 (cut from 11) and 6 tokens, in 2 micro-batches of 2 x 10
    # and of 3 x 6. What is packed has no padding.
    assert (stats.texts, stats.tokens, stats.truncated) == (5, 33, 1)
    assert (stats.micro_batches, stats.padding) == (2, padding)
    assert stats.forward_micro_secs > 0
    assert stats.tokenize_micro_secs > 0
    assert all(type(score) is float for row in found.scores for score in row)


def test_no_texts_is_no_work(distilbert: Path) -> None:
    assert ClassifierSpec(str(distilbert)).load().classify([]).scores == []


@pytest.mark.parametrize("precision", ["bfloat16", "int8"])
def test_fewer_bits_keep_the_labels(precision: str) -> None:
    samples = DEMO_MODEL.parent.parent / "samples" / "films.txt"
    texts = [line for line in samples.read_text().splitlines() if line] * 5
    exact = ClassifierSpec(str(DEMO_MODEL), precision="float32").load().classify(texts)
    rounded = ClassifierSpec(str(DEMO_MODEL), precision=precision).load().classify(texts)
    equal = sum(a == b for a, b in zip(exact.winners, rounded.winners, strict=True))
    assert equal >= 0.99 * len(texts)
    assert rounded.scores != exact.scores


@pytest.mark.skipif(
    "SST2_FOLDER" not in os.environ, reason="SST2_FOLDER (the folder with dev.tsv) is not set"
)
def test_all_of_sst2_as_transformers_has_it() -> None:
    lines = (Path(os.environ["SST2_FOLDER"]) / "dev.tsv").read_text().splitlines()
    texts = [line.split("\t")[0] for line in lines]
    assert len(texts) == 872
    check_against_transformers(DEMO_MODEL, texts)
    exact = ClassifierSpec(str(DEMO_MODEL), precision="float32").load().classify(texts)
    for precision, share in (("bfloat16", 0.99), ("int8", 0.995)):
        rounded = ClassifierSpec(str(DEMO_MODEL), precision=precision).load().classify(texts)
        equal = sum(a == b for a, b in zip(exact.winners, rounded.winners, strict=True))
        assert equal >= share * len(texts), (precision, equal)


def test_a_score_that_is_not_finite_has_no_winner(tmp_path: Path, distilbert: Path) -> None:
    model = tmp_path / "nan"
    shutil.copytree(distilbert, model)
    weights = load_file(model / "model.safetensors")
    embeddings = weights["distilbert.embeddings.word_embeddings.weight"]
    bad = json.loads((model / "tokenizer.json").read_text())["model"]["vocab"]["dull"]
    embeddings[bad] = float("nan")
    save_file(weights, model / "model.safetensors", metadata={"format": "pt"})
    found = (
        ClassifierSpec(str(model), precision="float32")
        .load()
        .classify(["good film", "a dull film", "great"])
    )
    assert found.winners[1] is None
    assert found.winners[0] is not None
    assert found.winners[2] is not None


def test_the_model_s_bytes_are_its_weights(distilbert: Path) -> None:
    exact = ClassifierSpec(str(distilbert), precision="float32").load()
    stored = sum(t.nbytes for t in load_file(distilbert / "model.safetensors").values())
    assert stored <= exact.model_bytes <= stored + 64 * 1024
    half = ClassifierSpec(str(distilbert), precision="bfloat16").load()
    assert half.model_bytes < 0.6 * exact.model_bytes


def test_what_was_decided_is_recorded(distilbert: Path) -> None:
    torch.set_num_threads(2)
    effective = ClassifierSpec(str(distilbert), threads=1).load().effective
    assert effective.precision in ("float32", "bfloat16")
    assert effective.max_batch_tokens == from_table(
        "CPU", effective.precision, effective.instruction_sets
    )
    assert effective.max_length == 64
    assert effective.threads == 1
    assert effective.model_digest.startswith("sha256:")


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_a_gpu_that_is_not_there_is_an_error(distilbert: Path) -> None:
    with pytest.raises(UserError, match="--device takes GPU only where one is usable"):
        Classifier(ClassifierSpec(str(distilbert), device="GPU"))


def test_weights_without_a_head_are_refused(tmp_path: Path, distilbert: Path) -> None:
    model = tmp_path / "headless"
    shutil.copytree(distilbert, model)
    weights = load_file(model / "model.safetensors")
    kept = {name: one for name, one in weights.items() if not name.startswith("classifier")}
    save_file(kept, model / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(UserError, match="no head with weights for 3 labels"):
        ClassifierSpec(str(model)).load()


def test_texts_in_several_steps_are_the_same_texts(distilbert: Path, sentences: list[str]) -> None:
    """As on a GPU, which computes one step while the next is tokenised."""
    classifier = ClassifierSpec(str(distilbert), precision="float32").load()
    whole = classifier.classify(sentences)
    classifier._texts_at_once = 50
    steps = classifier.classify(sentences)
    assert np.allclose(steps.scores, whole.scores, atol=1e-6)
    assert steps.winners == whole.winners
    for name in ("texts", "tokens", "padding", "truncated", "lengths"):
        assert getattr(steps.stats, name) == getattr(whole.stats, name)
    assert steps.stats.micro_batches >= 5
    assert steps.stats.forward_micro_secs > 0


@pytest.mark.parametrize(
    # What rounds to 8 bits may round otherwise where a processor adds up in another order.
    ("precision", "rounding"), [("float32", 1e-6), ("bfloat16", 0.02), ("int8", 0.02)]
)  # fmt: skip
def test_side_by_side_each_text_has_the_answer_that_it_has_alone(
    distilbert: Path, sentences: list[str], precision: str, rounding: float
) -> None:
    spec = ClassifierSpec(str(distilbert), precision=precision, max_batch_tokens=300)
    alone = replace(spec, threads=1).load()
    together = replace(spec, threads=3).load()
    assert (alone.effective.threads, together.effective.threads) == (1, 3)
    found, expected = together.classify(sentences), alone.classify(sentences)
    assert found.stats.micro_batches >= 3
    assert np.allclose(found.scores, expected.scores, atol=rounding)
    for text, scores in zip(sentences[:5], expected.scores, strict=False):
        assert np.allclose(alone.classify([text]).scores[0], scores, atol=rounding)


def test_the_last_layer_computes_first_tokens_alone(
    distilbert: Path, sentences: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """What no head looks at: all else would be a sixth of DistilBERT's work, for nothing."""
    classifier = ClassifierSpec(str(distilbert), precision="float32", threads=1).load()
    network: Any = classifier._passes.network
    rows: list[int] = []
    up = network._layers[-1].up
    counted = replace(up, apply=lambda x, more: (rows.append(len(x)), up(x, more))[1])
    network._layers[-1] = replace(network._layers[-1], up=counted)
    classifier.classify(sentences)
    assert sum(rows) == len(sentences)


@pytest.mark.parametrize(
    ("labels", "changes"),
    [
        (("TOXIC",), {}),
        # Nothing is said of the labels: transformers has two of them, unless it is told.
        (("TOXIC",), {"id2label": None, "label2id": None, "num_labels": 1}),
        (("STARS",), {"problem_type": "regression"}),
        (("JOY", "FEAR"), {"problem_type": "regression"}),
        (("JOY", "FEAR"), {"id2label": None, "label2id": None, "architectures": None}),
        (("JOY", "FEAR"), {"problem_type": "single_label_classification"}),
    ],
)
def test_a_head_of_any_kind_scores_as_transformers_does(
    tmp_path: Path, sentences: list[str], labels: tuple[str, ...], changes: dict[str, Any]
) -> None:
    model = make_model(tmp_path / "m", "bert", labels=labels)
    path = model / "config.json"
    config = json.loads(path.read_text()) | changes
    path.write_text(json.dumps({name: one for name, one in config.items() if one is not None}))
    check_against_transformers(model, sentences)


def test_a_text_without_tokens_is_the_tokenizers_fault(tmp_path: Path) -> None:
    model = make_model(tmp_path / "m", "distilbert")
    path = model / "tokenizer.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"post_processor": None}))
    classifier = ClassifierSpec(str(model)).load()
    found = isolate(classifier.classify, ["good", "\x00", "bad film"])
    assert [(one.index, one.reason) for one in found.failed] == [(1, "no_tokens")]


def test_a_token_that_was_added_later_spares_the_other_texts(tmp_path: Path) -> None:
    model = make_model(tmp_path / "m", "distilbert")
    tokenizer = AutoTokenizer.from_pretrained(model)
    tokenizer.add_tokens(["brandnew"])
    tokenizer.save_pretrained(model)
    texts = ["good", "a brandnew film", "bad film"]
    classifier = ClassifierSpec(str(model), precision="float32").load()
    found = isolate(classifier.classify, texts)
    assert [(one.index, one.reason) for one in found.failed] == [(1, "unknown_token")]
    check_against_transformers(model, [texts[0], texts[2]])
