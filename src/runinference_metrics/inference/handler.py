"""Beam's side of the classifier: the ModelHandler."""

import time
import weakref
from collections import deque
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Generic, TypeVar

from apache_beam.metrics import Metrics
from apache_beam.ml.inference.base import ModelHandler

from runinference_metrics.classifier.classifier import Classifier, ClassifierSpec
from runinference_metrics.errors import UserError
from runinference_metrics.inference import emitting
from runinference_metrics.inference.process import is_first_load, process_age_milli_secs, worker_of
from runinference_metrics.inference.progress import ProgressCount
from runinference_metrics.models.remote import local_folder
from runinference_metrics.options.settings import Settings
from runinference_metrics.records import names
from runinference_metrics.records.measured import BatchRun
from runinference_metrics.records.record import ClassifiedBatch, RecordBatch
from runinference_metrics.records.startup import Startup
from runinference_metrics.recovery.batch import check_answers, classify_batch
from runinference_metrics.recovery.blame import BrokenClassifier
from runinference_metrics.recovery.lost_device import ending_with_device
from runinference_metrics.recovery.timeouts import WatchedClassifier

Value = TypeVar("Value")


class ClassifierHandler(ModelHandler[RecordBatch, ClassifiedBatch, Classifier]):
    """Runs the classifier inside RunInference. An example is a text; a batch is a RecordBatch.

    The metrics are Beam's own names, kinds and units. The handler emits them itself (Beam's
    `override_metrics` hook), because Beam's collector takes `model_byte_size` from the growth of
    the process's peak memory: zero without scipy, zero after an earlier peak, and blind to a GPU.

    Args:
        spec: what to load in each process.
        progress_folder: where local runs count their texts; None elsewhere.
        clock: a clock with `time_ns`, for tests.
        timeout_secs: the most seconds that classifying a batch may take; None for no limit.
        ends_with_device: whether to end the process when its GPU is lost; where a runner starts
            it again.
        pairs: whether pairs of texts are classified.
    """

    def __init__(
        self,
        spec: ClassifierSpec,
        progress_folder: str | None = None,
        clock: Any = time,
        timeout_secs: float | None = None,
        ends_with_device: bool = False,
        pairs: bool = False,
    ) -> None:
        super().__init__()
        self._spec = spec
        self._progress_folder = progress_folder
        self._clock = clock
        self._timeout_secs = timeout_secs
        self._ends_with_device = ends_with_device
        self._pairs = pairs

    def load_model(self) -> Classifier:
        """Loads the classifier, from a bucket too, and notes how long it took.

        Raises:
            UserError: it cannot be loaded, or does not classify.
        """
        with ending_with_device(self._ends_with_device):
            return self._load()

    def _load(self) -> Classifier:
        load_times: deque[int] = deque()
        before_load_milli_secs = process_age_milli_secs()

        def load() -> Classifier:
            started = self._clock.time_ns()
            model = self.load_classifier()
            load_times.append((self._clock.time_ns() - started) // 1_000_000)
            return model

        timeout_secs, on_gpu = self._timeout_secs, self._spec.device == "GPU"
        model: Any = WatchedClassifier(load, timeout_secs, on_gpu) if timeout_secs else load()
        _LOADED.note(model, load_times)
        loaded = self._clock.time_ns()
        try:
            # Later it tells a broken model from a bad text; and warms the model up.
            check_answers(model.classify, self._pairs)
        except BrokenClassifier as error:
            got = f"{self._spec.model!r} in {model.effective.precision}: {error}"
            raise UserError("model", "a model that classifies texts", got) from error
        if is_first_load():
            first_pass_milli_secs = (self._clock.time_ns() - loaded) // 1_000_000
            startup = Startup(before_load_milli_secs, load_times[0], first_pass_milli_secs)
            _STARTED.note(model, deque([startup]))
        return model

    def load_classifier(self) -> Classifier:
        """Loads the classifier alone."""
        return replace(self._spec, model=local_folder(self._spec.model)).load()

    def run_inference(
        self,
        batch: Sequence[RecordBatch] | RecordBatch,
        model: Classifier,
        inference_args: dict[str, Any] | None = None,
    ) -> list[ClassifiedBatch]:
        """Classifies one batch; returns one ClassifiedBatch.

        Texts that cannot be classified are rejected in it. A fault that is not the texts' is
        raised, so that the runner tries the bundle again.
        """
        assert isinstance(batch, RecordBatch)
        namespace = self.get_metrics_namespace()
        load_milli_secs = self._report_load(namespace, model)
        started = self._clock.time_ns()
        try:
            with ending_with_device(self._ends_with_device):
                found = classify_batch(model.classify, batch)
        except BaseException:
            Metrics.counter(namespace, names.FAILED_BATCHES).inc()
            raise
        latency_micro_secs = (self._clock.time_ns() - started) // 1000
        request_bytes = self.get_num_bytes(found.batch)
        if found.batch:
            Metrics.distribution(namespace, names.LATENCY).update(latency_micro_secs)
            Metrics.counter(namespace, names.NUM_INFERENCES).inc(len(found.batch))
            Metrics.distribution(namespace, names.BATCH_SIZE).update(len(found.batch))
            Metrics.distribution(namespace, names.BATCH_BYTES).update(request_bytes)
            emitting.stats(found.classification.stats)
        emitting.faults(namespace, found)
        if self._progress_folder:
            _progress(self._progress_folder).add(len(batch))
        startup = _STARTED.take(model)
        emitting.startup(startup)
        run = BatchRun(
            started // 1000,
            latency_micro_secs,
            request_bytes,
            worker_of(model),
            load_milli_secs,
            None if load_milli_secs is None else model.model_bytes,
            found.faults,
            startup,
        )
        return [ClassifiedBatch(found.batch, found.classification, run, found.rejected)]

    def _report_load(self, namespace: str, model: Classifier) -> int | None:
        """Emits the metrics of loading, once a load: setup has no bundle to count them in."""
        load_milli_secs = _LOADED.take(model)
        if load_milli_secs is not None:
            Metrics.distribution(namespace, names.LOAD_LATENCY).update(load_milli_secs)
            Metrics.distribution(namespace, names.MODEL_BYTES).update(model.model_bytes)
        return load_milli_secs

    def get_num_bytes(self, batch: Sequence[RecordBatch] | RecordBatch) -> int:
        """The size of the request: the UTF-8 bytes of its texts."""
        assert isinstance(batch, RecordBatch)
        return batch.num_bytes()

    def get_metrics_namespace(self) -> str:
        """The namespace of Beam's metrics."""
        return names.BEAM_NAMESPACE

    def should_skip_batching(self) -> bool:
        """Batches arrive as batches; RunInference must not batch the batches."""
        return True

    def override_metrics(self, metrics_namespace: str = "") -> bool:
        """The handler emits Beam's metrics itself."""
        return True


class _Pending(Generic[Value]):
    """Values of a model that are still to be reported; forgotten with it."""

    def __init__(self) -> None:
        self._pending: weakref.WeakKeyDictionary[Any, deque[Value]] = weakref.WeakKeyDictionary()

    def note(self, model: Any, values: deque[Value]) -> None:
        self._pending[model] = values

    def take(self, model: Any) -> Value | None:
        """The next value; None when all were taken."""
        try:
            return self._pending[model].popleft()
        except (KeyError, IndexError):
            return None


# Load times, in ms.
_LOADED = _Pending[int]()
_STARTED = _Pending[Startup]()
_PROGRESS: dict[str, ProgressCount] = {}


def _progress(folder: str) -> ProgressCount:
    return _PROGRESS.setdefault(folder, ProgressCount(folder))


def spec_of(
    settings: Settings,
    threads: int | None,
    label_names: tuple[str, ...] | None = None,
    searches: bool = False,
) -> ClassifierSpec:
    """The classifier that the parameters ask for.

    Args:
        settings: the parameters.
        threads: the threads of a process; None for torch's own choice.
        label_names: the user's own names of the labels.
        searches: whether there is enough work to look for the fastest token budget first.
    """
    return ClassifierSpec(
        settings.model,
        settings.device,
        settings.precision,
        settings.max_batch_tokens,
        settings.max_length,
        threads,
        label_names,
        searches,
    )
