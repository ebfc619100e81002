"""How long a text a model takes, from its configuration. Needs neither torch nor transformers."""

from collections.abc import Mapping
from typing import Any

# Where nothing limits a text. A model's attention may need memory that grows with the square of the
# length: for twelve heads in float32, 0.8 GB a layer at this one. --max_length can ask for more.
UNLIMITED_MAX_LENGTH = 4096
# transformers writes this number, or a larger one, where a tokenizer states no limit.
_NO_LIMIT = 1_000_000
# The names that architectures give to the number of their positions.
_POSITIONS = ("max_position_embeddings", "n_positions", "max_seq_len", "max_sequence_length")
# Where they stand in architectures that are made of others.
_NESTED = ("text_config", "encoder")
# These count positions from behind the padding index, so that many fewer are usable.
_OFFSET = frozenset({
    "camembert", "data2vec-text", "esm", "ibert", "layoutlmv3", "lilt", "longformer", "luke",
    "markuplm", "mpnet", "roberta", "roberta-prelayernorm", "xlm-roberta", "xlm-roberta-xl",
    "xmod",
})  # fmt: skip
# Positions relative to each other, of any number, whatever else the configuration says.
_RELATIVE = frozenset({"bloom", "funnel", "mt5", "t5", "umt5", "xlnet"})


def positions(config: Mapping[str, Any]) -> int | None:
    """The most tokens that a model can compute, special ones included; None for any number.

    Args:
        config: the model's config.json, or what transformers made of it.
    """
    kind = config.get("model_type")
    if kind in _RELATIVE or _is_relative(config):
        return None
    stated = next((config[name] for name in _POSITIONS if _is_count(config.get(name))), None)
    if stated is None:
        nested = (config.get(name) for name in _NESTED)
        return next((positions(one) for one in nested if isinstance(one, Mapping)), None)
    found = int(stated)
    if kind in _OFFSET and config.get("position_embedding_type", "absolute") == "absolute":
        found -= (config.get("pad_token_id") or 0) + 1
    return found


def stated_by_tokenizer(tokenizer_config: Mapping[str, Any]) -> int | None:
    """The most tokens that a tokenizer's tokenizer_config.json states, if it states any."""
    stated = tokenizer_config.get("model_max_length")
    if isinstance(stated, (int, float)) and 0 < stated < _NO_LIMIT:
        return int(stated)
    return None


def _is_relative(config: Mapping[str, Any]) -> bool:
    # DeBERTa's positions are relative, and absolute ones besides only if it says so.
    if config.get("model_type") in ("deberta", "deberta-v2"):
        return bool(config.get("relative_attention")) and not config.get(
            "position_biased_input", True
        )
    return config.get("model_type") == "falcon" and bool(config.get("alibi"))


def _is_count(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value > 0
