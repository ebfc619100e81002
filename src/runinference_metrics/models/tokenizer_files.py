"""A tokenizer's files against the model's configuration, without transformers."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from runinference_metrics.errors import UserError

_TAKES = "a tokenizer that fits the model"
# transformers makes a tokenizer of special tokens, and one or two others, where the vocabulary is
# missing: every text of a length then scores the same. An alphabet has more, and one of fewer
# letters, as for DNA, has embeddings for no more than a hundred times as many.
_LEAST_TOKENS, _LEAST_SHARE = 16, 1 / 100


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
        tokenizer = json.loads(file.read_bytes())
        ids, added = _ids(tokenizer), _added(tokenizer)
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        raise UserError(
            "model",
            "a tokenizer.json of the tokenizers library",
            f"{str(file)!r}, damaged: copy it again",
        ) from None
    vocabulary = config.get("vocab_size")
    least = _LEAST_SHARE * vocabulary if isinstance(vocabulary, int) else 0
    special = {token for token, is_special in added.items() if is_special}
    ordinary = len((ids.keys() | added.keys()) - special)
    if ordinary < max(1, min(_LEAST_TOKENS, least)):
        got = (
            f"{str(file)!r} with {ordinary} tokens besides its special ones: the vocabulary is "
            "missing, and all texts would look alike. Add the tokenizer with which the model was "
            "trained, AutoTokenizer.from_pretrained(BASE).save_pretrained(FOLDER)"
        )
        raise UserError("model", _TAKES, got)
    # Tokens that were added later may have no embedding: a text with one of them has no answer.
    if isinstance(vocabulary, int) and max(ids.values(), default=0) >= vocabulary:
        token = max(ids, key=ids.__getitem__)
        got = (f"{str(file)!r} with token {ids[token]} for {vocabulary} embeddings (vocab_size): "
               "take tokenizer and model from the same place")  # fmt: skip
        raise UserError("model", _TAKES, got)


def _ids(tokenizer: dict[str, Any]) -> dict[str, int]:
    """The vocabulary, with its numbers; tokens that were added stand beside it."""
    vocabulary = tokenizer["model"]["vocab"]
    if isinstance(vocabulary, dict):
        ids = dict(vocabulary)
    else:
        # A unigram model lists its tokens with their scores.
        ids = {str(pair[0]): number for number, pair in enumerate(vocabulary)}
    return ids


def _added(tokenizer: dict[str, Any]) -> dict[str, bool]:
    """The tokens that were added, and whether each stands for no text."""
    added = tokenizer.get("added_tokens") or []
    return {one["content"]: bool(one.get("special")) for one in added}
