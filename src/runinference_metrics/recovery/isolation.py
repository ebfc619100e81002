"""Finding the texts that cannot be classified, so that the others can be.

Works on anything that classifies a list of texts; knows nothing of Beam, models or devices.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

from runinference_metrics.records.text import Text
from runinference_metrics.recovery.blame import (
    BrokenClassifier,
    TextFault,
    TimedOut,
    describe,
    is_fault_of_texts,
)

Result = TypeVar("Result")

# What nearly every vocabulary has, and no model takes long for.
CANARY = "ok"
# The same for a model of pairs: one that answers single texts alone is none.
CANARY_PAIR = (CANARY, CANARY)
# A fault that comes and goes must not cost a good text its prediction: with one call in ten
# failing, three tries lose one text in a thousand of those that come to be tried alone.
_TRIES_ALONE = 3
# From this many texts on it is no accident that every one of a batch fails alike. It is the default
# of min_batch_size: only the last batches of a bundle are smaller.
SAME_FAULT_TEXTS = 64


@dataclass(frozen=True)
class Failed:
    """A text that fails alone.

    Args:
        index: its place in the batch.
        reason: the dead letter's reason.
        stage: "tokenize" or "inference".
        detail: the error's type and first line, without the text.
    """

    index: int
    reason: str
    stage: str
    detail: str


@dataclass(frozen=True)
class Isolated(Generic[Result]):
    """A batch, parted into what can be classified and what cannot.

    Args:
        parts: the results, in the order of the texts; each for the next so many texts that have
            not failed.
        failed: the texts that fail alone, in their order.
        calls: how often texts were classified again, the canary included; 0 on a clean run.
        timeouts: how many of the calls timed out.
    """

    parts: list[Result]
    failed: list[Failed]
    calls: int
    timeouts: int


def isolate(classify: Callable[[list[Text]], Result], texts: list[Text]) -> Isolated[Result]:
    """Classifies a batch; when that fails, cuts it until the texts that fail are alone.

    A text is given up only when it failed alone, several times, and the canary, a text that every
    classifier answers, went well right afterwards. One such text among n costs about 2 log2(n)
    calls.

    A call that times out cannot be repeated so often: its batch is cut at once into about √n
    pieces, and a piece that times out again into single texts. Three time-outs isolate a text.

    Args:
        classify: what classifies a list of texts.
        texts: the batch.

    Raises:
        BrokenClassifier: the canary fails, or all of `SAME_FAULT_TEXTS` texts or more fail alike.
        Exception: a fault that cannot be a text's: see `is_fault_of_texts`.
    """
    return _Isolation(classify, texts).run()


class _Isolation(Generic[Result]):
    def __init__(self, classify: Callable[[list[Text]], Result], texts: list[Text]) -> None:
        self._classify = classify
        self._texts = texts
        self._canary = CANARY_PAIR if texts and isinstance(texts[0], tuple) else CANARY
        self._parts: list[Result] = []
        self._failed: list[Failed] = []
        self._kinds: set[tuple[str, type]] = set()
        self._calls = 0
        self._timeouts = 0

    def run(self) -> Isolated[Result]:
        self._take(0, len(self._texts), 0)
        count = len(self._texts)
        if count >= SAME_FAULT_TEXTS and not self._parts and len(self._kinds) == 1:
            detail = self._failed[0].detail
            raise BrokenClassifier(f"All {count} texts of a batch fail alike: {detail}")
        # The first call is the batch's own.
        return Isolated(self._parts, self._failed, self._calls - 1, self._timeouts)

    def _take(self, start: int, end: int, timeouts: int) -> None:
        """Classifies the texts from `start` to `end`; `timeouts` counts those on the way here."""
        error = self._try(start, end)
        if error is None:
            return
        count = end - start
        timed_out = isinstance(error, TimedOut)
        if count == 1:
            self._alone(start, error, timeouts)
            return
        size = math.ceil(count / 2)
        if timed_out:
            size = 1 if timeouts else min(size, math.ceil(math.sqrt(count)))
        for first in range(start, end, size):
            self._take(first, min(first + size, end), timeouts + timed_out)

    def _alone(self, index: int, error: BaseException, timeouts: int) -> None:
        # A time-out costs much, and those on the way here count.
        tries = _TRIES_ALONE - timeouts if isinstance(error, TimedOut) else _TRIES_ALONE
        for _ in range(tries - 1):
            again = self._try(index, index + 1)
            if again is None:
                return
            error = again
        detail = describe(error, self._texts[index])
        self._check_canary(detail)
        reason, stage = "classification_failed", "inference"
        if isinstance(error, TextFault):
            reason, stage, detail = error.reason, error.stage, error.detail
        self._failed.append(Failed(index, reason, stage, detail))
        self._kinds.add((reason, type(error)))

    def _try(self, start: int, end: int) -> BaseException | None:
        self._calls += 1
        try:
            self._parts.append(self._classify(self._texts[start:end]))
        except BaseException as error:
            if not is_fault_of_texts(error):
                raise
            self._timeouts += isinstance(error, TimedOut)
            return error
        return None

    def _check_canary(self, before: str) -> None:
        for left in reversed(range(_TRIES_ALONE)):
            self._calls += 1
            try:
                self._classify([self._canary])
                return
            except BaseException as error:
                if not is_fault_of_texts(error):
                    raise
                if not left or isinstance(error, TimedOut):
                    raise BrokenClassifier(
                        f"The model does not classify the text {self._canary!r} either: "
                        f"{describe(error, self._canary)}. Before that: {before}"
                    ) from None
