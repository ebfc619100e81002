"""Our metrics against Beam's own collector, on the same batches."""

import re
from pathlib import Path
from typing import Any

import apache_beam as beam
import pytest
from apache_beam.ml.inference.base import ModelHandler, RunInference
from apache_beam.runners.portability.fn_api_runner import FnApiRunner
from apache_beam.testing.util import assert_that

from fakes_for_tests import FakeHandler, FaultPlan
from runinference_metrics.classifier.classifier import ClassifierSpec
from runinference_metrics.errors import UserError
from runinference_metrics.inference.handler import ClassifierHandler
from runinference_metrics.inference.transform import ClassifyBatches
from runinference_metrics.metrics.beam_metrics import BeamMetrics
from runinference_metrics.records import names
from runinference_metrics.records.record import ClassifiedBatch, Record, RecordBatch
from runinference_metrics.recovery.blame import BrokenClassifier


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


def test_a_failed_batch_is_counted_and_its_good_texts_are_inferences() -> None:
    handler = FakeHandler(FaultPlan(poison=("2",)), "failed batch")
    batches = batches_of([2, 4, 1])

    def check(found: list[ClassifiedBatch]) -> None:
        assert sorted(one.predicted_count for one in found) == [1, 2, 3]
        assert [letter.text for one in found for letter in one.rejected] == ["a good film é 2"]

    def build(pipeline: beam.Pipeline) -> None:
        assert_that(pipeline | beam.Create(batches) | RunInference(handler), check)

    found = run(build)
    assert found.counter(names.BEAM_NAMESPACE, names.FAILED_BATCHES) == 1
    assert found.counter(names.BEAM_NAMESPACE, names.NUM_INFERENCES) == 6
    sizes = found.distribution(names.BEAM_NAMESPACE, names.BATCH_SIZE)
    assert (sizes.count, sizes.sum, sizes.min, sizes.max) == (3, 6, 1, 3)
    request_bytes = found.distribution(names.BEAM_NAMESPACE, names.BATCH_BYTES)
    assert (request_bytes.count, request_bytes.sum) == (3, 6 * len("a good film é 0".encode()))
    assert found.distribution(names.BEAM_NAMESPACE, names.LATENCY).count == 3
    # In halves twice, the text alone twice more, and the canary.
    assert found.own(names.RECLASSIFICATIONS) == 2 + 2 + 2 + 1


def test_a_batch_without_a_good_text_is_a_failed_one_and_no_other() -> None:
    handler = FakeHandler(FaultPlan(every=1), "no good text")

    def check(found: list[ClassifiedBatch]) -> None:
        assert [one.predicted_count for one in found] == [0, 0]
        assert sum(len(one.rejected) for one in found) == 5

    def build(pipeline: beam.Pipeline) -> None:
        assert_that(pipeline | beam.Create(batches_of([2, 3])) | RunInference(handler), check)

    found = run(build)
    assert found.counter(names.BEAM_NAMESPACE, names.FAILED_BATCHES) == 2
    assert found.counter(names.BEAM_NAMESPACE, names.NUM_INFERENCES) == 0
    for name in (names.BATCH_SIZE, names.BATCH_BYTES, names.LATENCY):
        assert found.distribution(names.BEAM_NAMESPACE, name).count == 0
    assert found.distribution(names.BEAM_NAMESPACE, names.LOAD_LATENCY).count == 1


def test_a_fault_that_is_not_the_texts_fails_the_bundle() -> None:
    # The second call: the first is the canary's, after loading.
    handler = FakeHandler(FaultPlan(device_lost_at=2), "device lost")
    with pytest.raises(Exception, match="CUDA error: device-side assert triggered"):
        run(lambda p: p | beam.Create(batches_of([2])) | RunInference(handler))
    assert handler.state.calls == 2


def test_a_model_that_does_not_classify_is_refused() -> None:
    for plan, reason in (
        (FaultPlan(not_finite=("ok",)), r"scores for the text 'ok' are \[nan, nan\]"),
        (FaultPlan(broken_at=1), "mat1 and mat2 shapes"),
    ):
        handler = FakeHandler(plan, "no classifier")
        with pytest.raises(UserError, match="--model takes a model that classifies") as caught:
            handler.load_model()
        assert re.search(reason, str(caught.value))


def test_a_model_that_turns_to_nan_fails_the_bundle() -> None:
    handler = FakeHandler(FaultPlan(), "turns to nan")
    model = handler.load_model()
    model._plan = FaultPlan(not_finite=("ok", "good"))
    with pytest.raises(BrokenClassifier, match="scores for the text 'ok' are"):
        handler.run_inference(batches_of([3])[0], model)


def test_every_load_is_reported_once() -> None:
    handler = FakeHandler(FaultPlan(hang_once="film é 1"), "loads", timeout_secs=0.5)
    found = run(lambda p: p | beam.Create(batches_of([3, 1, 1])) | RunInference(handler))
    assert handler.state.loads == 2
    assert found.distribution(names.BEAM_NAMESPACE, names.LOAD_LATENCY).count == 2
    assert found.own(names.TIMEOUTS) == 1
    assert found.counter(names.BEAM_NAMESPACE, names.NUM_INFERENCES) == 5


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
