"""A classifier whose answers must come in time, and which is replaced when one does not."""

import logging
import queue
import threading
from collections.abc import Callable
from typing import Any, TypeVar

from runinference_metrics.records.text import Text
from runinference_metrics.recovery.blame import BrokenClassifier, HungDevice, TimedOut

Result = TypeVar("Result")

_LOG = logging.getLogger(__name__)

# Two texts that hang, at three time-outs each (see `isolation.isolate`). Each leaves a thread that
# cannot be ended, with a model that keeps its memory.
MOST_HANGS = 6


class _Call:
    """One call in another thread."""

    def __init__(self, function: Callable[..., Any], arguments: tuple[Any, ...]) -> None:
        self._function = function
        self._arguments = arguments
        self._result: Any = None
        self._error: BaseException | None = None
        self.finished = threading.Event()

    def run(self) -> None:
        try:
            self._result = self._function(*self._arguments)
        except BaseException as error:
            self._error = error
        self.finished.set()

    def result(self) -> Any:
        if self._error is not None:
            raise self._error
        return self._result


class _Threads:
    """Threads that run calls, kept for the next: torch sets up a pool of its own in each."""

    def __init__(self) -> None:
        self._idle: queue.SimpleQueue[queue.SimpleQueue[_Call]] = queue.SimpleQueue()

    def call(self, timeout_secs: float, function: Callable[..., Any], *arguments: Any) -> Any:
        try:
            calls = self._idle.get_nowait()
        except queue.Empty:
            calls = queue.SimpleQueue()
            # A daemon: the process must be able to end while it hangs.
            threading.Thread(target=self._work, args=(calls,), daemon=True).start()
        call = _Call(function, arguments)
        calls.put(call)
        if not call.finished.wait(timeout_secs):
            # The thread takes no more calls: nobody holds its queue.
            raise TimedOut(timeout_secs)
        self._idle.put(calls)
        return call.result()

    @staticmethod
    def _work(calls: "queue.SimpleQueue[_Call]") -> None:
        while True:
            calls.get().run()


_THREADS = _Threads()


class WatchedClassifier:
    """A classifier that answers within a time, or raises TimedOut.

    What hangs cannot be ended. Its thread and its model are left behind, and a fresh model is
    loaded for the next call, at most `MOST_HANGS` times. On a GPU the fresh one would wait behind
    what hangs: there is none.

    Args:
        load: loads a classifier.
        timeout_secs: the most seconds of a call, waiting for other threads' calls included.
        on_gpu: whether it is on a GPU.
    """

    def __init__(self, load: Callable[[], Any], timeout_secs: float, on_gpu: bool = False) -> None:
        self._load = load
        self._on_gpu = on_gpu
        self._timeout_secs = timeout_secs
        self._lock = threading.Lock()
        self._hangs = 0
        self._model = load()

    def classify(self, texts: list[Text]) -> Any:
        """Classifies texts.

        Raises:
            TimedOut: it took too long.
            HungDevice: it did, on a GPU.
            BrokenClassifier: that has happened too often in this process.
        """
        while True:
            model = self._model
            try:
                return _THREADS.call(self._timeout_secs, model.classify, texts)
            except TimedOut as error:
                if self._on_gpu:
                    raise HungDevice(self._timeout_secs) from error
                # Where another call's hang had already cost the model, this one only waited for it.
                if self._replace(model):
                    raise

    def _replace(self, model: Any) -> bool:
        with self._lock:
            if self._model is not model:
                return False
            self._hangs += 1
            if self._hangs > MOST_HANGS:
                raise BrokenClassifier(
                    f"The model gave no answer within {self._timeout_secs:g} s "
                    f"(--inference_timeout_secs) {self._hangs} times in this process."
                )
            _LOG.warning(
                "No answer within %g s: the model is loaded again (%d of at most %d times).",
                self._timeout_secs, self._hangs, MOST_HANGS,
            )  # fmt: skip
            self._model = self._load()
            return True

    @property
    def effective(self) -> Any:
        """What was decided when the model was loaded."""
        return self._model.effective

    @property
    def gpus(self) -> int:
        """The GPUs of this machine."""
        return int(self._model.gpus)

    @property
    def model_bytes(self) -> int:
        """What the weights occupy."""
        return int(self._model.model_bytes)
