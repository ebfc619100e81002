"""A prediction as it is written: which fields it has, as lines of JSON and as Arrow's columns."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from runinference_metrics.records.kept import Kept
from runinference_metrics.records.kept_types import KeptTypes
from runinference_metrics.records.record import ClassifiedBatch, to_json
from runinference_metrics.records.text import strings

# What a prediction may have, in this order; the second text stands behind the first.
FIELDS = ("text", "label", "score", "scores", "source", "position", "right_label", "id", "fields")
# What its columns may be called besides those of the kept fields, each of which is a column.
COLUMNS = (*FIELDS, "text_pair")
# One label of a row's scores: the same columns whatever the model's labels are called.
SCORE = pa.struct([
    pa.field("label", pa.string(), nullable=False), pa.field("score", pa.float64(), nullable=False),
])  # fmt: skip
SCORES = pa.list_(pa.field("item", SCORE, nullable=False))
# What a prediction always has.
_ALWAYS = ("text", "text_pair", "label", "score", "scores", "source", "position")


@dataclass(frozen=True)
class PredictionFields:
    """Which fields predictions have.

    Args:
        names: those of `FIELDS` that are written.
        most_scores: how many labels `scores` has, the most probable first; None for all of them in
            the model's order.
    """

    names: tuple[str, ...] = FIELDS
    most_scores: int | None = None

    def __contains__(self, name: object) -> bool:
        return name in self.names


ALL = PredictionFields()


def _scores(names: Sequence[str], scores: Sequence[float], most: int | None) -> list[Any]:
    """The labels with their scores, as many as are wanted."""
    pairs = list(zip(names, scores, strict=True))
    if most is None:
        return pairs
    # Of equal scores the first label, as in the winner.
    return sorted(pairs, key=lambda pair: -pair[1])[:most]


def lines(classified: ClassifiedBatch, wanted: PredictionFields = ALL) -> Iterator[bytes]:
    """The predictions as lines of JSON, without newlines, in the order of the batch."""
    batch, found = classified.batch, classified.classification
    fields = batch.fields.json_rows() if isinstance(batch.fields, Kept) else batch.fields
    pairs = batch.pairs
    text, label, score, all_scores, source, position, right_label, row_id, kept = (
        name in wanted for name in FIELDS
    )
    for index, winner in enumerate(found.winners):
        if winner is None:
            continue
        scores = found.scores[index]
        prediction: dict[str, Any] = {}
        if text and pairs:
            prediction["text"], prediction["text_pair"] = strings(batch.texts[index])
        elif text:
            prediction["text"] = batch.texts[index]
        if label:
            prediction["label"] = found.label_names[winner]
        if score:
            prediction["score"] = scores[winner]
        if all_scores:
            prediction["scores"] = dict(_scores(found.label_names, scores, wanted.most_scores))
        if source:
            prediction["source"] = batch.sources[index]
        if position:
            prediction["position"] = batch.positions[index]
        if right_label and batch.right_labels[index] is not None:
            prediction["right_label"] = classified.right_label(index)
        if row_id and batch.ids[index] is not None:
            prediction["id"] = batch.ids[index]
        if kept and fields[index] is not None:
            prediction["fields"] = fields[index]
        yield to_json(prediction)


@dataclass(frozen=True)
class PredictionTable:
    """Predictions as columns of the same types in every shard.

    Args:
        wanted: which fields they have.
        types: those of what comes of the input.
        names: what the columns of the kept fields are called, in their order; none of `COLUMNS`.
        pairs: whether texts are pairs.
        labelled: whether rows have a label of their own.
    """

    wanted: PredictionFields
    types: KeptTypes
    names: tuple[str, ...] = ()
    pairs: bool = False
    labelled: bool = False

    @property
    def schema(self) -> pa.Schema:
        """The columns."""
        kinds: dict[str, pa.DataType | None] = {
            "text": pa.string(),
            "text_pair": pa.string() if self.pairs else None,
            "label": pa.string(),
            "score": pa.float64(),
            "scores": SCORES,
            "source": pa.string(),
            "position": pa.int64(),
            "right_label": pa.string() if self.labelled else None,
            "id": self.types.id,
        }
        wanted = {*self.wanted.names, *(("text_pair",) if "text" in self.wanted else ())}
        return pa.schema([
            *(
                pa.field(name, kind, name not in _ALWAYS)
                for name, kind in kinds.items() if name in wanted and kind is not None
            ),
            *(
                pa.field(name, one.type)
                for name, one in zip(self.names, self.types.fields, strict=True)
            ),
        ])  # fmt: skip

    def columns(self, classified: ClassifiedBatch) -> pa.RecordBatch:
        """The predictions of a batch, in its order."""
        winners = classified.classification.winners
        which = [index for index, winner in enumerate(winners) if winner is not None]
        schema = self.schema
        own = [one for one in schema if one.name in COLUMNS]
        found = [self._column(one.name, one.type, classified, which) for one in own]
        kept = classified.batch.fields
        if self.names and isinstance(kept, Kept):
            found += (kept if len(which) == len(winners) else kept.only(which)).columns.columns
        return pa.RecordBatch.from_arrays(found, schema=schema)

    def _column(
        self, name: str, kind: pa.DataType, classified: ClassifiedBatch, which: list[int]
    ) -> pa.Array:
        batch, found = classified.batch, classified.classification
        names, winners, scores = found.label_names, found.winners, found.scores
        values: list[Any]
        match name:
            case "scores":
                return self._scores(names, [scores[index] for index in which])
            case "text" if self.pairs:
                values = [batch.texts[index][0] for index in which]
            case "text":
                values = [batch.texts[index] for index in which]
            case "text_pair":
                values = [batch.texts[index][1] for index in which]
            case "label":
                values = [names[winners[index] or 0] for index in which]
            case "score":
                values = [scores[index][winners[index] or 0] for index in which]
            case "source":
                values = [batch.sources[index] for index in which]
            case "position":
                values = [batch.positions[index] for index in which]
            case "right_label":
                values = [classified.right_label(index) for index in which]
            case _:
                values = [batch.ids[index] for index in which]
        return pa.array(values, kind)

    def _scores(self, names: Sequence[str], scores: list[list[float]]) -> pa.Array:
        most = self.wanted.most_scores
        if most is None:
            width = len(names)
            labels = pa.array([*names] * len(scores), pa.string())
            flat = [one for row in scores for one in row]
        else:
            rows = [_scores(names, row, most) for row in scores]
            width = min(most, len(names))
            labels = pa.array([label for row in rows for label, _ in row], pa.string())
            flat = [score for row in rows for _, score in row]
        values = pa.StructArray.from_arrays([labels, pa.array(flat, pa.float64())], fields=[*SCORE])
        ends = pa.array(range(0, (len(scores) + 1) * width, width or 1), pa.int32())
        return pa.ListArray.from_arrays(ends, values, SCORES)
