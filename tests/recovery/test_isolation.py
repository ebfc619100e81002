"""Texts that fail are found, at logarithmic cost; faults that are not theirs are told apart."""

import functools
import itertools
import math
import random
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fakes_for_tests import counting
from runinference_metrics.errors import UserError
from runinference_metrics.recovery.blame import (
    BrokenClassifier,
    TextFault,
    TimedOut,
    describe,
    is_fault_of_texts,
    tokenizing,
)
from runinference_metrics.recovery.isolation import CANARY, SAME_FAULT_TEXTS, isolate

# Trying a text alone three times instead of once, and the canary.
FIXED_CALLS = 3


def failing_on(bad: set[str], error: Callable[[], Exception]) -> Callable[[list[str]], list[str]]:
    def classify(texts: list[str]) -> list[str]:
        if bad & set(texts):
            raise error()
        return list(texts)

    return classify


def numbered(count: int) -> list[str]:
    return [f"text {number}" for number in range(count)]


def test_a_clean_batch_is_one_call() -> None:
    classify, sizes = counting(list)
    found = isolate(classify, numbered(512))
    assert found.parts == [numbered(512)]
    assert (found.calls, found.failed, sizes) == (0, [], [512])


@given(st.integers(1, 600), st.data())
def test_one_bad_text_costs_a_logarithm(count: int, data: st.DataObject) -> None:
    bad = data.draw(st.integers(0, count - 1))
    texts = numbered(count)
    classify, sizes = counting(failing_on({texts[bad]}, lambda: ValueError("no")))
    found = isolate(classify, texts)
    assert [one.index for one in found.failed] == [bad]
    assert [text for part in found.parts for text in part] == texts[:bad] + texts[bad + 1 :]
    assert found.calls == len(sizes) - 1 <= 2 * math.ceil(math.log2(count)) + FIXED_CALLS
    # And the work repeated is about two batches.
    assert sum(sizes) <= 3 * count + math.ceil(math.log2(count)) + FIXED_CALLS + 1


@given(st.integers(1, SAME_FAULT_TEXTS - 1), st.data())
def test_any_bad_texts_are_found_and_no_others(count: int, data: st.DataObject) -> None:
    bad = data.draw(st.sets(st.integers(0, count - 1)))
    texts = numbered(count)
    classify, sizes = counting(failing_on({texts[i] for i in bad}, lambda: ValueError("no")))
    found = isolate(classify, texts)
    assert [one.index for one in found.failed] == sorted(bad)
    good = [text for index, text in enumerate(texts) if index not in bad]
    assert [text for part in found.parts for text in part] == good
    limit = len(bad) * (2 * math.ceil(math.log2(count)) + FIXED_CALLS)
    assert found.calls == len(sizes) - 1 <= limit


@given(st.integers(1, 200), st.integers(0, 2**32), st.floats(0.02, 0.3))
def test_faults_that_come_and_go_lose_nothing(count: int, seed: int, share: float) -> None:
    rng = random.Random(seed)
    tried: dict[tuple[str, ...], int] = {}

    def classify(texts: list[str]) -> list[str]:
        # At random, but not three times in a row with the same text alone.
        tried[tuple(texts)] = tried.get(tuple(texts), 0) + 1
        if rng.random() < share and tried[tuple(texts)] % 3:
            raise ConnectionError("it comes and goes")
        return list(texts)

    found = isolate(classify, numbered(count))
    assert found.failed == []
    assert [text for part in found.parts for text in part] == numbered(count)


def test_the_detail_is_type_and_first_line_without_the_text() -> None:
    texts = ["a good film", "a secret: 4711\nand its end", "another"]
    bad = texts[1]
    shown = [f"cannot read {bad!r}", f"cannot read\n{bad}", f"\n\n{bad} is bad",
             f"cannot read {bad[:13]}..."]  # fmt: skip
    for message, kind in itertools.product(shown, (KeyError, ValueError)):
        found = isolate(failing_on({bad}, functools.partial(kind, message)), texts)
        (failed,) = found.failed
        assert failed.reason == "classification_failed"
        assert failed.stage == "inference"
        assert failed.detail.startswith(f"{kind.__name__}: ")
        assert "4711" not in failed.detail
        assert "\n" not in failed.detail


def test_a_detail_is_never_long() -> None:
    assert len(describe(ValueError("x" * 10_000), "text")) == len("ValueError: ") + 300
    assert describe(ValueError(), "text") == "ValueError"
    # A text of one letter is no reason to spoil the message, nor are common words.
    assert describe(ValueError("a bad value"), "a") == "ValueError: a bad value"
    assert describe(ValueError("a bad value"), "is bad at it") == "ValueError: a bad value"


def test_a_fault_with_a_name_keeps_it() -> None:
    def classify(texts: list[str]) -> list[str]:
        with tokenizing(texts):
            if "bad text" in texts:
                raise TypeError("cannot tokenise 'bad text'")
        return texts

    (failed,) = isolate(classify, ["good", "bad text"]).failed
    assert (failed.index, failed.reason, failed.stage) == (1, "tokenization_failed", "tokenize")
    assert failed.detail == "TypeError: cannot tokenise '…'"


def test_a_panic_of_the_tokenizer_is_a_text_s() -> None:
    # As PyO3 makes it: no Exception, so that nobody catches it by accident.
    panic = type("PanicException", (BaseException,), {})

    def classify(texts: list[str]) -> list[str]:
        with tokenizing(texts):
            if "bad text" in texts:
                raise panic("index out of bounds")
        return texts

    (failed,) = isolate(classify, ["good", "bad text"]).failed
    assert failed.detail == "PanicException: index out of bounds"


@pytest.mark.parametrize(
    "error",
    [
        RuntimeError("CUDA error: device-side assert triggered\nCompile with …"),
        RuntimeError("CUBLAS_STATUS_EXECUTION_FAILED when calling `cublasSgemm`"),
        type("AcceleratorError", (RuntimeError,), {})("an illegal memory access"),
        MemoryError(),
        KeyboardInterrupt(),
        BrokenClassifier("broken"),
    ],
    ids=repr,
)
def test_a_fault_that_is_not_the_texts_is_raised_at_once(error: BaseException) -> None:
    def classify(texts: list[str]) -> Any:
        raise error

    counted, sizes = counting(classify)
    with pytest.raises(type(error)):
        isolate(counted, numbered(512))
    assert sizes == [512]


def test_a_model_that_breaks_is_known_by_the_canary() -> None:
    def classify(texts: list[str]) -> Any:
        raise RuntimeError("mat1 and mat2 shapes cannot be multiplied")

    counted, sizes = counting(classify)
    with pytest.raises(BrokenClassifier, match=r"'ok' either: RuntimeError: mat1 .* Before that: "):
        isolate(counted, numbered(512))
    # It is known before the first dead letter: ten cuts, then one text and the canary, thrice each.
    assert len(sizes) == 1 + 9 + 2 + 3


def test_a_model_that_breaks_in_the_middle_condemns_no_text() -> None:
    calls = 0

    def classify(texts: list[str]) -> list[str]:
        nonlocal calls
        calls += 1
        if calls > 4 or "text 100" in texts:
            raise RuntimeError("no")
        return texts

    with pytest.raises(BrokenClassifier):
        isolate(classify, numbered(512))


def test_all_of_a_large_batch_failing_alike_is_no_accident() -> None:
    def classify(texts: list[str]) -> list[str]:
        if texts != [CANARY]:
            raise RuntimeError("the expanded size must match")
        return texts

    message = r"All 64 texts of a batch fail alike: RuntimeError: the expanded size must match"
    with pytest.raises(BrokenClassifier, match=message):
        isolate(classify, numbered(SAME_FAULT_TEXTS))
    assert len(isolate(classify, numbered(SAME_FAULT_TEXTS - 1)).failed) == SAME_FAULT_TEXTS - 1


def test_a_bad_pair_is_found_and_its_detail_quotes_neither_text() -> None:
    pairs = [(f"the first text {number}", f"the second text {number}") for number in range(70)]

    def classify(texts: list[Any]) -> list[Any]:
        if pairs[41] in texts:
            raise ValueError(f"cannot read {pairs[41]}")
        # The canary is a pair too: a model of pairs need not answer a single text.
        assert all(isinstance(text, tuple) for text in texts)
        return texts

    found = isolate(classify, pairs)
    assert [text for part in found.parts for text in part] == [*pairs[:41], *pairs[42:]]
    (failed,) = found.failed
    assert failed.index == 41
    assert failed.detail == "ValueError: cannot read ('…', '…')"


def test_a_wrong_parameter_is_no_texts_fault() -> None:
    def classify(texts: list[Any]) -> list[Any]:
        raise UserError("max_length", "a whole number from 5", "3")

    with pytest.raises(UserError, match="--max_length takes a whole number from 5; got 3"):
        isolate(classify, [("a", "b")] * 3)


def test_texts_that_fail_for_different_reasons_are_dead_letters() -> None:
    def classify(texts: list[str]) -> list[str]:
        if texts == [CANARY]:
            return texts
        if len(texts) == 1 and texts[0].endswith("7"):
            raise TextFault("out_of_memory", "inference", "too long")
        raise RuntimeError("no")

    assert len(isolate(classify, numbered(SAME_FAULT_TEXTS)).failed) == SAME_FAULT_TEXTS


@pytest.mark.parametrize("count", [1, 2, 3, 23, 512])
@pytest.mark.parametrize("place", [0.0, 0.6, 1.0])
def test_a_text_that_hangs_is_alone_after_three_time_outs(count: int, place: float) -> None:
    texts = numbered(count)
    bad = round(place * (count - 1))
    classify, sizes = counting(failing_on({texts[bad]}, lambda: TimedOut(5)))
    found = isolate(classify, texts)
    assert [one.index for one in found.failed] == [bad]
    assert found.failed[0].reason == "timed_out"
    assert found.timeouts == 3
    assert len(sizes) <= 2 * math.sqrt(count) + 6
    assert [text for part in found.parts for text in part] == texts[:bad] + texts[bad + 1 :]


def test_a_hang_that_does_not_come_back_costs_no_text() -> None:
    for count in (1, 2, 100):
        left = [TimedOut(5)]

        def classify(texts: list[str], left: list[TimedOut] = left) -> list[str]:
            if left:
                raise left.pop()
            return texts

        found = isolate(classify, numbered(count))
        assert found.failed == []
        assert found.timeouts == 1
        assert sum(map(len, found.parts)) == count


def test_ordinary_errors_are_the_texts() -> None:
    for error in (ValueError("x"), RuntimeError("index out of range in self"), UnicodeError("x")):
        assert is_fault_of_texts(error)
