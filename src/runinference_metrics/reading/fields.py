"""A structured row to a record: which of its fields matter."""

from dataclasses import dataclass
from typing import Any

from runinference_metrics.reading import limits, rejections
from runinference_metrics.records.record import Record, Rejected

# Enough field names to see what a row is, in a detail that stays a sentence.
_MOST_NAMES = 20


@dataclass(frozen=True)
class RowFields:
    """Which fields of a structured row matter; the names are those of the parameters."""

    text_field: str
    id_field: str
    keep_fields: tuple[str, ...]

    def id_of(self, row: dict[str, Any]) -> Any:
        """The row's id, or None."""
        return row.get(self.id_field) if self.id_field else None

    def kept(self, row: dict[str, Any]) -> dict[str, Any] | None:
        """The fields to carry along; None when none are asked for."""
        if not self.keep_fields:
            return None
        if self.keep_fields == ("*",):
            return {name: value for name, value in row.items() if name != self.text_field}
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
        name = self.text_field
        if name not in row:
            detail = f"no field {name!r} (--text_field); there are {_listed(row)}"
            return Rejected("missing_text_field", detail, "read", source, number, raw, row_id)
        text = row[name]
        if not isinstance(text, str):
            detail = f"field {name!r} is not a string but {type(text).__name__}"
            return Rejected("text_not_a_string", detail, "read", source, number, raw, row_id)
        if not text.strip():
            detail = f"field {name!r} is blank"
            return Rejected("blank_text", detail, "read", source, number, raw, row_id)
        if row_bytes > limits.MAX_TEXT_BYTES and len(text.encode()) > limits.MAX_TEXT_BYTES:
            return rejections.text_too_long(len(text.encode()), raw, source, number, row_id)
        return Record(text, source, number, row_id, self.kept(row), row_bytes)


def _listed(row: dict[str, Any]) -> str:
    more = f" and {len(row) - _MOST_NAMES:,} more" if len(row) > _MOST_NAMES else ""
    return ", ".join(f"{name[:100]!r}" for name in list(row)[:_MOST_NAMES]) + more
