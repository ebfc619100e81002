"""What happens in a run, as the summary counts it."""

from collections import Counter
from dataclasses import dataclass

from runinference_metrics.records.certainty import Certainty, Scored
from runinference_metrics.records.measured import BatchRun, BatchStats
from runinference_metrics.records.quality import Quality
from runinference_metrics.records.record import ClassifiedBatch


@dataclass(frozen=True, slots=True)
class Began:
    """The run began to work, at this time since the epoch."""

    micro_secs: int


@dataclass(frozen=True, slots=True)
class FileFound:
    """An input file.

    Args:
        size_bytes: its size as stored.
        skipped: why it holds no data, as a short name; "" if it is read.
    """

    size_bytes: int
    skipped: str = ""


@dataclass(frozen=True, slots=True)
class PartRead:
    """A range of a file that was read, or the whole of it.

    Args:
        path: the file.
        read: its rows.
        blank: how many of them were blank.
        rejected: how many of them gave no record.
        file_format: how the file was understood, in a few words.
        reason: why the file could not be read to its end, as a short name; "" if it was.
        detail: a sentence on that; or on the first row that gave no record.
        first_reason: the reason of the first row that gave no record.
    """

    path: str
    read: int
    blank: int
    rejected: int = 0
    file_format: str = ""
    reason: str = ""
    detail: str = ""
    first_reason: str = ""


@dataclass(frozen=True, slots=True)
class DeadLettered:
    """One row that got no prediction."""

    reason: str


@dataclass(frozen=True, slots=True)
class BatchMeasured:
    """A classified batch without its texts.

    Args:
        run: when and where.
        stats: what it took.
        labels: predicted texts by label.
        certainty: how sure the model was of them.
        quality: how right it was; None where the rows' own labels are not asked for.
        fingerprint: see `RecordBatch.fingerprint`.
    """

    run: BatchRun
    stats: BatchStats
    labels: Counter[str]
    certainty: Certainty
    quality: Quality | None
    fingerprint: int

    @classmethod
    def of(cls, classified: ClassifiedBatch) -> "BatchMeasured":
        """What a batch says of itself."""
        found = classified.classification
        labels = Counter({
            found.label_names[one]: texts
            for one, texts in Counter(found.winners).items() if one is not None
        })  # fmt: skip
        scored = Scored.of(found)
        return cls(
            classified.run,
            found.stats,
            labels,
            Certainty.of(classified, scored),
            Quality.of(classified, scored),
            classified.batch.fingerprint(),
        )


Event = Began | FileFound | PartRead | DeadLettered | BatchMeasured
