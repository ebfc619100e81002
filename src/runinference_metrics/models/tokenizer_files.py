"""A tokenizer's files against the model's configuration, without transformers."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from runinference_metrics.errors import UserError

_TAKES = "a tokenizer that fits the model"


def check(folder: Path, config: Mapping[str, Any]) -> None:
    """Checks the folder's tokenizer.json.

    Args:
        folder: the model's folder.
        config: its config.json.

    Raises:
        UserError: it is damaged, knows no words, or more of them than the model has embeddings for.
    """
    file = folder / "tokenizer.json"
    try:
        ids, added = _ids(json.loads(file.read_bytes()))
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        raise UserError(
            "model", "a tokenizer.json of the tokenizers library", f"{str(file)!r}, damaged"
        ) from None
    if not ids.keys() - added:
        got = (
            f"{str(file)!r}, whose vocabulary is empty: all texts would look alike; it was made "
            "without the model's vocabulary files, so take it from where the model comes from"
        )
        raise UserError("model", _TAKES, got)
    vocabulary = config.get("vocab_size")
    # Tokens that were added later may have no embedding: a text with one of them has no answer.
    if isinstance(vocabulary, int) and max(ids.values()) >= vocabulary:
        token = max(ids, key=ids.__getitem__)
        got = f"{str(file)!r} with token {ids[token]} for {vocabulary} embeddings (vocab_size)"
        raise UserError("model", _TAKES, got)


def _ids(tokenizer: dict[str, Any]) -> tuple[dict[str, int], set[str]]:
    """The vocabulary with its numbers, and the tokens that stand beside it."""
    vocabulary = tokenizer["model"]["vocab"]
    if isinstance(vocabulary, dict):
        ids = dict(vocabulary)
    else:
        # A unigram model lists its tokens with their scores.
        ids = {str(pair[0]): number for number, pair in enumerate(vocabulary)}
    return ids, {one["content"] for one in tokenizer.get("added_tokens") or []}
