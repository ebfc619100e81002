"""What became of a run's files, in bounded memory, whatever order and grouping they come in."""

import heapq
import zlib
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import apache_beam as beam

from runinference_metrics.errors import brief
from runinference_metrics.records.events import FileFound, PartRead

# Enough to see what is wrong; the dead letters have every row.
MOST_WORST = 20
# Nobody reads more; a file with its own columns has a description of its own.
MOST_FORMATS = 20
OTHER_FORMATS = "others"
# A detail may quote a row, and a row may have megabytes.
LONGEST_DETAIL = 300
# How the description of a file begins that is one text: a bad one is one lost row, not a lost file.
_DOCUMENT = "document"


def joined(one: PartRead, other: PartRead) -> PartRead:
    """Two parts of a file as one; the same in any order and grouping."""
    shown = min(one, other, key=_urgency)
    return PartRead(
        one.path,
        one.read + other.read,
        one.blank + other.blank,
        one.rejected + other.rejected,
        max(one.file_format, other.file_format),
        shown.reason,
        shown.detail,
        shown.first_reason,
    )


def _urgency(part: PartRead) -> tuple[Any, ...]:
    # What ended the reading says more than a bad row, and that more than nothing.
    return (not part.reason, not part.first_reason, part.reason, part.first_reason, part.detail)


def why_failed(file: PartRead) -> str:
    """Why a file is lost: it could not be read to its end, or none of its rows gave a record.

    Args:
        file: all of its parts, joined.

    Returns:
        The reason's short name; "" where the file is not lost.
    """
    if file.reason:
        return file.reason
    rows = file.read - file.blank
    lost = 0 < rows == file.rejected and not file.file_format.startswith(_DOCUMENT)
    return file.first_reason or "no_record" if lost else ""


# How bad a file is: its rest is unknown; all of its rows are known and lost; some are.
_UNREAD, _LOST, _KEPT = range(3)


@dataclass(frozen=True, slots=True, order=True)
class _Worst:
    """A file with losses; the worst are the smallest."""

    rank: int
    negative_rejected: int
    path: str
    rows: int
    reason: str
    detail: str

    @classmethod
    def of(cls, file: PartRead) -> "_Worst":
        failed = why_failed(file)
        rank = _UNREAD if file.reason else _LOST if failed else _KEPT
        return cls(rank, -file.rejected, file.path, file.read - file.blank,
                   failed or file.first_reason, brief(file.detail, LONGEST_DETAIL))  # fmt: skip

    def as_json(self) -> dict[str, Any]:
        return {
            "path": self.path,
            "failed": self.rank != _KEPT,
            "reason": self.reason,
            "detail": self.detail,
            "rows": self.rows,
            "rejected": -self.negative_rejected,
        }


class Files:
    """How many files were found, read, skipped, empty and failed, and which are the worst."""

    def __init__(self) -> None:
        self.found = 0
        self.num_bytes = 0
        self.read = 0
        self.empty = 0
        self.skipped: Counter[str] = Counter()
        self.failed: Counter[str] = Counter()
        self.formats: Counter[str] = Counter()
        self.with_results = 0
        self.fingerprint = 0
        self._worst: list[_Worst] = []

    def add_found(self, file: FileFound) -> None:
        """Adds a file that a pattern matched."""
        self.found += 1
        self.num_bytes += file.size_bytes
        if file.skipped:
            self.skipped[file.skipped] += 1

    def add_read(self, file: PartRead) -> None:
        """Adds a file of which every part was read, its parts joined."""
        if reason := why_failed(file):
            self.failed[reason] += 1
        else:
            self.read += 1
            self.empty += file.read == file.blank
        if file.file_format:
            self.formats[file.file_format] += 1
            self._limit_formats()
        if file.read > file.blank:
            self.with_results += 1
            self.fingerprint = (self.fingerprint + fingerprint_of(file.path)) % 2**64
        if file.reason or file.rejected:
            self._keep_worst([_Worst.of(file)])

    def merge(self, other: "Files") -> None:
        """Adds all files of another."""
        for name in ("found", "num_bytes", "read", "empty", "with_results"):
            setattr(self, name, getattr(self, name) + getattr(other, name))
        for name in ("skipped", "failed", "formats"):
            getattr(self, name).update(getattr(other, name))
        self._limit_formats()
        self.fingerprint = (self.fingerprint + other.fingerprint) % 2**64
        self._keep_worst(other._worst)

    def _limit_formats(self) -> None:
        # As for the rows of workers: what is dropped anywhere would be dropped at the end too.
        while len(self.formats) - (OTHER_FORMATS in self.formats) > MOST_FORMATS:
            last = max(one for one in self.formats if one != OTHER_FORMATS)
            self.formats[OTHER_FORMATS] += self.formats.pop(last)

    def _keep_worst(self, more: Iterable[_Worst]) -> None:
        self._worst = heapq.nsmallest(MOST_WORST, [*self._worst, *more])

    @property
    def worst(self) -> list[dict[str, Any]]:
        """The files with losses: those not read to their end, then lost ones, then by rows."""
        return [one.as_json() for one in self._worst]

    def as_json(self) -> dict[str, Any]:
        """The section of metrics.json."""
        return {
            "found": self.found,
            "bytes": self.num_bytes,
            "read": self.read,
            "empty": self.empty,
            "skipped": self.skipped.total(),
            "skipped_by_reason": _commonest_first(self.skipped),
            "failed": self.failed.total(),
            "failed_by_reason": _commonest_first(self.failed),
            "formats": [
                {"format": name, "files": files}
                for name, files in _commonest_first(self.formats).items()
            ],
            "worst": self.worst,
            "with_results": self.with_results,
            "fingerprint": fingerprint(self.with_results, self.fingerprint),
        }


def fingerprint(files: int, total: int) -> str:
    """Of how many files, and the sum of `fingerprint_of` their names modulo 2^64."""
    return f"{files}-{total:016x}"


def fingerprint_of(path: str) -> int:
    """What a file's name adds to the fingerprint of all."""
    return zlib.crc32(path.encode())


def _commonest_first(counts: Counter[str]) -> dict[str, int]:
    return dict(sorted(counts.items(), key=lambda item: (-item[1], item[0])))


class _JoinParts(beam.CombineFn):
    """Parts of one file to the whole of it."""

    def create_accumulator(self) -> PartRead | None:
        return None

    def add_input(self, accumulator: PartRead | None, element: PartRead) -> PartRead:
        return element if accumulator is None else joined(accumulator, element)

    def merge_accumulators(self, accumulators: Iterable[PartRead | None]) -> PartRead | None:
        merged = None
        for one in accumulators:
            if one is not None:
                merged = self.add_input(merged, one)
        return merged

    def extract_output(self, accumulator: PartRead | None) -> PartRead | None:
        return accumulator


class WholeFiles(beam.PTransform):
    """PartReads to one PartRead a file: whether a file is lost, no single part of it can say."""

    def expand(self, parts: beam.PCollection) -> beam.PCollection:
        """Applies the transform."""
        return (
            parts
            | "By path" >> beam.Map(_by_path).with_output_types(tuple[str, PartRead])
            | "Join parts" >> beam.CombinePerKey(_JoinParts())
            | "Without path" >> beam.Values()
        )


def _by_path(part: PartRead) -> tuple[str, PartRead]:
    return part.path, part
