"""A tokenizer's files against the model's configuration, without transformers."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from runinference_metrics.errors import UserError

_TAKES = "a tokenizer that fits the model"
# People train models with vocabularies much smaller than the embeddings that they leave in
# config.json. A hundredth is no vocabulary: transformers makes a tokenizer of its special tokens
# alone where the vocabulary is missing, and every text of a length then scores the same.
_LEAST_TOKENS = 1 / 100


def check(folder: Path, config: Mapping[str, Any], tokenizer_config: Mapping[str, Any]) -> None:
    """Checks the folder's tokenizer.json.

    Args:
        folder: the model's folder.
        config: its config.json.
        tokenizer_config: its tokenizer_config.json.

    Raises:
        UserError: it is damaged, has tokens that the model has no embedding for, or pads with
            another token than the model expects.
    """
    file = folder / "tokenizer.json"
    try:
        tokenizer = json.loads(file.read_bytes())
        ids, special = _ids(tokenizer), _special(tokenizer)
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        raise UserError(
            "model",
            "a tokenizer.json of the tokenizers library",
            f"{str(file)!r}, damaged: copy it again",
        ) from None
    vocabulary = config.get("vocab_size")
    if isinstance(vocabulary, int) and max(ids.values(), default=0) >= vocabulary:
        token = max(ids, key=ids.__getitem__)
        got = (f"{str(file)!r} with token {ids[token]} for {vocabulary} embeddings (vocab_size): "
               "take tokenizer and model from the same place")  # fmt: skip
        raise UserError("model", _TAKES, got)
    ordinary = len(ids.keys() - special)
    if ordinary < max(1, (vocabulary if isinstance(vocabulary, int) else 0) * _LEAST_TOKENS):
        got = (f"{str(file)!r} with {ordinary} tokens besides its special ones: the vocabulary is "
               "missing. Add the tokenizer with which the model was trained, "
               "AutoTokenizer.from_pretrained(BASE).save_pretrained(FOLDER)")  # fmt: skip
        raise UserError("model", _TAKES, got)
    expected = config.get("pad_token_id")
    pads_with = ids.get(_content(tokenizer_config.get("pad_token")))
    if isinstance(expected, int) and pads_with not in (None, expected):
        got = (f"{str(file)!r} that pads with token {pads_with}, config.json says {expected}: "
               "set pad_token_id there, if the tokenizer is the model's own")  # fmt: skip
        raise UserError("model", _TAKES, got)


def _ids(tokenizer: dict[str, Any]) -> dict[str, int]:
    """All tokens with their numbers."""
    vocabulary = tokenizer["model"]["vocab"]
    if isinstance(vocabulary, dict):
        ids = dict(vocabulary)
    else:
        # A unigram model lists its tokens with their scores.
        ids = {str(pair[0]): number for number, pair in enumerate(vocabulary)}
    for one in tokenizer.get("added_tokens") or []:
        ids[one["content"]] = one["id"]
    return ids


def _special(tokenizer: dict[str, Any]) -> set[str]:
    """The tokens that stand for no text."""
    added = tokenizer.get("added_tokens") or []
    return {one["content"] for one in added if one.get("special")}


def _content(token: Any) -> str:
    """A special token's text; newer files give it alone, older ones among its properties."""
    return str(token.get("content") if isinstance(token, dict) else token)
