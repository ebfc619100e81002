"""Rows of two output folders, one beside the other: whose labels differ, and by how much."""

from array import array
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import orjson

from runinference_metrics.commands.shard_names import checked_names
from runinference_metrics.commands.shard_rows import Shard
from runinference_metrics.errors import RunFailed, UserError
from runinference_metrics.options.output import OutputFields, output_fields
from runinference_metrics.report.label_changes import LabelChanges, Moves
from runinference_metrics.writing import documents
from runinference_metrics.writing.folder import PREDICTIONS, RESULT_PATTERNS, matching

_MOST_EXAMPLES = 20
_LONGEST_TEXT = 300
# Pairs of labels that are shown; a model of a thousand has a million.
_MOST_PAIRS = 20
BY_ROW, BY_ID = "file and line", "id"
# What is read to compare, and what else is shown of rows with another label.
_COMPARED = ("label", "score", "source", "position", "right_label", "id")
_SHOWN = (*_COMPARED, "text", "text_pair", "scores")
# What a prediction has, unless it was written without.
_TYPES = {
    "label": str, "score": int | float, "source": str, "position": int, "text": str, "scores": dict,
}  # fmt: skip


@dataclass
class _Predictions:
    """The predictions of a folder, in columns.

    Args:
        folder: where they are.
        fields: which fields they have.
        keys: a hash of what tells each row, by what that is; of ids none where a row has none.
        labels: the number of each label.
        scores: the scores of these.
        rights: the number of each row's right label; -1 where it has none.
    """

    folder: str
    fields: OutputFields
    keys: dict[str, "array[int]"] = field(
        default_factory=lambda: {BY_ROW: array("q"), BY_ID: array("q")}
    )
    labels: "array[int]" = field(default_factory=lambda: array("l"))
    scores: "array[float]" = field(default_factory=lambda: array("d"))
    rights: "array[int]" = field(default_factory=lambda: array("l"))

    @property
    def has_places(self) -> bool:
        """Whether rows say which line of which file they are of."""
        return {"source", "position"} <= {*self.fields.names}

    @property
    def has_all_scores(self) -> bool:
        """Whether rows have the scores of all labels."""
        return "scores" in self.fields.names and not self.fields.most_scores

    def __len__(self) -> int:
        return len(self.labels)

    def rows(self, names: Sequence[str]) -> Iterator[dict[str, Any]]:
        """All predictions with some fields, as they are written."""
        needed = [(one, _TYPES[one]) for one in names if one in _TYPES and one in self.fields.names]
        for path in _shards(self.folder):
            shard = Shard(PREDICTIONS, path)
            for number, row in shard.rows(names):
                fault = row if isinstance(row, str) else ""
                missing = [
                    name for name, kind in needed
                    if isinstance(row, dict) and not isinstance(row.get(name), kind)
                ]  # fmt: skip
                if fault or missing:
                    why = fault or f"it has no {', '.join(missing)} as predictions have"
                    raise RunFailed(
                        f"{path}, {shard.unit} {number:,} is no prediction that can be compared "
                        f"({why}); `verify` says what else is wrong there."
                    )
                assert isinstance(row, dict)
                yield row


def _shards(folder: str) -> list[str]:
    return checked_names(sorted(matching(folder, RESULT_PATTERNS[:1])))[0]


def _key(row: dict[str, Any], by: str) -> int:
    if by == BY_ROW:
        return hash((row["source"], row["position"]))
    # As a text: in some formats ids are nothing else.
    found = row["id"]
    return hash(found if isinstance(found, str) else orjson.dumps(found).decode())


def _read(folder: str, names: dict[str, int]) -> _Predictions:
    """Reads a folder's predictions; `names` gets the numbers of labels."""
    found = _Predictions(folder, _fields(folder))
    has_places = found.has_places
    for row in found.rows(_COMPARED):
        if has_places:
            found.keys[BY_ROW].append(_key(row, BY_ROW))
        # A whole number beyond 64 bits is read as such a number too, and may be another's.
        if not isinstance(row.get("id"), float | None):
            found.keys[BY_ID].append(_key(row, BY_ID))
        found.labels.append(names.setdefault(row["label"], len(names)))
        found.scores.append(row["score"])
        right = row.get("right_label")
        found.rights.append(names.setdefault(right, len(names)) if isinstance(right, str) else -1)
    return found


def _asked(folder: str) -> str:
    return str(documents.read(folder)["run"]["parameters"].get("output_fields", ""))


def _fields(folder: str) -> OutputFields:
    return output_fields(_asked(folder))


def has_predictions(folder: str) -> bool:
    """Whether there are shards of predictions."""
    return not folder.endswith(".json") and bool(_shards(folder))


def changes(first: str, other: str) -> tuple[LabelChanges, Iterator[dict[str, Any]]]:
    """Compares the predictions of two output folders.

    Takes some 40 bytes of memory a row of each, and what the rows with another label take.

    Args:
        first: an output folder, local or gs://.
        other: another one.

    Returns:
        What became of the labels; and each row with another label, in the order of the files.

    Raises:
        UserError: predictions were written without what tells labels or rows.
        RunFailed: a shard cannot be read.
    """
    for folder in (first, other):
        if missing := [one for one in ("label", "score") if one not in _fields(folder).names]:
            raise _without(folder, " and ".join(missing))
    names: dict[str, int] = {}
    one, two = _read(first, names), _read(other, names)
    by, in_one, in_two = _matched(one, two)
    alone = len(one) - len(in_one), len(two) - len(in_two)
    if not len(in_one):
        return LabelChanges(by, 0, *alone), iter(())
    labels = np.array(one.labels)[in_one], np.array(two.labels)[in_two]
    differ = labels[0] != labels[1]
    moves = np.abs(np.array(one.scores)[in_one] - np.array(two.scores)[in_two])
    flips = _flips(one, two, by, set(np.array(one.keys[by])[in_one][differ].tolist()))
    # Of a row with another label the two scores are of different labels.
    if two.has_all_scores:
        moves[differ] = sorted(flip["moved"] for flip in flips)
    by_number = {number: name for name, number in names.items()}
    pairs = Counter(zip(labels[0][differ].tolist(), labels[1][differ].tolist(), strict=True))
    became_right = became_wrong = None
    rights = np.array(one.rights)[in_one]
    if (rights >= 0).any():
        became_right = int((differ & (labels[1] == rights)).sum())
        became_wrong = int((differ & (labels[0] == rights)).sum())
    surest = sorted(flips, key=lambda flip: (-min(flip["first"]["score"], flip["other"]["score"]),
                                             flip["source"], flip["position"]))  # fmt: skip
    found = LabelChanges(
        by,
        len(in_one),
        *alone,
        flipped=int(differ.sum()),
        from_to=[
            (by_number[before], by_number[after], texts)
            for (before, after), texts in pairs.most_common(_MOST_PAIRS)
        ],
        moves=_moves(moves) if two.has_all_scores or not flips else None,
        became_right=became_right,
        became_wrong=became_wrong,
        examples=surest[:_MOST_EXAMPLES],
    )
    return found, iter(sorted(flips, key=lambda flip: (flip["source"], flip["position"])))


def _moves(found: np.ndarray) -> Moves:
    p95 = np.percentile(found, 95, method="inverted_cdf")
    return Moves(float(found.mean()), float(p95), float(found.max()))


def _without(folder: str, what: str) -> UserError:
    takes = "runs whose predictions have label, score and what tells rows: source, position or id"
    return UserError(
        "RUN", takes, f"{folder!r} without {what}, by --output_fields={_asked(folder)}"
    )


def _matched(one: _Predictions, two: _Predictions) -> tuple[str, np.ndarray, np.ndarray]:
    """By what most rows are in both, and the places of these in each."""
    found = BY_ROW, *_common(one.keys[BY_ROW], two.keys[BY_ROW])
    if all(len(some.keys[BY_ID]) == len(some) for some in (one, two)):
        by_id = _common(one.keys[BY_ID], two.keys[BY_ID])
        if len(by_id[0]) > len(found[1]):
            return BY_ID, *by_id
    elif without := [some.folder for some in (one, two) if not some.has_places]:
        raise _without(without[0], "source and position, nor have all rows of both an id")
    return found


def _common(one: "array[int]", two: "array[int]") -> tuple[np.ndarray, np.ndarray]:
    """The places of the keys that are once in each."""
    places = []
    keys = []
    for some in (one, two):
        unique, first, times = np.unique(
            np.array(some, np.int64), return_index=True, return_counts=True
        )
        keys.append(unique[times == 1])
        places.append(first[times == 1])
    _, in_one, in_two = np.intersect1d(keys[0], keys[1], assume_unique=True, return_indices=True)
    return places[0][in_one], places[1][in_two]


def _flips(one: _Predictions, two: _Predictions, by: str, keys: set[int]) -> list[dict[str, Any]]:
    """The rows with these keys, of both."""
    if not keys:
        return []
    before = {key: row for row in one.rows(_SHOWN) if (key := _key(row, by)) in keys}
    found = []
    for row in two.rows(_SHOWN):
        if (key := _key(row, by)) in keys:
            old = before[key]
            texts = [row[one] for one in ("text", "text_pair") if isinstance(row.get(one), str)]
            found.append(
                {
                    "text": [_beginning(text) for text in texts],
                    "first": {name: old[name] for name in ("label", "score")},
                    "other": {name: row[name] for name in ("label", "score")},
                    "moved": abs(old["score"] - row["scores"].get(old["label"], 0.0))
                    if two.has_all_scores
                    else None,
                    "right_label": row.get("right_label"),
                    "source": row.get("source"),
                    "position": row.get("position"),
                    "id": row.get("id"),
                }
            )
    return found


def _beginning(text: str) -> str:
    return text if len(text) <= _LONGEST_TEXT else f"{text[:_LONGEST_TEXT]}…"
