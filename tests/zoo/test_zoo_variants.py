"""What a configuration can say besides, in some architectures of different kinds."""

import random
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from zoo_answers import Reference, classifier, difference, scores
from zoo_checks import EXACT
from zoo_factory import make
from zoo_texts import mixed_texts
from zoo_tokenizers import WORDS

pytestmark = pytest.mark.zoo


@dataclass(frozen=True)
class Variant:
    """A model with something unusual.

    Args:
        model_type: its architecture.
        what: what is unusual, in a word.
        options: those of `make`.
    """

    model_type: str
    what: str
    options: dict[str, Any] = field(default_factory=dict)

    def __str__(self) -> str:
        return f"{self.model_type}-{self.what}"


_NO_PADDING = [
    Variant(model_type, what, {"pad_token_id": None, "padding_token": has_one})
    for model_type in ("gpt2", "gpt_neo", "llama", "qwen2", "bloom", "opt", "mpt", "electra")
    for what, has_one in (("padding in the tokenizer alone", True), ("no padding token", False))
]
_HEADS = [
    Variant(model_type, what, options)
    for model_type in ("bert", "electra", "gpt2", "t5", "bart", "xlnet")
    for what, options in (
        ("one label", {"labels": ("SCORE",)}),
        ("regression", {"labels": ("SCORE",), "problem_type": "regression"}),
        ("three values", {"problem_type": "regression"}),
        ("independent labels", {"problem_type": "multi_label_classification"}),
    )
]
_OTHERS = [
    Variant("falcon", "alibi", {"alibi": True}),
    Variant("esm", "absolute positions", {"position_embedding_type": "absolute"}),
    Variant("xlm", "last token", {"summary_type": "last"}),
    Variant("xlm", "mean", {"summary_type": "mean"}),
    Variant("modernbert", "mean", {"classifier_pooling": "mean"}),
    Variant("eurobert", "mean", {"classifier_pooling": "mean"}),
    Variant("cohere_compass_text", "mean", {"pooling": "mean"}),
    Variant("xlnet", "one direction", {"attn_type": "uni"}),
    Variant(
        "deberta-v2",
        "as checkpoints have it",
        {"relative_attention": True, "pos_att_type": ["p2c", "c2p"], "position_buckets": 16,
         "position_biased_input": False, "norm_rel_ebd": "layer_norm", "share_att_key": True},
    ),
]  # fmt: skip


@pytest.mark.parametrize("variant", [*_NO_PADDING, *_HEADS, *_OTHERS], ids=str)
def test_a_variant_equals_the_pipeline(tmp_path: Path, variant: Variant) -> None:
    folder = make(tmp_path / "model", variant.model_type, **variant.options)
    expected = Reference(folder).all_scores(mixed_texts())
    assert np.ptp(expected, axis=0).max() > 0.3
    found = scores(classifier(folder), mixed_texts())
    assert difference(found, expected).max() < EXACT


# Where a model begins to compute otherwise, in tokens; behind the longest text that is tried when a
# model is loaded.
_THRESHOLD = 200
_LONG_ROPE = {
    "rope_type": "longrope", "rope_theta": 10000.0, "factor": 4.0,
    "short_factor": [1.0] * 4, "long_factor": [4.0, 3.0, 2.0, 9.0],
    "original_max_position_embeddings": _THRESHOLD,
}  # fmt: skip


@pytest.mark.parametrize(
    "variant",
    [
        Variant("phi3", "two scales of positions",
                {"rope_parameters": _LONG_ROPE,
                 "original_max_position_embeddings": _THRESHOLD}),
        Variant("axk2", "most tokens looked at", {"index_topk": _THRESHOLD}),
        Variant("doge", "most tokens kept", {"keep_window_size": _THRESHOLD}),
        Variant("reformer", "chunks",
                {"local_attn_chunk_length": 64, "lsh_attn_chunk_length": 64,
                 "axial_pos_shape": [32, 32]}),
        Variant("big_bird", "sparse from here", {"block_size": 28}),
        Variant("mistral", "window", {"sliding_window": _THRESHOLD}),
        Variant("modernbert", "window", {"local_attention": _THRESHOLD}),
        Variant("zamba2", "chunks", {"chunk_size": _THRESHOLD}),
    ],
    ids=str,
)  # fmt: skip
def test_a_long_text_does_not_change_how_short_ones_are_computed(
    tmp_path: Path, variant: Variant
) -> None:
    folder = make(
        tmp_path / "model", variant.model_type, max_position_embeddings=1024, **variant.options
    )
    choose = random.Random(3)
    texts = [" ".join(choose.choices(WORDS, k=words)) for words in (5, 20, 150, 210, 260, 400, 151)]
    expected = Reference(folder, fresh=True).all_scores(texts)
    found = scores(classifier(folder), texts)
    assert difference(found, expected).max() < EXACT
