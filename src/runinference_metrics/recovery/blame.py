"""Finding the texts that cannot be classified, so that the others can be.

Works on anything that classifies a list of texts; knows nothing of Beam, models or devices.
"""

import contextlib
import itertools
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

Result = TypeVar("Result")

# What nearly every vocabulary has, and no model takes long for.
CANARY = "ok"
# A fault that comes and goes must not cost a good text its prediction: with one call in ten
# failing, three tries lose one text in a thousand of those that come to be tried alone.
_TRIES_ALONE = 3
# From this many texts on it is no accident that every one of a batch fails alike. It is the default
# of min_batch_size: only the last batches of a bundle are smaller.
SAME_FAULT_TEXTS = 64
# An error's first line can hold anything; a dead letter says what happened, not everything.
_MOST_CHARACTERS = 300
# Shorter ones give nothing away, and would be found inside of ordinary words.
_SHORTEST_SECRET = 4
# So many characters in a row are no chance, but a quotation.
_LONGEST_CHANCE = 12
# How torch names the faults after which a device does nothing more in this process.
_DEVICE_ERRORS = (
    "cuda error", "cuda driver", "cublas_status", "cudnn_status", "cusolver_status",
    "device-side assert", "hip error",
)  # fmt: skip


class TextFault(Exception):
    """Texts cannot be classified, for a reason that has a name.

    Args:
        reason: the dead letter's reason.
        stage: "tokenize" or "inference".
        detail: a sentence on what happened, without any of the texts.
    """

    def __init__(self, reason: str, stage: str, detail: str) -> None:
        super().__init__(reason, stage, detail)
        self.reason = reason
        self.stage = stage
        self.detail = detail

    def __str__(self) -> str:
        return f"{self.reason}: {self.detail}"


class TimedOut(TextFault):
    """Classifying took longer than the user allows.

    Args:
        timeout_secs: how long that is.
    """

    def __init__(self, timeout_secs: float) -> None:
        detail = f"no answer within {timeout_secs:g} s (--inference_timeout_secs)"
        super().__init__("timed_out", "inference", detail)


class BrokenClassifier(Exception):
    """The fault is the model's, the device's or the machine's: no text is to blame."""


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


def isolate(classify: Callable[[list[str]], Result], texts: list[str]) -> Isolated[Result]:
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
    def __init__(self, classify: Callable[[list[str]], Result], texts: list[str]) -> None:
        self._classify = classify
        self._texts = texts
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
                self._classify([CANARY])
                return
            except BaseException as error:
                if not is_fault_of_texts(error):
                    raise
                if not left or isinstance(error, TimedOut):
                    raise BrokenClassifier(
                        f"The model does not classify the text {CANARY!r} either: "
                        f"{describe(error, CANARY)}. Before that: {before}"
                    ) from None


def is_fault_of_texts(error: BaseException) -> bool:
    """Whether classifying other texts may go well after this error.

    Not so for an error of the device, memory that the machine lacks, a model that is found broken,
    and what is no error at all, such as an interruption.
    """
    # The tokenizer's own crash, which Rust hands over as no ordinary exception.
    if type(error).__name__ == "PanicException":
        return True
    if isinstance(error, TextFault):
        return True
    if not isinstance(error, Exception) or isinstance(error, (MemoryError, BrokenClassifier)):
        return False
    return not is_of_device(error)


def is_of_device(error: BaseException) -> bool:
    """Whether it is an error after which a device does nothing more in this process."""
    message = str(error).lower()
    return type(error).__name__ == "AcceleratorError" or any(
        name in message for name in _DEVICE_ERRORS
    )


@contextlib.contextmanager
def tokenizing(texts: Sequence[str]) -> Iterator[None]:
    """Names what goes wrong inside of it as the tokenizer's fault.

    Args:
        texts: the texts in the tokenizer.

    Raises:
        TextFault: they cannot be tokenised.
    """
    try:
        yield
    except BaseException as error:
        if not is_fault_of_texts(error):
            raise
        # Of several texts it is not known which one failed, nor which one the error quotes.
        detail = describe(error, texts[0]) if len(texts) == 1 else type(error).__name__
        raise TextFault("tokenization_failed", "tokenize", detail) from None


def describe(error: BaseException, text: str) -> str:
    """An error's type and first line, with whatever it quotes of the text left out."""
    line = next((line.strip() for line in str(error).splitlines() if line.strip()), "")
    line = line[:_MOST_CHARACTERS]
    # As it is, as repr shows it, and as a KeyError shows its message.
    for shown in (text, repr(text)[1:-1], repr(repr(text))[1:-1]):
        line = _without_quotes(line, shown)
    return f"{type(error).__name__}: {line}" if line else type(error).__name__


def _without_quotes(line: str, text: str) -> str:
    if len(text) < _SHORTEST_SECRET:
        return line
    width = min(_LONGEST_CHANCE, len(text))
    pieces = {text[start : start + width] for start in range(len(text) - width + 1)}
    quoted = bytearray(len(line))
    for start in range(len(line) - width + 1):
        if line[start : start + width] in pieces:
            quoted[start : start + width] = b"\1" * width
    runs = itertools.groupby(zip(line, quoted, strict=True), key=lambda pair: pair[1])
    return "".join("…" if hidden else "".join(pair[0] for pair in run) for hidden, run in runs)
