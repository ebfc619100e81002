"""Whose fault an error is: a text's, the device's, or the model's; and what to say of it."""

import contextlib
import itertools
from collections.abc import Iterator, Sequence

from runinference_metrics.errors import UserError
from runinference_metrics.records.text import Text, strings

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


class HungDevice(BrokenClassifier):
    """The device gave no answer in time, and whatever it is given next waits behind that.

    Args:
        timeout_secs: how long that is.
    """

    def __init__(self, timeout_secs: float) -> None:
        super().__init__(
            f"The GPU gave no answer within {timeout_secs:g} s (--inference_timeout_secs), and "
            "nothing more can be computed on it in this process."
        )


def is_fault_of_texts(error: BaseException) -> bool:
    """Whether classifying other texts may go well after this error.

    Not so for an error of the device, memory that the machine lacks, a model that is found broken,
    a parameter that does not suit it, and what is no error at all, such as an interruption.
    """
    # The tokenizer's own crash, which Rust hands over as no ordinary exception.
    if type(error).__name__ == "PanicException":
        return True
    if isinstance(error, TextFault):
        return True
    nobodys = (MemoryError, BrokenClassifier, UserError)
    if not isinstance(error, Exception) or isinstance(error, nobodys):
        return False
    return not is_of_device(error)


def is_of_device(error: BaseException) -> bool:
    """Whether it is an error after which a device does nothing more in this process."""
    message = str(error).lower()
    return (
        isinstance(error, HungDevice)
        or type(error).__name__ == "AcceleratorError"
        or any(name in message for name in _DEVICE_ERRORS)
    )


@contextlib.contextmanager
def tokenizing(texts: Sequence[Text]) -> Iterator[None]:
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


def describe(error: BaseException, text: Text) -> str:
    """An error's type and first line, with whatever it quotes of the text left out."""
    line = next((line.strip() for line in str(error).splitlines() if line.strip()), "")
    line = line[:_MOST_CHARACTERS]
    # As it is, as repr shows it, and as a KeyError shows its message.
    for one in strings(text):
        for shown in (one, repr(one)[1:-1], repr(repr(one))[1:-1]):
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
