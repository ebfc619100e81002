"""The labels of a Dataflow job, from the forms in which they are given."""

import json
import re
import unicodedata
from collections.abc import Sequence
from typing import Any

from runinference_metrics.errors import UserError

TAKES = (
    "KEY=VALUE, or a JSON object of such pairs; a key is a small letter and up to 62 small "
    "letters, digits, - and _, a value up to 63 of these"
)
# The service's own limits.
MOST_LABELS = 64
MOST_BYTES = 128


def labels(given: Sequence[str]) -> dict[str, str]:
    """The labels, the last one of a key; Beam itself takes them unchecked, or falls over them.

    Args:
        given: `KEY=VALUE`, as a person writes it, or a JSON object, as the launcher passes on
            what `--additional-user-labels` had.

    Raises:
        UserError: a label is none, or there are too many.
    """
    found: dict[str, str] = {}
    for text in given:
        pairs = _pairs(text)
        if pairs is None or not all(_is_label(key, value) for key, value in pairs.items()):
            raise UserError("labels", TAKES, repr(text))
        found |= pairs
    if len(found) > MOST_LABELS:
        raise UserError("labels", f"up to {MOST_LABELS} labels", str(len(found)))
    return found


def _pairs(text: str) -> dict[str, Any] | None:
    if text.lstrip().startswith("{"):
        try:
            pairs: dict[str, Any] = json.loads(text)
        except (ValueError, RecursionError):
            return None
        return pairs
    key, equals, value = text.strip().partition("=")
    # Nothing at all is no label: so come the empty fields of a form.
    return ({key: value} if equals else None) if key or equals else {}


def _is_label(key: str, value: object) -> bool:
    return (
        isinstance(value, str)
        and re.fullmatch(r"a[a0_-]{0,62}", _kinds(key)) is not None
        and re.fullmatch(r"[a0_-]{0,63}", _kinds(value)) is not None
        and max(len(key.encode()), len(value.encode())) <= MOST_BYTES
    )


def _kinds(text: str) -> str:
    """The text with an `a` for each letter that is not capital, of any script, and 0 for digits."""
    categories = [(one, unicodedata.category(one)) for one in text]
    return "".join(
        "a" if kind in ("Ll", "Lo") else "0" if kind.startswith("N") else one
        for one, kind in categories
    )
