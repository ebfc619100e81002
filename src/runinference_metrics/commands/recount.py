"""Recounting an output folder from its shards, against its metrics.json."""

import os
from array import array
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from runinference_metrics.commands.shard_names import checked_names, kind_of
from runinference_metrics.commands.shard_rows import Damaged, Row, Shard, tables_of
from runinference_metrics.errors import RunFailed
from runinference_metrics.metrics.files import fingerprint, fingerprint_of
from runinference_metrics.options.output import output_fields
from runinference_metrics.writing import documents
from runinference_metrics.writing.folder import (
    DEAD_LETTERS,
    PREDICTIONS,
    RESULT_PATTERNS,
    matching,
    unfinished_in,
)

# What all predictions and dead letters have, and what is read of them.
_NEEDED = {
    PREDICTIONS: ("label", "source", "position"),
    DEAD_LETTERS: ("reason", "source", "position"),
}
_NAMES = {**_NEEDED, PREDICTIONS: (*_NEEDED[PREDICTIONS], "right_label")}
# Of each kind of difference; the first ones show what is wrong, a million more do not.
_MOST_NAMED = 5
# What cannot be checked where predictions lack a field.
_CHECKS = (
    ("their labels", {"label"}),
    ("their right labels", {"right_label"}),
    ("their input files", {"source"}),
    # Ids are no keys: nobody promised that they differ.
    ("whether one is there twice", {"source", "position"}),
)


@dataclass
class Recount:
    """What the shards of an output folder hold.

    Args:
        predictions: lines that are predictions.
        labels: predictions by label.
        right_labels: predictions by their right label and whether they have it; those that have
            such a field.
        reasons: dead letters by reason.
        shards: shards by kind.
        files: input files of which there is a row.
        files_fingerprint: see `metrics.files.fingerprint_of`; the sum of theirs.
        differences: what is wrong, a sentence each.
        unseen: what predictions do not have of what is compared, as the run was asked for.
    """

    predictions: int = 0
    labels: Counter[str] = field(default_factory=Counter)
    right_labels: Counter[tuple[str, bool]] = field(default_factory=Counter)
    reasons: Counter[str] = field(default_factory=Counter)
    shards: Counter[str] = field(default_factory=Counter)
    files: int = 0
    files_fingerprint: int = 0
    differences: list[str] = field(default_factory=list)
    unseen: tuple[str, ...] = ()

    @property
    def unchecked(self) -> list[str]:
        """What of predictions can therefore not be checked."""
        return [what for what, fields in _CHECKS if fields & {*self.unseen}]

    @property
    def dead_letters(self) -> int:
        """Lines that are dead letters."""
        return self.reasons.total()


class _Row:
    """What verifying needs of a row.

    Args:
        shard: where it stands.
        row: the row, or why it is none.
        needed: the fields that all rows of this kind have.

    Raises:
        ValueError: the row is none of this kind; says why, without quoting it.
    """

    __slots__ = ("key", "name", "right_label", "source")

    def __init__(self, shard: Shard, row: Row, needed: Sequence[str]) -> None:
        if isinstance(row, str):
            raise ValueError(row)
        for name in needed:
            if not isinstance(row.get(name), int if name == "position" else str):
                what = "JSON object" if shard.unit == "line" else "row"
                *most, last = needed
                listed = " and ".join(filter(None, (", ".join(most), last)))
                raise ValueError(f"it is no {what} with {listed}")
        self.name: str = row.get(_NEEDED[shard.kind][0], "")
        self.right_label = row.get("right_label")
        if not isinstance(self.right_label, str | None):
            raise ValueError("its right_label is no text")
        self.source: str | None = row["source"] if "source" in needed else None
        self.key: tuple[str, int] | None = None
        if self.source is not None and "position" in needed:
            self.key = self.source, row["position"]


def verify(folder: str) -> tuple[dict[str, Any], Recount]:
    """Counts a folder's shards, line by line, and compares them with its metrics.json.

    Takes 8 bytes of memory a row and some 200 a file of the input, beside the longest line: 0.8 GB
    for a hundred million rows, 0.2 GB for a million files.

    Args:
        folder: an output folder, local or gs://; or where the metrics.json lies of a run whose
            results are in tables.

    Returns:
        The content of metrics.json, and what was counted.

    Raises:
        UserError: there is no metrics.json that can be read.
        RunFailed: a shard cannot be read.
    """
    document = documents.read(folder)
    parameters = document["run"]["parameters"]
    fields = output_fields(str(parameters.get("output_fields", ""))).names
    compared = _NAMES[PREDICTIONS] if document["quality"] else _NEEDED[PREDICTIONS]
    found = Recount(unseen=tuple(one for one in compared if one not in fields))
    try:
        shards = tables_of(str(parameters.get("output", ""))) or _shards(folder, found)
        found.shards = Counter(one.kind for one in shards)
    except OSError as error:
        raise RunFailed(f"{folder} cannot be read: {error}") from error
    found.differences += _twice(shards, _count(shards, found), found)
    _compare(document, found)
    return document, found


def _shards(folder: str, found: Recount) -> list[Shard]:
    """The files of a folder, which must be all of one run."""
    found.differences += [
        f"{os.path.basename(one.rstrip('/'))} is there: another run is going on, or was killed"
        for one in unfinished_in(folder)
    ]
    shards, wrong = checked_names(sorted(matching(folder, RESULT_PATTERNS[:2])))
    found.differences += wrong
    return [Shard(kind_of(one), one) for one in shards]


def _rows(shard: Shard, unseen: Sequence[str], wrong: list[str]) -> Iterator[_Row]:
    """The rows of a shard that can be counted; `wrong` gets a sentence on each other one."""
    kind, bad = shard.kind, 0
    # Dead letters have all of their fields.
    needed = [one for one in _NEEDED[kind] if kind == DEAD_LETTERS or one not in unseen]
    try:
        for number, values in shard.rows(_NAMES[kind]):
            try:
                row = _Row(shard, values, needed)
            except ValueError as error:
                bad += 1
                if bad <= _MOST_NAMED:
                    wrong.append(f"{shard.name}, {shard.unit} {number:,} cannot be used: {error}")
                continue
            yield row
    except Damaged as error:
        wrong.append(f"{shard.name} {error.what}")
    if bad > _MOST_NAMED:
        wrong.append(f"{shard.name} has {bad - _MOST_NAMED:,} more such {shard.unit}s")


def _count(shards: list[Shard], found: Recount) -> "array[int]":
    """Counts all rows, and the files they came from; returns a hash of each row's key."""
    keys = array("q")
    sources: set[str] = set()
    for shard in shards:
        for row in _rows(shard, found.unseen, found.differences):
            if row.key:
                keys.append(hash(row.key))
            if row.source is not None and row.source not in sources:
                sources.add(row.source)
                found.files_fingerprint += fingerprint_of(row.source)
            if shard.kind == PREDICTIONS:
                found.predictions += 1
                found.labels[row.name] += 1
                if row.right_label is not None:
                    found.right_labels[row.right_label, row.right_label == row.name] += 1
            else:
                found.reasons[row.name] += 1
    found.files = len(sources)
    found.files_fingerprint %= 2**64
    return keys


def _twice(shards: list[Shard], keys: "array[int]", found: Recount) -> list[str]:
    """The rows that are there more than once.

    Equal hashes may be chance, so the rows that have them are looked at again, by their names.
    """
    ordered = np.frombuffer(keys, dtype=np.int64).copy() if keys else np.empty(0, np.int64)
    ordered.sort()
    suspects = set(ordered[1:][ordered[1:] == ordered[:-1]].tolist())
    if not suspects:
        return []
    seen: Counter[tuple[str, int]] = Counter()
    for shard in shards:
        # What is wrong was said when they were counted.
        for row in _rows(shard, found.unseen, []):
            if row.key and hash(row.key) in suspects:
                seen[row.key] += 1
    twice = [(key, times) for key, times in sorted(seen.items()) if times > 1]
    named = [
        f"row {position:,} of {source!r} is there {times} times"
        for (source, position), times in twice[:_MOST_NAMED]
    ]
    if len(twice) > _MOST_NAMED:
        named.append(f"{len(twice) - _MOST_NAMED:,} more rows are there several times")
    return named


def _compare(document: dict[str, Any], found: Recount) -> None:
    records, files = document["records"], document["files"]
    found.differences += _adding_up(
        "rows read", records["read"],
        records["predicted"] + records["dead_lettered"] + records["blank"],
    )  # fmt: skip
    if files:
        found.differences += _adding_up(
            "files found", files["found"], files["read"] + files["skipped"] + files["failed"]
        )
    pairs = [
        ("predictions", records["predicted"], found.predictions),
        ("dead letters", records["dead_lettered"], found.dead_letters),
    ]
    by_reason = records["dead_letters_by_reason"]
    pairs += [
        (f"dead letters for {reason}", by_reason.get(reason, 0), found.reasons[reason])
        for reason in sorted({*by_reason, *found.reasons})
    ]
    # The Dataflow API knows no labels.
    if document["run"].get("source") == "pipeline" and "label" not in found.unseen:
        labels = {one["label"]: one["texts"] for one in document["labels"]}
        pairs += [
            (f"predictions of {label}", labels.get(label, 0), found.labels[label])
            for label in sorted({*labels, *found.labels})
        ]
    quality = document["quality"] or {} if not {"label", "right_label"} & {*found.unseen} else {}
    for label in quality.get("labels", []):
        name = label["label"]
        right, wrong = (found.right_labels[name, one] for one in (True, False))
        pairs.append((f"rows whose right label is {name}", label["right"], right + wrong))
        pairs.append((f"right predictions of {name}", label["hits"], right))
    found.differences += [
        f"{name}: metrics.json says {said:,}, the shards have {counted:,}"
        for name, said, counted in pairs
        if said != counted
    ]
    if files and "source" not in found.unseen:
        found.differences += _compare_files(files, found)


def _adding_up(what: str, whole: int, parts: int) -> list[str]:
    if whole == parts:
        return []
    few = "few" if whole > parts else "many"
    return [
        f"metrics.json does not add up: {whole:,} {what}, {abs(whole - parts):,} too {few} "
        "accounted for"
    ]


def _compare_files(files: dict[str, Any], found: Recount) -> list[str]:
    """An input file without a row is missed, and so is one that took another's place."""
    if files["with_results"] != found.files:
        return [
            f"input files with results: metrics.json says {files['with_results']:,}, "
            f"the shards have {found.files:,}"
        ]
    if files["fingerprint"] != fingerprint(found.files, found.files_fingerprint):
        return ["input files with results: the shards name other files than metrics.json knows"]
    return []
