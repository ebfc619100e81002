"""JSON lines to records: objects that every later step can carry, to files and between machines."""

import json
import math
from collections.abc import Iterator
from typing import Any

from runinference_metrics.reading import rejections
from runinference_metrics.reading.compression import CorruptFile
from runinference_metrics.reading.fields import RowFields
from runinference_metrics.reading.lines import Lines
from runinference_metrics.reading.nulls import Waiting
from runinference_metrics.records.record import Record, Rejected

# Objects and arrays in each other. Deeper ones break what comes after the parser: pickling between
# steps and writing, each at a depth of its own.
MAX_DEPTH = 100


class BadRow(Exception):
    """A line that gives no row.

    Args:
        reason: the dead letter's reason.
        detail: its detail.
    """

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(detail)
        self.reason = reason


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is no JSON value")


def _finite(digits: str) -> float:
    number = float(digits)
    if math.isinf(number):
        # It would be written as null.
        raise ValueError(f"the number {digits[:40]} is too large")
    return number


_DECODER = json.JSONDecoder(parse_constant=_refuse_constant, parse_float=_finite)


def json_rows(
    lines: Lines, source: str, fields: RowFields, encoding: str
) -> Iterator[Record | Rejected | None]:
    """The record, rejected row or None (blank) of each line."""
    waiting = Waiting(fields)
    try:
        for raw in lines:
            number = lines.number
            if lines.cut_from_bytes:
                yield rejections.too_long(raw, lines.cut_from_bytes, source, number)
                continue
            line = raw.removesuffix(b"\r")
            try:
                text = line.decode()
            except UnicodeDecodeError:
                yield rejections.undecodable(line, source, number, encoding)
                continue
            if not text.strip():
                yield None
                continue
            try:
                row = parse(text)
            except BadRow as error:
                yield Rejected(error.reason, str(error), "read", source, number, text)
                continue
            if waiting.settled:
                yield fields.record(row, text, len(line), source, number, waiting.known)
            else:
                yield from waiting.outcomes(row, text, len(line), source, number)
    except CorruptFile:
        yield from waiting.rest()
        raise
    yield from waiting.rest()


def parse(text: str) -> dict[str, Any]:
    """The object that a line holds.

    Raises:
        BadRow: it holds none, or one that cannot be carried.
    """
    try:
        row = _DECODER.decode(text)
        if "\\u" in text and "\\ud" in text.lower():
            # Half a surrogate pair passes the parser and no encoder after it.
            json.dumps(row, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        raise BadRow("invalid_unicode", "half of a surrogate pair stands alone") from None
    except RecursionError:
        raise _too_deep() from None
    except ValueError as error:
        raise BadRow("malformed_json", str(error)) from None
    if not isinstance(row, dict):
        raise BadRow("malformed_json", f"expected a JSON object, got {type(row).__name__}")
    # Every level has a bracket, so most lines need no closer look.
    if text.count("{") + text.count("[") > MAX_DEPTH and _depth(row) > MAX_DEPTH:
        raise _too_deep()
    return row


def _too_deep() -> BadRow:
    return BadRow("malformed_json", f"more than {MAX_DEPTH} objects and arrays in each other")


def _depth(row: Any) -> int:
    """How deep objects and arrays lie in each other; without recursion."""
    depth, level = 0, [row]
    while level := [one for one in level if isinstance(one, dict | list)]:
        depth += 1
        level = [
            child
            for one in level
            for child in (one.values() if isinstance(one, dict) else one)
        ]  # fmt: skip
    return depth
