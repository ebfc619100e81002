"""The currency between the rooms: what is read, what is predicted, what is rejected.

Texts travel in columns, a batch at a time: a batch of 512 texts is five lists, not 512 objects.
"""

import itertools
import json
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import orjson

from runinference_metrics.records.classification import Classification
from runinference_metrics.records.example import Example
from runinference_metrics.records.measured import BatchRun
from runinference_metrics.records.right_labels import right_labels
from runinference_metrics.records.text import Text, strings

# A pair begins its CRC-32 elsewhere: no single text reads as a pair.
_PAIR_CRC = 1


def to_json(value: Any) -> bytes:
    """One line of JSON; whole numbers of any size stay exact."""
    try:
        return orjson.dumps(value)
    except TypeError:
        # orjson refuses integers beyond 64 bits, which an id may well be.
        return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()


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
    fields: list[dict[str, Any] | None]
    right_labels: list[str | None]
    row_bytes: int = 0

    @classmethod
    def of(cls, records: Sequence[Record]) -> "RecordBatch":
        """The batch of these records, in their order."""
        return cls(
            [record.text for record in records],
            [record.source for record in records],
            [record.position for record in records],
            [record.id for record in records],
            [record.fields for record in records],
            [record.right_label for record in records],
            sum(record.row_bytes for record in records),
        )

    @classmethod
    def join(cls, batches: Sequence["RecordBatch"]) -> "RecordBatch":
        """One batch of the texts of all these, in their order."""
        if len(batches) == 1:
            return batches[0]
        joined = cls([], [], [], [], [], [], sum(batch.row_bytes for batch in batches))
        for batch in batches:
            joined.texts.extend(batch.texts)
            joined.sources.extend(batch.sources)
            joined.positions.extend(batch.positions)
            joined.ids.extend(batch.ids)
            joined.fields.extend(batch.fields)
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
            [self.fields[index] for index in which],
            [self.right_labels[index] for index in which],
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
        winner, right = found.winners[index], batch.right_labels[index]
        assert winner is not None
        return Example(
            found.scores[index][winner],
            found.label_names[winner],
            None if right is None else self._right_label(right),
            strings(batch.texts[index]),
            batch.sources[index],
            batch.positions[index],
            batch.ids[index],
        )

    def _right_label(self, value: str) -> str | None:
        """The model's label that a row's own means; else what the row has; None for nothing."""
        names = self.classification.label_names
        place = right_labels(names).place(value)
        return (value or None) if place is None else names[place]

    def prediction_lines(self) -> Iterator[bytes]:
        """The predictions as lines of JSON, without newlines, in the order of the batch."""
        batch, found = self.batch, self.classification
        pairs = batch.pairs
        for index, winner in enumerate(found.winners):
            if winner is None:
                continue
            scores = found.scores[index]
            prediction: dict[str, Any] = {
                "text": batch.texts[index],
                "label": found.label_names[winner],
                "score": scores[winner],
                "scores": dict(zip(found.label_names, scores, strict=True)),
                "source": batch.sources[index],
                "position": batch.positions[index],
            }
            right = batch.right_labels[index]
            if right is not None:
                prediction["right_label"] = self._right_label(right)
            if pairs:
                first, second = prediction.pop("text")
                prediction = {"text": first, "text_pair": second, **prediction}
            if batch.ids[index] is not None:
                prediction["id"] = batch.ids[index]
            if batch.fields[index] is not None:
                prediction["fields"] = batch.fields[index]
            yield to_json(prediction)
