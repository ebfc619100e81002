from typing import Any

import pytest
from transformers import AutoConfig

from runinference_metrics.models import limits
from runinference_metrics.models.folder import ModelFolder
from runinference_metrics.models.heads import Head


@pytest.mark.parametrize(
    ("kind", "changes", "expected"),
    [
        ("bert", {"max_position_embeddings": 512}, 512),
        ("roberta", {"max_position_embeddings": 514}, 512),
        ("camembert", {"max_position_embeddings": 514}, 512),
        ("data2vec-text", {"max_position_embeddings": 514}, 512),
        ("longformer", {"max_position_embeddings": 4098, "pad_token_id": 1}, 4096),
        ("gpt2", {"n_positions": 1024}, 1024),
        ("openai-gpt", {"n_positions": 512}, 512),
        ("mpt", {"max_seq_len": 2048}, 2048),
        ("xlnet", {}, None),
        ("t5", {}, None),
        ("bloom", {}, None),
        ("llama", {"max_position_embeddings": 2048}, 2048),
        ("deberta-v2", {"relative_attention": True, "position_biased_input": False}, None),
        ("deberta-v2", {"max_position_embeddings": 512}, 512),
        ("falcon", {"alibi": True}, None),
        ("gemma3", {"text_config": {"max_position_embeddings": 64}}, 64),
        ("esm", {"position_embedding_type": "rotary", "max_position_embeddings": 64}, 64),
    ],
)
def test_positions_are_those_of_the_architecture(
    kind: str, changes: dict[str, Any], expected: int | None
) -> None:
    config = AutoConfig.for_model(kind, **changes).to_dict()
    assert limits.positions(config) == expected


@pytest.mark.parametrize(
    ("stated", "expected"),
    [(128, 128), (128.0, 128), (10**30, None), (1e30, None), (None, None), (0, None)],
)
def test_what_a_tokenizer_states(stated: Any, expected: int | None) -> None:
    assert limits.stated_by_tokenizer({"model_max_length": stated}) == expected


def test_the_smaller_one_is_the_default_and_the_models_own_is_the_limit() -> None:
    head = Head(("a", "b"), "softmax")
    assert ModelFolder("m", None, None, head, 512, 128).max_length() == 128
    assert ModelFolder("m", None, None, head, 512, 128).max_length(512) == 512
    assert ModelFolder("m", None, None, head, None, 128).max_length() == 128
    assert (
        ModelFolder("m", None, None, head, None, None).max_length() == limits.UNLIMITED_MAX_LENGTH
    )
    assert ModelFolder("m", None, None, head, None, None).max_length(100_000) == 100_000
