"""A structured row to a record: which of its fields matter."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from typing import Any

from runinference_metrics.reading import limits, paths, rejections
from runinference_metrics.records.kept_types import KeptTypes, Misfit
from runinference_metrics.records.record import Record, Rejected
from runinference_metrics.records.right_labels import as_text
from runinference_metrics.records.text import Text, strings

# Enough field names to see what a row is, in a detail that stays a sentence.
_MOST_NAMES = 20


@dataclass(frozen=True)
class RowFields:
    """Which fields of a structured row matter; the names are those of the parameters.

    A name may be a path to a field of an object in it, such as review.text.

    Args:
        types: those that the kept fields and the id must have, where that matters.
    """

    text_field: str
    id_field: str
    keep_fields: tuple[str, ...]
    text_pair_field: str = ""
    label_field: str = ""
    types: KeptTypes | None = None

    @property
    def keeps_all(self) -> bool:
        """Whether all fields are kept but those with texts."""
        return self.keep_fields == ("*",)

    @property
    def texts(self) -> tuple[str, ...]:
        """The fields that hold a row's texts."""
        # Not "" where there is no second text: a spreadsheet's column may have that name.
        pair = (self.text_pair_field,) if self.text_pair_field else ()
        return (self.text_field, *pair)

    @property
    def named(self) -> tuple[str, ...]:
        """All fields that the user asks for by name."""
        kept = () if self.keeps_all else self.keep_fields
        single = (one for one in (self.id_field, self.label_field) if one)
        return tuple(dict.fromkeys((*self.texts, *single, *kept)))

    def only(self, names: Sequence[str]) -> "RowFields":
        """The same without the fields besides the texts that are none of these names."""
        kept = tuple(one for one in self.keep_fields if one in names or self.keeps_all)
        return replace(
            self,
            id_field=self.id_field if self.id_field in names else "",
            label_field=self.label_field if self.label_field in names else "",
            keep_fields=kept,
        )

    def kept(self, row: dict[str, Any]) -> dict[str, Any]:
        """The fields to carry along."""
        if self.keeps_all:
            return paths.without(row, self.texts)
        return {name: paths.value(row, name) for name in self.keep_fields}

    def record(
        self,
        row: dict[str, Any],
        raw: str,
        row_bytes: int,
        source: str,
        number: int,
        known: Collection[str] = (),
    ) -> Record | Rejected | None:
        """The record that a row gives; None where its text is blank; or why it gives none.

        Args:
            row: its fields by name.
            raw: the row as it stands in the file.
            row_bytes: its size there.
            source: the file.
            number: the line on which it starts, from 1.
            known: fields of other rows: one of them that this row does not have is empty here, as
                BigQuery leaves out what is NULL.
        """
        row_id = paths.value(row, self.id_field) if self.id_field else None
        first = row.get(self.text_field)
        if first is None:
            first = paths.value(row, self.text_field)
        text: Text
        if not self.text_pair_field and isinstance(first, str):
            text = first
            blank = not first.strip()
        else:
            texts: list[str] = []
            for name, what in zip(self.texts, ("text", "text_pair"), strict=False):
                value = paths.value(row, name)
                if value is None and (paths.is_in(row, name) or name in known):
                    value = ""
                if not isinstance(value, str):
                    return Rejected(
                        *no_string(row, name, what), "read", source, number, raw, row_id
                    )
                texts.append(value)
            text = (texts[0], texts[1]) if self.text_pair_field else texts[0]
            # Either text of a pair may be blank, as in transformers: the other one counts.
            blank = not any(one.strip() for one in texts)
        if blank:
            return None
        if row_bytes > limits.MAX_TEXT_BYTES:
            num_bytes = sum(len(one.encode()) for one in strings(text))
            if num_bytes > limits.MAX_TEXT_BYTES:
                return rejections.text_too_long(num_bytes, raw, source, number, row_id)
        kept = self.kept(row) if self.keep_fields else None
        right = as_text(paths.value(row, self.label_field)) if self.label_field else None
        if self.types:
            try:
                row_id = self.types.fitting_id(row_id, self.id_field)
                kept = None if kept is None else self.types.fitting(kept)
            except Misfit as error:
                return Rejected("field_type", str(error), "read", source, number, raw, row_id)
        return Record(text, source, number, row_id, kept, row_bytes, right)


def no_string(row: dict[str, Any], name: str, what: str) -> tuple[str, str]:
    """The reason and the detail of a row whose field `name` holds no string."""
    if not paths.is_in(row, name):
        detail = f"no field {name!r} (--{what}_field); there are {listed(row)}"
        return f"missing_{what}_field", detail
    kind = type(paths.value(row, name)).__name__
    return f"{what}_not_a_string", f"field {name!r} is not a string but {kind}"


def listed(names: Collection[str]) -> str:
    """The names of fields, as far as one reads them."""
    more = f" and {len(names) - _MOST_NAMES:,} more" if len(names) > _MOST_NAMES else ""
    return ", ".join(f"{name[:100]!r}" for name in list(names)[:_MOST_NAMES]) + more
