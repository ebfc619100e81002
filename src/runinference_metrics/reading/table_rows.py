"""Rows of columns as batches of records, without an object a row."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import pyarrow as pa
from pyarrow import types

from runinference_metrics.reading import limits, paths, rejections
from runinference_metrics.reading.fields import RowFields, listed, no_string
from runinference_metrics.records.batching import MAX_BATCH_BYTES
from runinference_metrics.records.fitting import fitted_column
from runinference_metrics.records.kept import Kept, json_values
from runinference_metrics.records.plain_types import plain_batch
from runinference_metrics.records.record import Record, RecordBatch, Rejected, to_json
from runinference_metrics.records.right_labels import as_text
from runinference_metrics.records.text import Text

Outcome = RecordBatch | Record | Rejected | None
_Wrong = dict[int, tuple[str, str]]


def _parts(batch: pa.RecordBatch) -> Iterator[tuple[bool, pa.RecordBatch]]:
    """A batch, or its parts, and whether all of their strings are UTF-8."""
    try:
        batch.validate(full=True)
        yield True, batch
    except pa.ArrowInvalid:
        half = batch.num_rows // 2
        if half:
            # Slices would have the strings inside of lists and objects of all rows.
            yield from _parts(batch.take(pa.array(range(half))))
            yield from _parts(batch.take(pa.array(range(half, batch.num_rows))))
        else:
            yield False, batch


@dataclass(frozen=True)
class Rows:
    """Rows of a table.

    Args:
        batch: their columns.
        fields: the fields that matter.
        source: the file or table.
        positions: the number of each.
        names: the columns that the table has, those that are not read too.
    """

    batch: pa.RecordBatch
    fields: RowFields
    source: str
    positions: range
    names: Sequence[str]

    def outcomes(self, most_rows: int) -> Iterator[Outcome]:
        """What becomes of them: batches of records, rejected rows, None for each blank one.

        Args:
            most_rows: no batch holds more.
        """
        at = 0
        for valid, batch in _parts(plain_batch(self.batch)):
            rows = replace(self, batch=batch, positions=self.positions[at : at + batch.num_rows])
            yield from rows._valid(most_rows) if valid else rows._undecodable()
            at += batch.num_rows

    def _valid(self, most_rows: int) -> Iterator[Outcome]:
        fields, size = self.fields, self.batch.num_rows
        wrong: _Wrong = {}
        ids = self._ids(wrong)
        for name, what in zip(fields.texts, ("text", "text_pair"), strict=False):
            if not paths.indices(self.batch.schema, name):
                fault = no_string(dict.fromkeys(self.names), name, what)
                wrong = dict.fromkeys(range(size), fault)
        kept = self._kept(wrong)
        rights = self._right_labels()
        texts, blank = self._texts(wrong)
        for index in sorted(wrong):
            yield self._rejected(index, *wrong[index], ids[index])
        yield from (None for _ in blank)
        which = [index for index in range(size) if index not in wrong and index not in blank]
        if not which:
            return
        whole = RecordBatch(
            texts, [self.source] * size, [*self.positions], ids,
            [None] * size if kept is None else kept, rights,
        )  # fmt: skip
        if len(which) < size:
            whole = whole.only(which)
        yield from self._cut(whole, most_rows)

    def _cut(self, whole: RecordBatch, most_rows: int) -> Iterator[RecordBatch]:
        """Batches of a size that can be held, however long their rows are."""
        a_row = self.batch.nbytes // self.batch.num_rows
        at_once = min(most_rows, max(1, MAX_BATCH_BYTES // max(1, a_row)))
        for start in range(0, len(whole), at_once):
            yield whole.part(start, start + at_once, a_row)

    def _undecodable(self) -> Iterator[Rejected]:
        """What becomes of the one row, some of whose strings are none."""
        names = [
            one.name for one, column in zip(self.batch.schema, self.batch.columns, strict=True)
            if not _is_valid(column)
        ]  # fmt: skip
        column = self._column(self.fields.text_field)
        text = ""
        if types.is_string(column.type) and column[0].is_valid:
            (raw,) = column.cast(pa.binary()).to_pylist()
            text = raw.decode(errors="backslashreplace")
        detail = f"columns {listed(names)} hold strings that are no UTF-8"
        yield Rejected("invalid_utf8", detail, "read", self.source, self.positions[0], text)

    def _column(self, name: str) -> pa.Array:
        found = paths.column(self.batch, name)
        return pa.nulls(self.batch.num_rows) if found is None else found

    def _texts(self, wrong: _Wrong) -> tuple[list[Text], set[int]]:
        """The texts, and which rows have none; notes those whose texts cannot be used."""
        columns = [
            self._strings(name, what, wrong)
            for name, what in zip(self.fields.texts, ("text", "text_pair"), strict=False)
        ]
        blank = set()
        for index, row in enumerate(zip(*columns, strict=True)):
            if index in wrong:
                continue
            if not any(one.strip() for one in row):
                blank.add(index)
            elif sum(map(len, row)) * 4 > limits.MAX_TEXT_BYTES:
                num_bytes = sum(len(one.encode()) for one in row)
                if num_bytes > limits.MAX_TEXT_BYTES:
                    wrong[index] = rejections.beyond(num_bytes)
        if len(columns) == 1:
            return columns[0], blank  # type: ignore[return-value]
        return list(zip(*columns, strict=True)), blank

    def _strings(self, name: str, what: str, wrong: _Wrong) -> list[str]:
        """A column of texts; "" for nothing."""
        column = self._column(name)
        kind = column.type
        if types.is_string(kind) or types.is_null(kind):
            return [one or "" for one in column.to_pylist()]
        if types.is_binary(kind):
            # Strings, as Hive and older Spark wrote them.
            return [_decoded(index, one or b"", wrong)
                    for index, one in enumerate(column.to_pylist())]  # fmt: skip
        detail = f"field {name!r} is not a string but {kind}"
        valid = enumerate(column.is_valid().to_pylist())
        wrong.update({index: (f"{what}_not_a_string", detail) for index, there in valid if there})
        return [""] * len(column)

    def _ids(self, wrong: _Wrong) -> list[Any]:
        name, kinds = self.fields.id_field, self.fields.types
        if not name:
            return [None] * self.batch.num_rows
        column = self._column(name)
        if kinds is None or kinds.id is None:
            return json_values(column)
        return _fitted(column, kinds.id, name, wrong).to_pylist()

    def _right_labels(self) -> list[str | None]:
        name = self.fields.label_field
        if not name:
            return [None] * self.batch.num_rows
        return [as_text(one) for one in json_values(self._column(name))]

    def _kept(self, wrong: _Wrong) -> Kept | None:
        fields = self.fields
        if not fields.keep_fields:
            return None
        if fields.keeps_all:
            named = dict(paths.columns_without(self.batch, fields.texts))
        else:
            named = {name: self._column(name) for name in fields.keep_fields}
        if not named:
            # Columns that are none have no rows either.
            return None
        if fields.types is None:
            return Kept(pa.RecordBatch.from_arrays(list(named.values()), list(named)))
        if unknown := [one for one in named if one not in fields.types.fields.names]:
            detail = (
                f"columns {listed(unknown)} were in none of the files that were looked at before "
                "the run: name them in --keep_fields"
            )
            wrong.update(dict.fromkeys(range(self.batch.num_rows), ("field_type", detail)))
        columns = []
        for one in fields.types.fields:
            column = named.get(one.name)
            if column is None:
                column = pa.nulls(self.batch.num_rows)
            columns.append(_fitted(column, one.type, one.name, wrong))
        return Kept(pa.RecordBatch.from_arrays(columns, schema=fields.types.fields))

    def _rejected(self, index: int, reason: str, detail: str, row_id: Any) -> Rejected:
        (row,) = Kept(self.batch.slice(index, 1)).json_rows()
        text = to_json(row).decode()
        return Rejected(reason, detail, "read", self.source, self.positions[index], text, row_id)


def _fitted(column: pa.Array, kind: pa.DataType, name: str, wrong: _Wrong) -> pa.Array:
    found, misfits = fitted_column(column, kind, name)
    wrong.update({index: ("field_type", why) for index, why in misfits.items()})
    return found


def _decoded(index: int, value: bytes, wrong: _Wrong) -> str:
    try:
        return value.decode()
    except UnicodeDecodeError as error:
        wrong[index] = ("invalid_utf8", f"byte {error.start + 1} of the text: {error.reason}")
        return value.decode(errors="backslashreplace")


def _is_valid(column: pa.Array) -> bool:
    try:
        column.validate(full=True)
    except pa.ArrowInvalid:
        return False
    return True
