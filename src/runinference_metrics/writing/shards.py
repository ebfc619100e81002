"""Predictions and dead letters into shards that appear whole or not at all."""

from collections.abc import Iterator
from typing import Any

import apache_beam as beam
from apache_beam.io.filebasedsink import FileBasedSink
from apache_beam.io.filesystem import CompressionTypes
from apache_beam.io.filesystems import FileSystems
from apache_beam.metrics import Metrics
from apache_beam.transforms.window import GlobalWindow
from apache_beam.utils.windowed_value import WindowedValue

from runinference_metrics.records import names
from runinference_metrics.records.prediction import lines
from runinference_metrics.records.record import ClassifiedBatch, Rejected
from runinference_metrics.writing.dead_letters import DEAD_LETTER_SCHEMA, dead_letter_columns
from runinference_metrics.writing.folder import DEAD_LETTERS, PREDICTIONS, in_folder
from runinference_metrics.writing.formats import PARQUET, Output
from runinference_metrics.writing.shard_files import ShardFile

# A column costs some hundred bytes however few rows it has.
_LETTERS_A_BLOCK = 1000


class _Blocks(beam.DoFn):
    """A classified batch as one block: JSON lines, or columns."""

    def __init__(self, output: Output) -> None:
        self._output = output
        self._predicted = Metrics.counter(names.OWN_NAMESPACE, names.PREDICTED)

    def process(self, batch: ClassifiedBatch) -> Iterator[Any]:
        self._predicted.inc(batch.predicted_count)
        if not batch.predicted_count:
            return
        if self._output.table:
            yield self._output.table.columns(batch)
        else:
            yield b"\n".join(lines(batch, self._output.wanted))


class _DeadLetterBlocks(beam.DoFn):
    """Rejected rows as JSON lines or columns, counted by reason."""

    def __init__(self, output: Output) -> None:
        self._output = output
        self._dead_lettered = Metrics.counter(names.OWN_NAMESPACE, names.DEAD_LETTERED)

    def start_bundle(self) -> None:
        self._held: list[Rejected] = []

    def process(self, rejected: Rejected) -> Iterator[Any]:
        self._dead_lettered.inc()
        Metrics.counter(names.OWN_NAMESPACE, names.REASON_PREFIX + rejected.reason).inc()
        if self._output.schema is None:
            yield rejected.json_line()
            return
        self._held.append(rejected)
        if len(self._held) == _LETTERS_A_BLOCK:
            yield dead_letter_columns(self._held)
            self._held = []

    def finish_bundle(self) -> Iterator[WindowedValue]:
        if self._held:
            window = GlobalWindow()
            block = dead_letter_columns(self._held)
            yield WindowedValue(block, window.max_timestamp(), (window,))


class _Sink(FileBasedSink):
    """Beam's sink of files, for blocks of predictions."""

    def __init__(self, prefix: str, output: Output) -> None:
        super().__init__(
            prefix, None, output.suffix, output.num_shards,
            # The formats have their own.
            compression_type=CompressionTypes.UNCOMPRESSED,
            max_bytes_per_shard=output.max_shard_bytes,
        )  # fmt: skip
        self._output = output

    def open(self, temp_path: str) -> ShardFile:
        """Opens a shard, before which any other one was closed."""
        stream = FileSystems.create(temp_path, self.mime_type, self.compression_type)
        shard = self._output.shard(stream)
        self.byte_counter = _Counter(shard)
        return shard

    def write_record(self, file_handle: ShardFile, value: Any) -> None:
        """Writes a block."""
        file_handle.write(value)


class _Counter:
    """What Beam asks how large a shard is."""

    def __init__(self, shard: ShardFile) -> None:
        self._shard = shard

    @property
    def bytes_written(self) -> int:
        return self._shard.num_bytes


class WritePredictions(beam.PTransform):
    """ClassifiedBatches into `predictions-SSSSS-of-NNNNN.jsonl`, or another format.

    Args:
        folder: the output folder.
        output: how they are written.
    """

    def __init__(self, folder: str, output: Output) -> None:
        super().__init__()
        self._folder = folder
        self._output = output

    def expand(self, batches: beam.PCollection) -> beam.PCollection:
        """Applies the transform."""
        return (
            batches
            | "Format" >> beam.ParDo(_Blocks(self._output))
            | "Write" >> beam.io.Write(_Sink(in_folder(self._folder, PREDICTIONS), self._output))
        )


class WriteDeadLetters(beam.PTransform):
    """Rejected rows into `dead_letters-SSSSS-of-NNNNN.jsonl`; or into Parquet, to be loaded.

    Args:
        folder: the output folder.
        to_load: whether a table is to have them.
    """

    def __init__(self, folder: str, to_load: bool = False) -> None:
        super().__init__()
        self._output = Output(PARQUET, schema=DEAD_LETTER_SCHEMA) if to_load else Output()
        self._prefix = in_folder(folder, DEAD_LETTERS)

    def expand(self, rejected: beam.PCollection) -> beam.PCollection:
        """Applies the transform."""
        return (
            rejected
            | "Format" >> beam.ParDo(_DeadLetterBlocks(self._output))
            | "Write" >> beam.io.Write(_Sink(self._prefix, self._output))
        )
