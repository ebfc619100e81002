"""Predictions and dead letters into shards that appear whole or not at all."""

from collections.abc import Iterator

import apache_beam as beam
from apache_beam.coders import BytesCoder
from apache_beam.metrics import Metrics

from runinference_metrics.records import names
from runinference_metrics.records.record import ClassifiedBatch, Rejected
from runinference_metrics.writing.folder import DEAD_LETTERS, PREDICTIONS, in_folder


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
