"""What the first rows of a file look like, read as a run reads them, and no further."""

import contextlib
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property, partial
from typing import Any

import pyarrow as pa

from runinference_metrics.reading import encodings, paths, rejections
from runinference_metrics.reading.beginning import Enough, open_beginning
from runinference_metrics.reading.fields import RowFields
from runinference_metrics.reading.files import FileRange
from runinference_metrics.reading.formats import AUTO, FileFormat, FormatOptions
from runinference_metrics.reading.rows import Rows
from runinference_metrics.reading.sniffing import Sample
from runinference_metrics.reading.table_rows import Outcome
from runinference_metrics.reading.unclear import Unclear
from runinference_metrics.records.kept_types import joined, of_json
from runinference_metrics.records.record import Record, RecordBatch, Rejected
from runinference_metrics.records.text import Text, strings

# What is looked at of a file's rows, as UTF-8: some hundred of them.
LOOKED_AT_BYTES = 1 << 16
# JSON leaves out what is NULL: a field that few rows have is looked for in as many as the first
# read of a file holds anyway.
_SEARCHED_BYTES = 1 << 20
# Behind so many stored bytes nobody looks on, whatever they hold: twice the longest row.
_MOST_STORED_BYTES = 8 << 20


@dataclass(frozen=True)
class Preview:
    """The first rows of a file.

    Args:
        path: the file.
        size_bytes: its size as stored.
        file_format: how it is written; None if that cannot be told.
        unclear: why it cannot be told.
        doubt: why its encoding may be another one, if anything says so.
        first: the fields that rows have, in their order, each with its first value; none where
            rows have no fields.
        texts: the texts of the rows that a run would classify.
        right_labels: the rows' own labels, those that there are.
        rows: how many rows were looked at.
        blank: how many of them have no text.
        rejected: how many of them a run would reject, by reason.
        worst: one of them: what ended the reading, or else the first.
        one_fault: whether all that are rejected have the same fault.
        row_bytes: the size of the rows, as UTF-8.
        stored_share: how many bytes, decompressed, make a byte of that.
        whole: whether these are all rows of the file.
        kinds: the types of the kept fields, as far as the first rows show them.
        id_kind: that of `id_field`, likewise.
        num_rows: how many rows the file has, where it says so.
    """

    path: str
    size_bytes: int
    file_format: FileFormat | None = None
    unclear: Unclear | None = None
    doubt: Unclear | None = None
    first: Mapping[str, Any] = field(default_factory=dict)
    texts: tuple[Text, ...] = ()
    right_labels: tuple[str, ...] = ()
    rows: int = 0
    blank: int = 0
    rejected: Mapping[str, int] = field(default_factory=dict)
    worst: Rejected | None = None
    one_fault: bool = True
    row_bytes: int = 0
    stored_share: float = 1.0
    whole: bool = True
    kinds: Mapping[str, pa.DataType] = field(default_factory=dict)
    id_kind: pa.DataType = field(default_factory=pa.null)
    num_rows: int | None = None

    @cached_property
    def num_rejected(self) -> int:
        """How many rows a run would reject."""
        return sum(self.rejected.values())

    @property
    def has_fields(self) -> bool:
        """Whether rows of this format have fields."""
        found = self.file_format
        return found is not None and (found.is_table or found.rows in ("jsonl", "csv"))

    @property
    def row_word(self) -> str:
        """What a place in the file is called."""
        return "row" if self.file_format is not None and self.file_format.is_table else "line"

    @property
    def unfinished(self) -> bool:
        """Whether it cannot be read to its end."""
        return any(reason in rejections.OF_FILES for reason in self.rejected)

    @property
    def lost(self) -> bool:
        """Whether a run would count this file as lost: not read to its end, or without a record."""
        if self.unfinished:
            return True
        if self.file_format is not None and self.file_format.rows == "document":
            # A bad one is one lost row.
            return False
        none = 0 < self.rows - self.blank == self.num_rejected
        # Of a big file: what is wrong with its first rows is wrong with all if it is one thing.
        return none and (self.whole or self.one_fault)

    def lacks(self, name: str) -> bool:
        """Whether rows of this file have fields, and none of them is called so."""
        return bool(self.first) and name not in self.first


@dataclass
class Seen:
    """What went by; see `Preview`."""

    first: dict[str, Any] = field(default_factory=dict)
    texts: list[Text] = field(default_factory=list)
    right_labels: list[str] = field(default_factory=list)
    rows: int = 0
    blank: int = 0
    rejected: Counter[str] = field(default_factory=Counter)
    worst: Rejected | None = None
    one_fault: bool = True
    row_bytes: int = 0
    kinds: dict[str, pa.DataType] = field(default_factory=dict)
    id_kind: pa.DataType = field(default_factory=pa.null)

    def add(self, row: Outcome) -> None:
        """Adds what came of a row, or of several."""
        if isinstance(row, RecordBatch):
            self.rows += len(row)
            self.row_bytes += row.row_bytes
            self.texts.extend(row.texts)
            self.right_labels.extend(one for one in row.right_labels if one)
            return
        self.rows += 1
        # A row ends with a byte that is none of its own.
        self.row_bytes += 1
        if isinstance(row, Record):
            self.texts.append(row.text)
            if row.right_label:
                self.right_labels.append(row.right_label)
            self.row_bytes += row.row_bytes
        elif row is None:
            self.blank += 1
        else:
            self.rejected[row.reason] += 1
            self.row_bytes += sum(len(one.encode(errors="replace")) for one in strings(row.text))
            worst = self.worst or row
            if (worst.reason, worst.detail) != (row.reason, row.detail):
                self.one_fault = False
            self.worst = row if row.reason in rejections.OF_FILES else worst


@dataclass(frozen=True)
class _Watched(RowFields):
    """The fields that matter, noting those that there are."""

    seen: Seen = field(default_factory=Seen)

    def record(self, row: dict[str, Any], raw: str, row_bytes: int, *rest: Any) -> Any:
        seen = self.seen
        for name, value in row.items():
            seen.first.setdefault(name, value)
        for name in self.named:
            if name not in seen.first and paths.is_in(row, name):
                seen.first[name] = paths.value(row, name)
        for name, value in self.kept(row).items() if self.keep_fields else ():
            seen.kinds[name] = joined((seen.kinds.get(name, pa.null()), of_json(value)))
        if self.id_field:
            seen.id_kind = joined((seen.id_kind, of_json(paths.value(row, self.id_field))))
        found = super().record(row, raw, row_bytes, *rest)
        if found is None:
            self.seen.row_bytes += row_bytes
        return found


def preview(path: str, size_bytes: int, fields: RowFields, options: FormatOptions) -> Preview:
    """Reads the first rows of a file as a run does.

    Args:
        path: the file.
        size_bytes: its size as stored.
        fields: the fields that matter.
        options: what the user says of how files are written.

    Raises:
        OSError, or what Beam's file systems raise: it cannot be read.
    """
    seen = Seen()
    watched = _Watched(
        fields.text_field, fields.id_field, fields.keep_fields, fields.text_pair_field,
        fields.label_field, None, seen,
    )  # fmt: skip
    rows = Rows(FileRange(path), watched, options, partial(open_beginning, most=_MOST_STORED_BYTES))
    whole = False
    with contextlib.suppress(Enough), contextlib.closing(iter(rows)) as outcomes:
        for row in outcomes:
            seen.add(row)
            if _enough(rows.file_format, watched):
                break
        whole = next(outcomes, Enough) is Enough
    if rows.table:
        add_columns(seen, rows.table.schema, fields)
    return Preview(
        path,
        size_bytes,
        rows.file_format,
        rows.unclear,
        _doubt(rows.sample, rows.file_format, options),
        seen.first,
        tuple(seen.texts),
        tuple(seen.right_labels),
        seen.rows,
        seen.blank,
        seen.rejected,
        seen.worst,
        seen.one_fault,
        seen.row_bytes,
        _stored_share(rows.sample, rows.file_format),
        whole,
        seen.kinds,
        seen.id_kind,
        rows.table.num_rows if rows.table else None,
    )


def add_columns(seen: Seen, schema: pa.Schema, fields: RowFields) -> None:
    """Adds what a table says of its columns, and no row can."""
    for name in dict.fromkeys((*schema.names, *fields.named)):
        if at := paths.indices(schema, name):
            seen.first.setdefault(name, str(paths.field(schema, at).type))
    none = pa.RecordBatch.from_arrays([pa.array([], one.type) for one in schema], schema=schema)
    named = {name: paths.column(none, name) for name in (*fields.keep_fields, fields.id_field)}
    kept = paths.columns_without(none, fields.texts) if fields.keeps_all else named.items()
    seen.kinds = {name: column.type for name, column in kept if column is not None}
    if (column := named[fields.id_field]) is not None:
        seen.id_kind = column.type


def _enough(found: FileFormat | None, watched: _Watched) -> bool:
    num_bytes = watched.seen.row_bytes
    if num_bytes < LOOKED_AT_BYTES:
        return False
    missing = (
        found is not None
        and found.rows == "jsonl"
        and any(name not in watched.seen.first for name in watched.named)
    )
    return not missing or num_bytes >= _SEARCHED_BYTES


def _doubt(
    sample: Sample | None, found: FileFormat | None, options: FormatOptions
) -> Unclear | None:
    if sample is None or found is None or options.encoding != AUTO or found.encoding != "utf-8":
        return None
    if found.is_table:
        return None
    # A last line that is cut may be cut within a character.
    head = sample.head if sample.whole else sample.head[: sample.head.rfind(b"\n") + 1]
    doubt = encodings.doubt(head)
    return Unclear("encoding", encodings.TAKES, doubt) if doubt else None


def _stored_share(sample: Sample | None, found: FileFormat | None) -> float:
    if sample is None or found is None or found.encoding == "utf-8":
        return 1.0
    return len(sample.head) / max(1, len(sample.text(found.encoding).encode(errors="replace")))
