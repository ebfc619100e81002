"""A structured row to a record: which of its fields matter."""

from dataclasses import dataclass
from typing import Any

from runinference_metrics.reading import limits, rejections
from runinference_metrics.records.record import Record, Rejected
from runinference_metrics.records.text import strings

# Enough field names to see what a row is, in a detail that stays a sentence.
_MOST_NAMES = 20


@dataclass(frozen=True)
class RowFields:
    """Which fields of a structured row matter; the names are those of the parameters."""

    text_field: str
    id_field: str
    keep_fields: tuple[str, ...]
    text_pair_field: str = ""

    def id_of(self, row: dict[str, Any]) -> Any:
        """The row's id, or None."""
        return row.get(self.id_field) if self.id_field else None

    def kept(self, row: dict[str, Any]) -> dict[str, Any] | None:
        """The fields to carry along; None when none are asked for."""
        if not self.keep_fields:
            return None
        if self.keep_fields == ("*",):
            # Not "" where there is no second text: a spreadsheet's column may have that name.
            texts = {self.text_field, self.text_pair_field or self.text_field}
            return {name: value for name, value in row.items() if name not in texts}
        return {name: row.get(name) for name in self.keep_fields}

    def record(
        self, row: dict[str, Any], raw: str, row_bytes: int, source: str, number: int
    ) -> Record | Rejected:
        """The record that a row gives, or why it gives none.

        Args:
            row: its fields by name.
            raw: the row as it stands in the file.
            row_bytes: its size there.
            source: the file.
            number: the line on which it starts, from 1.
        """
        row_id = self.id_of(row)
        first = row.get(self.text_field)
        text: Any = first
        if self.text_pair_field:
            text = (first, row.get(self.text_pair_field))
        fault = None
        if not isinstance(first, str):
            fault = _no_string(row, self.text_field, "text")
        elif text is not first and not isinstance(text[1], str):
            fault = _no_string(row, self.text_pair_field, "text_pair")
        # Either text of a pair may be blank, as in transformers: the other one counts.
        elif not first.strip() and not any(one.strip() for one in strings(text)):
            fault = self._blank()
        elif row_bytes > limits.MAX_TEXT_BYTES:
            num_bytes = sum(len(one.encode()) for one in strings(text))
            if num_bytes > limits.MAX_TEXT_BYTES:
                return rejections.text_too_long(num_bytes, raw, source, number, row_id)
        if fault:
            return Rejected(*fault, "read", source, number, raw, row_id)
        return Record(text, source, number, row_id, self.kept(row), row_bytes)

    def _blank(self) -> tuple[str, str]:
        if self.text_pair_field:
            names = f"{self.text_field!r} and {self.text_pair_field!r}"
            return "blank_text", f"fields {names} are blank"
        return "blank_text", f"field {self.text_field!r} is blank"


def _no_string(row: dict[str, Any], name: str, what: str) -> tuple[str, str]:
    """The reason and the detail of a row whose field `name` holds no string."""
    if name not in row:
        detail = f"no field {name!r} (--{what}_field); there are {_listed(row)}"
        return f"missing_{what}_field", detail
    return f"{what}_not_a_string", f"field {name!r} is not a string but {type(row[name]).__name__}"


def _listed(row: dict[str, Any]) -> str:
    more = f" and {len(row) - _MOST_NAMES:,} more" if len(row) > _MOST_NAMES else ""
    return ", ".join(f"{name[:100]!r}" for name in list(row)[:_MOST_NAMES]) + more
