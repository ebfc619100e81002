"""The transform around RunInference: small batches joined, then classified."""

from collections.abc import Iterator

import apache_beam as beam
from apache_beam.ml.inference.base import RunInference
from apache_beam.transforms.window import GlobalWindow
from apache_beam.utils.windowed_value import WindowedValue

from runinference_metrics.inference.handler import ClassifierHandler
from runinference_metrics.records.batching import Joiner
from runinference_metrics.records.record import RecordBatch


class _JoinBatches(beam.DoFn):
    """Joins small batches, across files, until they hold `min_batch_size` texts."""

    def __init__(self, min_batch_size: int, max_batch_size: int) -> None:
        self._sizes = (min_batch_size, max_batch_size)

    def start_bundle(self) -> None:
        self._joiner = Joiner(*self._sizes)

    def process(self, batch: RecordBatch) -> Iterator[RecordBatch]:
        for group in self._joiner.add(batch):
            yield RecordBatch.join(group)  # type: ignore[arg-type]

    def finish_bundle(self) -> Iterator[WindowedValue]:
        window = GlobalWindow()
        for group in self._joiner.flush():
            joined = RecordBatch.join(group)  # type: ignore[arg-type]
            yield WindowedValue(joined, window.max_timestamp(), (window,))


class ClassifyBatches(beam.PTransform):
    """RecordBatches to ClassifiedBatches, through Beam's RunInference.

    Args:
        handler: the handler.
        min_batch_size: batches with fewer texts are joined first.
        max_batch_size: no batch holds more texts.
        accelerator: a resource hint: the GPU that this step alone is to have.
    """

    def __init__(
        self,
        handler: ClassifierHandler,
        min_batch_size: int,
        max_batch_size: int,
        accelerator: str | None = None,
    ) -> None:
        super().__init__()
        self._handler = handler
        self._accelerator = accelerator
        self._sizes = (min_batch_size, max_batch_size)

    def expand(self, batches: beam.PCollection) -> beam.PCollection:
        """Applies the transform."""
        joined = batches | "Join small batches" >> beam.ParDo(_JoinBatches(*self._sizes))
        if not self._accelerator:
            return joined | "RunInference" >> RunInference(self._handler)
        inference = RunInference(self._handler).with_resource_hints(accelerator=self._accelerator)
        # Steps that are fused with inference would run on the workers with a GPU too.
        return (
            joined
            | "To the GPUs" >> beam.Reshuffle()
            | "RunInference" >> inference
            | "From the GPUs" >> beam.Reshuffle()
        )
