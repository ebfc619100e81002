"""The currency between the rooms: what is read, what is predicted, what is rejected.

Texts travel in columns, a batch at a time: a batch of 512 texts is five lists, not 512 objects.
"""

import itertools
import json
import zlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import orjson
import pyarrow as pa

from runinference_metrics.records.classification import Classification
from runinference_metrics.records.example import Example
from runinference_metrics.records.kept import Kept, json_form
from runinference_metrics.records.measured import BatchRun
from runinference_metrics.records.right_labels import right_labels
from runinference_metrics.records.text import Text, strings

# A pair begins its CRC-32 elsewhere: no single text reads as a pair.
_PAIR_CRC = 1


def to_json(value: Any) -> bytes:
    """One line of JSON; numbers of any size and decimals stay exact."""
    try:
        return orjson.dumps(value, json_form, orjson.OPT_UTC_Z)
    except TypeError:
        # orjson refuses integers beyond 64 bits, which an id may well be.
        text = json.dumps(value, ensure_ascii=False, separators=(",", ":"), default=json_form)
        return text.encode()


# The kept fields of a batch: objects of JSON, or columns; None for each row where none are kept.
Fields = list[dict[str, Any] | None] | Kept


@dataclass(frozen=True, slots=True)
class Record:
    """One text to classify, or a pair of texts.

    Args:
        text: the text, not blank; of a pair, not both are.
        source: the file it came from.
        position: the line of the (decompressed) file on which it starts, from 1.
        id: the value of `id_field`, if any.
        fields: the kept fields, if any.
        row_bytes: the size of the row that it was read from.
        right_label: the value of `label_field` as a text, `UNLABELLED` if it is empty; None where
            no such field is named.
    """

    text: Text
    source: str
    position: int
    id: Any = None
    fields: dict[str, Any] | None = None
    row_bytes: int = 0
    right_label: str | None = None


@dataclass(frozen=True, slots=True)
class Rejected:
    """A row that gets no prediction, and why.

    Args:
        reason: a short name, the same for all rows with this fault.
        detail: a sentence on this row.
        stage: "read", "tokenize" or "inference".
        source: the file.
        position: the line on which the row starts, from 1.
        text: what was there, as far as it can be shown as text; both texts of a pair that was read.
        id: the value of `id_field`, if it is known.
    """

    reason: str
    detail: str
    stage: str
    source: str
    position: int
    text: Text
    id: Any = None

    def json_line(self) -> bytes:
        """The dead letter as a line of JSON, without the newline."""
        letter: dict[str, Any] = {
            "reason": self.reason,
            "detail": self.detail,
            "stage": self.stage,
            "source": self.source,
            "position": self.position,
        }
        if isinstance(self.text, tuple):
            letter["text"], letter["text_pair"] = self.text
        else:
            letter["text"] = self.text
        if self.id is not None:
            letter["id"] = self.id
        return to_json(letter)


@dataclass(frozen=True, slots=True)
class RecordBatch:
    """Texts on their way to the model, in columns of equal length.

    RunInference takes its length as the number of examples. `row_bytes` is the size of the rows
    that it was read from, all together.
    """

    texts: list[Text]
    sources: list[str]
    positions: list[int]
    ids: list[Any]
    fields: Fields
    right_labels: list[str | None]
    row_bytes: int = 0

    @classmethod
    def of(cls, records: Sequence[Record], types: pa.Schema | None = None) -> "RecordBatch":
        """The batch of these records, in their order.

        Args:
            records: they.
            types: those of the kept fields, which have to be of them, if they are to be columns.
        """
        fields = [record.fields for record in records]
        return cls(
            [record.text for record in records],
            [record.source for record in records],
            [record.position for record in records],
            [record.id for record in records],
            fields if types is None else Kept.of(fields, types),
            [record.right_label for record in records],
            sum(record.row_bytes for record in records),
        )

    @classmethod
    def join(cls, batches: Sequence["RecordBatch"]) -> "RecordBatch":
        """One batch of the texts of all these, in their order."""
        if len(batches) == 1:
            return batches[0]
        fields = _joined_fields([batch.fields for batch in batches])
        joined = cls([], [], [], [], fields, [], sum(batch.row_bytes for batch in batches))
        for batch in batches:
            joined.texts.extend(batch.texts)
            joined.sources.extend(batch.sources)
            joined.positions.extend(batch.positions)
            joined.ids.extend(batch.ids)
            joined.right_labels.extend(batch.right_labels)
        return joined

    def __len__(self) -> int:
        return len(self.texts)

    @property
    def pairs(self) -> bool:
        """Whether its texts are pairs; none of them is when the first is none."""
        return bool(self.texts) and isinstance(self.texts[0], tuple)

    def only(self, which: Sequence[int]) -> "RecordBatch":
        """A batch of the texts at the places `which`."""
        return RecordBatch(
            [self.texts[index] for index in which],
            [self.sources[index] for index in which],
            [self.positions[index] for index in which],
            [self.ids[index] for index in which],
            self.fields.only(which)
            if isinstance(self.fields, Kept)
            else [self.fields[index] for index in which],
            [self.right_labels[index] for index in which],
        )

    def part(self, start: int, stop: int, a_row_bytes: int) -> "RecordBatch":
        """A batch of the texts from one place to before another.

        Args:
            start: the first of them.
            stop: the one behind the last.
            a_row_bytes: the size of a row, about.
        """
        size = len(self.texts[start:stop])
        return RecordBatch(
            self.texts[start:stop],
            self.sources[start:stop],
            self.positions[start:stop],
            self.ids[start:stop],
            Kept(self.fields.columns.slice(start, size))
            if isinstance(self.fields, Kept)
            else self.fields[start:stop],
            self.right_labels[start:stop],
            size * a_row_bytes,
        )

    def num_bytes(self) -> int:
        """The size of the request: the UTF-8 bytes of its texts, of both texts of a pair."""
        texts: Any = itertools.chain.from_iterable(self.texts) if self.pairs else self.texts
        return sum(len(text) if text.isascii() else len(text.encode()) for text in texts)

    def fingerprint(self) -> int:
        """A number that is the same for the same texts in any order and any batches.

        The sum of the texts' CRC-32, modulo 2^64. It tells two runs over different texts apart;
        it does not withstand somebody who means to deceive.
        """
        texts: Any = self.texts
        if self.pairs:
            # As JSON: where the first text ends counts.
            return sum(zlib.crc32(to_json(pair), _PAIR_CRC) for pair in texts) % 2**64
        return sum(zlib.crc32(text.encode()) for text in texts) % 2**64

    def rejected(self, index: int, reason: str, detail: str, stage: str) -> Rejected:
        """The dead letter of the text at `index`."""
        return Rejected(
            reason, detail, stage, self.sources[index], self.positions[index],
            self.texts[index], self.ids[index],
        )  # fmt: skip


@dataclass(frozen=True, slots=True)
class ClassifiedBatch:
    """A batch with its classification; a text is either predicted or rejected.

    Args:
        batch: the texts that the model answered.
        classification: its answers.
        run: when and where.
        rejected: those whose answer is no prediction, and those that have none.
    """

    batch: RecordBatch
    classification: Classification
    run: BatchRun
    rejected: list[Rejected] = field(default_factory=list)

    @property
    def predicted_count(self) -> int:
        """Texts that have a prediction."""
        return sum(winner is not None for winner in self.classification.winners)

    def example(self, index: int) -> Example:
        """The predicted text at `index`, to be looked at."""
        batch, found = self.batch, self.classification
        winner = found.winners[index]
        assert winner is not None
        return Example(
            found.scores[index][winner],
            found.label_names[winner],
            self.right_label(index),
            strings(batch.texts[index]),
            batch.sources[index],
            batch.positions[index],
            batch.ids[index],
        )

    def right_label(self, index: int) -> str | None:
        """The model's label that a row's own means; else what the row has; None for nothing."""
        value = self.batch.right_labels[index]
        if value is None:
            return None
        names = self.classification.label_names
        place = right_labels(names).place(value)
        return (value or None) if place is None else names[place]


def _joined_fields(parts: Sequence[Fields]) -> Fields:
    """The kept fields of several batches; columns of different files become objects of JSON."""
    columns = [one for one in parts if isinstance(one, Kept)]
    if len(columns) == len(parts) and len({str(one.columns.schema) for one in columns}) == 1:
        return Kept.join(columns)
    return [
        row for one in parts for row in (one.json_rows() if isinstance(one, Kept) else one)
    ]  # fmt: skip
