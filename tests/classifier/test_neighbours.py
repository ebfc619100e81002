"""Models whose answers padding would change, against transformers' pipeline one text at a time."""

from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import AutoModelForSequenceClassification, pipeline

from models_for_tests import GPT2, SMALL, XLNET, make
from runinference_metrics.classifier.classifier import Classifier, ClassifierSpec
from runinference_metrics.errors import UserError


def check(folder: Path, texts: list[str]) -> Classifier:
    classifier = ClassifierSpec(str(folder), precision="float32").load()
    pipe = pipeline("text-classification", model=str(folder), dtype=torch.float32, device="cpu")
    found = classifier.classify(texts)
    for text, scores in zip(texts, found.scores, strict=True):
        by_name = {one["label"]: one["score"] for one in pipe(text, top_k=None)}
        expected = [by_name[name] for name in classifier.label_names]
        assert scores == pytest.approx(expected, abs=1e-5), text
    return classifier


@pytest.mark.parametrize(
    ("kind", "config", "tokenizer", "grouping"),
    [
        ("gpt2", GPT2 | {"pad_token_id": 0}, {"padding_side": "right"}, "padded_right"),
        # Absolute positions: padding on the left moves them.
        ("gpt2", GPT2 | {"pad_token_id": 0}, {"padding_side": "left"}, "padded_right"),
        # A padding token in the tokenizer alone, and none anywhere.
        ("gpt2", GPT2, {}, "equal_lengths"),
        ("gpt2", GPT2, {"pad_token": None}, "equal_lengths"),
        # A padding token without an embedding, which a GPU would not survive.
        ("gpt2", GPT2 | {"pad_token_id": 999}, {"pad_token": None}, "equal_lengths"),
        ("electra", SMALL, {"pad_token": None}, "padded_right"),
        ("electra", SMALL | {"pad_token_id": None}, {"pad_token": None}, "padded_right"),
        ("convbert", SMALL | {"embedding_size": 32}, {}, "equal_lengths"),
        ("fnet", SMALL, {"model_input_names": ["input_ids"]}, "equal_lengths"),
        ("xlnet", XLNET, {"padding_side": "left"}, "padded_left"),
        ("xlnet", XLNET, {"padding_side": "right"}, "padded_left"),
    ],
)
def test_no_answer_depends_on_the_texts_beside_it(
    tmp_path: Path,
    sentences: list[str],
    kind: str,
    config: dict[str, Any],
    tokenizer: dict[str, Any],
    grouping: str,
) -> None:
    folder = make(tmp_path / "m", kind, tokenizer, **config)
    # A padding token inside of a text is a token like any other, where the model says nothing.
    texts = [*sentences[:30], "good [PAD]", "[PAD] [PAD] bad film [SEP] [PAD]"]
    classifier = check(folder, texts)
    assert classifier.effective.grouping == grouping
    stats = classifier.classify(texts).stats
    assert (stats.padding == 0) == (grouping == "equal_lengths")


def test_texts_of_one_length_share_a_forward_pass(tmp_path: Path) -> None:
    folder = make(tmp_path / "m", "gpt2", {"pad_token": None}, **GPT2)
    classifier = ClassifierSpec(str(folder), precision="float32").load()
    stats = classifier.classify(["good film", "bad", "dull film", "great poor"] * 4).stats
    assert stats.micro_batches == 2


def test_ends_of_sentence_in_a_text_part_it_from_the_others(
    tmp_path: Path, sentences: list[str]
) -> None:
    sizes = {"d_model": 32, "encoder_layers": 1, "decoder_layers": 1, "encoder_ffn_dim": 64,
             "decoder_ffn_dim": 64, "encoder_attention_heads": 4,
             "decoder_attention_heads": 4, "max_position_embeddings": 64}  # fmt: skip
    marks = {"pad_token_id": 0, "bos_token_id": 2, "eos_token_id": 3,
             "decoder_start_token_id": 3, "forced_eos_token_id": None}  # fmt: skip
    folder = make(tmp_path / "m", "bart", **sizes, **marks)
    texts = [*sentences[:20], "good [SEP] bad film", "[SEP]", "a [SEP] b [SEP] c", *sentences[:9]]
    classifier = check(folder, texts)
    assert classifier.effective.grouping == "padded_right"


def test_a_model_that_answers_at_random_is_refused(tmp_path: Path) -> None:
    sizes = {"hidden_size": 32, "attention_head_size": 16, "num_attention_heads": 2,
             "feed_forward_size": 64, "attn_layers": ["lsh", "lsh"], "lsh_attn_chunk_length": 4,
             "axial_pos_embds": False, "max_position_embeddings": 64, "num_buckets": 4,
             "is_decoder": False}  # fmt: skip
    folder = make(tmp_path / "m", "reformer", **sizes)
    with pytest.raises(UserError, match=r"answers the same text otherwise each time.*hash_seed"):
        ClassifierSpec(str(folder), precision="float32").load()


def test_a_model_that_answers_all_texts_alike_is_refused(tmp_path: Path) -> None:
    folder = make(tmp_path / "m", "electra", **SMALL)
    model = AutoModelForSequenceClassification.from_pretrained(folder)
    with torch.no_grad():
        model.classifier.dense.weight.zero_()
    model.save_pretrained(folder)
    with pytest.raises(UserError, match="gives all texts the same scores"):
        ClassifierSpec(str(folder)).load()


def test_what_only_long_texts_show_is_known(tmp_path: Path, sentences: list[str]) -> None:
    """Phi-3's positions: one long text changes how all of its forward pass are computed."""
    sizes = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4,
             "num_key_value_heads": 4, "intermediate_size": 64, "pad_token_id": 0,
             "max_position_embeddings": 64, "original_max_position_embeddings": 50,
             "eos_token_id": 3, "bos_token_id": 2}  # fmt: skip
    rope = {"rope_type": "longrope", "rope_theta": 10000.0, "short_factor": [1.0] * 4,
            "long_factor": [4.0] * 4, "original_max_position_embeddings": 50}  # fmt: skip
    folder = make(tmp_path / "m", "phi3", **sizes, rope_parameters=rope)
    long = "a great film and a dull story , " * 7
    classifier = check(folder, [*sentences[:10], long, *sentences[10:20]])
    assert classifier.effective.grouping == "equal_lengths"
