"""Predictions, dead letters and metrics.json into the output folder."""

from collections.abc import Iterator
from typing import Any

import apache_beam as beam
import orjson
from apache_beam.coders import BytesCoder
from apache_beam.io.filesystems import FileSystems
from apache_beam.metrics import Metrics

from runinference_metrics import metrics as names
from runinference_metrics.records import ClassifiedBatch, Rejected

PREDICTIONS = "predictions"
DEAD_LETTERS = "dead_letters"
METRICS_FILE = "metrics.json"
# What a run leaves in its folder; report.html is written by `report`.
RESULT_PATTERNS = (f"{PREDICTIONS}-*", f"{DEAD_LETTERS}-*", METRICS_FILE, "report.html")
# Where Beam's sink keeps shards until they are whole; removed after an interrupted run.
TEMPORARY_PATTERNS = (f"beam-temp-{PREDICTIONS}-*", f"beam-temp-{DEAD_LETTERS}-*")


def in_folder(folder: str, name: str) -> str:
    """The path of a file or pattern in the output folder."""
    return FileSystems.join(folder, name)


class _PredictionLines(beam.DoFn):
    """A classified batch as one block of JSON lines."""

    def __init__(self) -> None:
        self._predicted = Metrics.counter(names.OWN_NAMESPACE, names.PREDICTED)

    def process(self, batch: ClassifiedBatch) -> Iterator[bytes]:
        lines = list(batch.prediction_lines())
        self._predicted.inc(len(lines))
        if lines:
            yield b"\n".join(lines)


class _DeadLetterLines(beam.DoFn):
    """Rejected rows as JSON lines, counted by reason."""

    def __init__(self) -> None:
        self._dead_lettered = Metrics.counter(names.OWN_NAMESPACE, names.DEAD_LETTERED)

    def process(self, rejected: Rejected) -> Iterator[bytes]:
        self._dead_lettered.inc()
        Metrics.counter(names.OWN_NAMESPACE, names.REASON_PREFIX + rejected.reason).inc()
        yield rejected.json_line()


class _WriteLines(beam.PTransform):
    """Blocks of lines into shards that appear whole or not at all."""

    def __init__(self, folder: str, name: str) -> None:
        super().__init__()
        self._prefix = in_folder(folder, name)

    def expand(self, blocks: beam.PCollection) -> beam.PCollection:
        return blocks | beam.io.WriteToText(
            self._prefix, file_name_suffix=".jsonl", coder=BytesCoder()
        )


class WritePredictions(beam.PTransform):
    """ClassifiedBatches into `predictions-SSSSS-of-NNNNN.jsonl`."""

    def __init__(self, folder: str) -> None:
        super().__init__()
        self._folder = folder

    def expand(self, batches: beam.PCollection) -> beam.PCollection:
        """Applies the transform."""
        return (
            batches
            | "Format" >> beam.ParDo(_PredictionLines()).with_output_types(bytes)
            | "Write" >> _WriteLines(self._folder, PREDICTIONS)
        )


class WriteDeadLetters(beam.PTransform):
    """Rejected rows into `dead_letters-SSSSS-of-NNNNN.jsonl`."""

    def __init__(self, folder: str) -> None:
        super().__init__()
        self._folder = folder

    def expand(self, rejected: beam.PCollection) -> beam.PCollection:
        """Applies the transform."""
        return (
            rejected
            | "Format" >> beam.ParDo(_DeadLetterLines()).with_output_types(bytes)
            | "Write" >> _WriteLines(self._folder, DEAD_LETTERS)
        )


def matching(folder: str, patterns: tuple[str, ...]) -> list[str]:
    """The files in `folder` that match any of the patterns."""
    found = FileSystems.match([in_folder(folder, pattern) for pattern in patterns])
    return [one.path for result in found for one in result.metadata_list]


def write_metrics(folder: str, document: dict[str, Any]) -> None:
    """Writes metrics.json: first beside it, then renamed, so that it is whole when it is there."""
    path = in_folder(folder, METRICS_FILE)
    temporary = in_folder(folder, f".{METRICS_FILE}.part")
    with FileSystems.create(temporary, mime_type="application/json") as stream:
        stream.write(orjson.dumps(document, option=orjson.OPT_INDENT_2) + b"\n")
    FileSystems.rename([temporary], [path])
