"""Our metrics against Beam's own collector, on the same batches."""

from pathlib import Path
from typing import Any

import apache_beam as beam
import pytest
from apache_beam.ml.inference.base import ModelHandler, RunInference
from apache_beam.runners.portability.fn_api_runner import FnApiRunner
from apache_beam.testing.util import assert_that

from runinference_metrics import names
from runinference_metrics.beam_metrics import BeamMetrics
from runinference_metrics.classifier import ClassifierSpec
from runinference_metrics.inference import ClassifierHandler, ClassifyBatches
from runinference_metrics.records import ClassifiedBatch, Record, RecordBatch


class BeamsOwn(ModelHandler[Any, Any, Any]):
    """The same work, with Beam's collector left to count."""

    def __init__(self, spec: ClassifierSpec) -> None:
        super().__init__()
        self.spec = spec

    def load_model(self) -> Any:
        return self.spec.load()

    def run_inference(self, batch: Any, model: Any, inference_args: Any = None) -> list[Any]:
        return [model.classify(batch.texts)]

    def get_num_bytes(self, batch: Any) -> int:
        return sum(len(text.encode()) for text in batch.texts)

    def get_metrics_namespace(self) -> str:
        return "reference"

    def should_skip_batching(self) -> bool:
        return True


def batches_of(sizes: list[int]) -> list[RecordBatch]:
    return [
        RecordBatch.of([Record(f"a good film é {n}", "f.txt", n + 1) for n in range(size)])
        for size in sizes
    ]


def run(build: Any) -> BeamMetrics:
    pipeline = beam.Pipeline(runner=FnApiRunner())
    build(pipeline)
    result = pipeline.run()
    result.wait_until_finish()
    return BeamMetrics.of_result(result)


@pytest.mark.parametrize("sizes", [[1], [3, 512, 40, 7]])
def test_the_metrics_are_those_of_beams_own_collector(distilbert: Path, sizes: list[int]) -> None:
    spec = ClassifierSpec(str(distilbert))

    def build(pipeline: beam.Pipeline) -> None:
        source = pipeline | beam.Create(batches_of(sizes))
        source | "Ours" >> RunInference(ClassifierHandler(spec))
        source | "Beam's" >> RunInference(BeamsOwn(spec))

    found = run(build)
    for counter in (names.NUM_INFERENCES, names.FAILED_BATCHES):
        assert found.counter(names.BEAM_NAMESPACE, counter) == found.counter("reference", counter)
    assert found.counter(names.BEAM_NAMESPACE, names.NUM_INFERENCES) == sum(sizes)
    for name in (names.BATCH_SIZE, names.BATCH_BYTES):
        assert found.distribution(names.BEAM_NAMESPACE, name) == found.distribution(
            "reference", name
        )
    for name in (names.LATENCY, names.LOAD_LATENCY):
        ours = found.distribution(names.BEAM_NAMESPACE, name)
        beams = found.distribution("reference", name)
        assert ours.count == beams.count
        assert ours.sum > 0
    size = found.distribution(names.BEAM_NAMESPACE, names.MODEL_BYTES)
    loaded = spec.load().model_bytes
    assert (size.count, size.min, size.max) == (1, loaded, loaded)


class SteppingClock:
    """Every look at it is 5 ms later; so a call takes 5 ms exactly."""

    def __init__(self) -> None:
        self.now = 0

    def time_ns(self) -> int:
        self.now += 5_000_000
        return self.now


def test_latencies_are_the_clocks(distilbert: Path) -> None:
    handler = ClassifierHandler(ClassifierSpec(str(distilbert)), clock=SteppingClock())
    found = run(lambda p: p | beam.Create(batches_of([2, 3])) | RunInference(handler))
    latency = found.distribution(names.BEAM_NAMESPACE, names.LATENCY)
    assert (latency.count, latency.sum, latency.min, latency.max) == (2, 10_000, 5000, 5000)
    load = found.distribution(names.BEAM_NAMESPACE, names.LOAD_LATENCY)
    assert (load.count, load.sum) == (1, 5)


class FailsOnThree(ClassifierHandler):
    """Fails on batches of three texts."""

    def load_model(self) -> Any:
        model = super().load_model()
        classify = model.classify

        def fail(texts: Any) -> Any:
            if len(texts) == 3:
                raise RuntimeError("three")
            return classify(texts)

        model.classify = fail  # type: ignore[method-assign]
        return model


def test_failed_batches_are_counted_and_are_no_inferences(distilbert: Path) -> None:
    handler = FailsOnThree(ClassifierSpec(str(distilbert)))

    def build(pipeline: beam.Pipeline) -> None:
        (
            pipeline
            | beam.Create(batches_of([2, 3, 4]))
            | RunInference(handler).with_exception_handling()
        )

    found = run(build)
    assert found.counter(names.BEAM_NAMESPACE, names.FAILED_BATCHES) == 1
    assert found.counter(names.BEAM_NAMESPACE, names.NUM_INFERENCES) == 6


def test_small_batches_are_joined_before_inference(distilbert: Path) -> None:
    handler = ClassifierHandler(ClassifierSpec(str(distilbert)))

    def check(found: list[ClassifiedBatch]) -> None:
        assert sum(len(one.batch) for one in found) == 30
        assert all(one.predicted_count == len(one.batch) for one in found)

    def build(pipeline: beam.Pipeline) -> None:
        classified = (
            pipeline
            | beam.Create(batches_of([1] * 30), reshuffle=False)
            | ClassifyBatches(handler, 10, 20)
        )
        assert_that(classified, check)

    found = run(build)
    sizes = found.distribution(names.BEAM_NAMESPACE, names.BATCH_SIZE)
    assert (sizes.count, sizes.min, sizes.max) == (3, 10, 10)
