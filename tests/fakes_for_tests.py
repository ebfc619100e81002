"""A classifier without a model that fails as it is told to, and its handler."""

import threading
import time
import zlib
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Any

from documents_for_tests import make_effective
from runinference_metrics.classifier.classifier import ClassifierSpec
from runinference_metrics.inference.handler import ClassifierHandler
from runinference_metrics.records.batching import Cutting
from runinference_metrics.records.classification import Classification
from runinference_metrics.records.measured import BatchStats
from runinference_metrics.recovery.memory import MicroBatches, TokenBudget


class OutOfMemoryError(RuntimeError):
    """As torch calls its own."""


@dataclass(frozen=True)
class FaultPlan:
    """What goes wrong; texts that end in a number have that number.

    Args:
        poison: texts that hold one of these words fail, always.
        every: every so many-th text by number fails, always; 0 for none.
        random_share: this share of all calls fails, whatever the texts.
        seed: of the random calls.
        capacity: the tokens that fit the device; None for any number.
        hang: calls with a text that holds this word never return.
        hang_once: calls with a text that holds this word do not return the first time.
        device_lost_at: from this call on, each fails as after a device-side assertion.
        broken_at: from this call on, each fails, for no reason that has a name.
        not_finite: texts with one of these words have scores that are no numbers.
    """

    poison: tuple[str, ...] = ()
    every: int = 0
    random_share: float = 0.0
    seed: int = 0
    capacity: int | None = None
    hang: str = ""
    hang_once: str = ""
    device_lost_at: int | None = None
    broken_at: int | None = None
    not_finite: tuple[str, ...] = ()

    def poisons(self, text: str) -> bool:
        """Whether a text fails, always."""
        words = text.split()
        numbered = self.every and words and words[-1].isdigit() and not int(words[-1]) % self.every
        return bool(numbered) or any(word in self.poison for word in words)


@dataclass
class State:
    """What the fake classifiers of one test have seen, reloaded ones too."""

    calls: int = 0
    texts: int = 0
    loads: int = 0
    hung: set[str] = field(default_factory=set)


# By name, because a handler is pickled on its way to the worker, though it is this process.
STATES: dict[str, State] = {}


class FakeClassifier:
    """Scores that depend on the text alone."""

    label_names = ("NEGATIVE", "POSITIVE")
    gpus = 0
    model_bytes = 4096

    def __init__(self, plan: FaultPlan, state: State, max_tokens: int = 64) -> None:
        self.effective = make_effective(max_batch_tokens=max_tokens)
        self._plan = plan
        self._state = state
        self._random = Random(plan.seed)
        self._budget = TokenBudget(max_tokens)
        self._lock = threading.Lock()

    def classify(self, texts: Sequence[str]) -> Classification:
        started = time.perf_counter_ns()
        with self._lock:
            self._fail(texts)
            lengths = [len(text.split()) + 2 for text in texts]
            done = MicroBatches(
                lengths, Cutting(), self._budget,
                lambda part: self._forward(part, texts, lengths), lambda: None,
            ).run()  # fmt: skip
        scores: list[list[float]] = [[]] * len(texts)
        for part, rows in done:
            for index, row in zip(part, rows, strict=True):
                scores[index] = row
        winners = [None if row[0] != row[0] else int(row[1] > row[0]) for row in scores]
        took = (time.perf_counter_ns() - started) // 1000
        padding = sum(len(part) * lengths[part[0]] for part, _ in done) - sum(lengths)
        return Classification(self.label_names, scores, winners, BatchStats(
            len(texts), sum(lengths), padding, 0, len(done), 0, 0, took, dict(Counter(lengths)),
            self._budget.take_retries(), self._budget.lowered,
        ))  # fmt: skip

    def _fail(self, texts: Sequence[str]) -> None:
        plan, state = self._plan, self._state
        state.calls += 1
        state.texts += len(texts)
        if plan.device_lost_at is not None and state.calls >= plan.device_lost_at:
            raise RuntimeError("CUDA error: device-side assert triggered")
        if plan.broken_at is not None and state.calls >= plan.broken_at:
            raise RuntimeError("mat1 and mat2 shapes cannot be multiplied")
        for text in texts:
            if plan.poisons(text):
                raise ValueError(f"cannot read {text!r}\nand more")
            hangs_once = plan.hang_once and plan.hang_once in text and text not in state.hung
            if hangs_once or (plan.hang and plan.hang in text):
                state.hung.add(text)
                threading.Event().wait()
        if plan.random_share and self._random.random() < plan.random_share:
            raise ConnectionError("it comes and goes")

    def _forward(
        self, part: list[int], texts: Sequence[str], lengths: list[int]
    ) -> list[list[float]]:
        capacity = self._plan.capacity
        if capacity is not None and len(part) * lengths[part[0]] > capacity:
            raise OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB")
        return [self._score(texts[index]) for index in part]

    def _score(self, text: str) -> list[float]:
        if set(text.split()) & set(self._plan.not_finite):
            return [float("nan")] * 2
        score = zlib.crc32(text.encode()) / 2**32
        return [round(1 - score, 8), round(score, 8)]


class FakeHandler(ClassifierHandler):
    """A handler whose classifier is the fake one."""

    def __init__(self, plan: FaultPlan, name: str, device: str = "CPU", **options: Any) -> None:
        super().__init__(ClassifierSpec("fake", device), **options)
        self._plan = plan
        self._name = name
        STATES[name] = State()

    @property
    def state(self) -> State:
        """What its classifiers have seen."""
        return STATES[self._name]

    def load_classifier(self) -> Any:
        self.state.loads += 1
        return FakeClassifier(self._plan, self.state)


def counting(classify: Callable[[list[str]], Any]) -> tuple[Callable[[list[str]], Any], list[int]]:
    """The function, and the sizes of the calls it gets."""
    sizes: list[int] = []

    def counted(texts: list[str]) -> Any:
        sizes.append(len(texts))
        return classify(texts)

    return counted, sizes
