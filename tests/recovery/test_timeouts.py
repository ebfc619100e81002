"""A classifier that hangs is left behind, and another one takes its place."""

import threading
import time
from typing import Any

import pytest

from fakes_for_tests import FakeClassifier, FaultPlan, State
from runinference_metrics.recovery.blame import BrokenClassifier, HungDevice, TimedOut, is_of_device
from runinference_metrics.recovery.isolation import isolate
from runinference_metrics.recovery.timeouts import MOST_HANGS, WatchedClassifier

# Long enough for a busy machine to answer, short enough for a test.
TIMEOUT_SECS = 0.3


def watched(plan: FaultPlan, state: State) -> WatchedClassifier:
    def load() -> Any:
        state.loads += 1
        return FakeClassifier(plan, state)

    return WatchedClassifier(load, TIMEOUT_SECS)


def test_answers_and_errors_come_through() -> None:
    classifier = watched(FaultPlan(poison=("bad",)), State())
    direct = FakeClassifier(FaultPlan(), State()).classify(["a", "b"])
    assert classifier.classify(["a", "b"]).scores == direct.scores
    with pytest.raises(ValueError, match="cannot read"):
        classifier.classify(["bad"])
    assert classifier.gpus == 0
    assert classifier.model_bytes == 4096
    assert classifier.effective.precision == "float32"


def test_threads_are_used_again() -> None:
    classifier = watched(FaultPlan(), State())
    classifier.classify(["a"])
    before = threading.active_count()
    for _ in range(50):
        classifier.classify(["a"])
    assert threading.active_count() == before


def test_a_hang_times_out_and_the_next_call_has_a_fresh_model() -> None:
    state = State()
    classifier = watched(FaultPlan(hang="hangs"), state)
    started = time.monotonic()
    with pytest.raises(TimedOut, match=r"no answer within 0\.3 s \(--inference_timeout_secs\)"):
        classifier.classify(["this hangs"])
    assert time.monotonic() - started < 10
    assert classifier.classify(["fine"]).winners
    assert state.loads == 2


def test_a_text_that_hangs_is_a_dead_letter_and_the_others_are_not() -> None:
    state = State()
    texts = [f"text {number}" for number in range(40)] + ["it hangs"]
    found = isolate(watched(FaultPlan(hang="hangs"), state).classify, texts)
    assert [(one.index, one.reason) for one in found.failed] == [(40, "timed_out")]
    assert sum(len(part.scores) for part in found.parts) == 40
    assert found.timeouts == 3
    assert state.loads == 4


def test_hanging_for_ever_ends() -> None:
    state = State()
    classifier = watched(FaultPlan(hang="hangs"), state)
    for _ in range(MOST_HANGS):
        with pytest.raises(TimedOut):
            classifier.classify(["hangs"])
    with pytest.raises(BrokenClassifier, match=r"no answer within 0\.3 s .* 7 times"):
        classifier.classify(["hangs"])
    assert state.loads == 1 + MOST_HANGS


def test_a_model_that_hangs_on_everything_is_broken_not_the_texts() -> None:
    with pytest.raises(BrokenClassifier, match="'ok' either: TimedOut: timed_out: no answer"):
        isolate(watched(FaultPlan(hang="o"), State()).classify, ["one", "two"])


def test_a_call_that_only_waited_for_one_that_hangs_is_not_to_blame() -> None:
    state = State()
    classifier = watched(FaultPlan(hang="hangs"), state)
    found: dict[str, Any] = {}

    def call(text: str) -> None:
        try:
            found[text] = classifier.classify([text])
        except TimedOut as error:
            found[text] = error

    first = threading.Thread(target=call, args=("hangs",))
    first.start()
    time.sleep(TIMEOUT_SECS / 2)
    # It waits for the model that hangs, and is still within its time when that is replaced.
    second = threading.Thread(target=call, args=("fine",))
    second.start()
    first.join()
    second.join()
    assert isinstance(found["hangs"], TimedOut)
    assert found["fine"].winners
    assert state.loads == 2


def test_on_a_gpu_no_fresh_model_waits_behind_what_hangs() -> None:
    state = State()

    def load() -> Any:
        state.loads += 1
        return FakeClassifier(FaultPlan(hang="hangs"), state)

    classifier = WatchedClassifier(load, TIMEOUT_SECS, on_gpu=True)
    texts = [f"text {number}" for number in range(8)] + ["it hangs"]
    said = r"The GPU gave no answer within 0\.3 s \(--inference_timeout_secs\), and nothing more"
    with pytest.raises(HungDevice, match=said) as caught:
        # No text is to blame, and none is tried again.
        isolate(classifier.classify, texts)
    assert is_of_device(caught.value)
    assert state.loads == 1
