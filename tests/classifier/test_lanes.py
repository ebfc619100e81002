"""Threads that compute side by side."""

import gc
import threading
import time

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from runinference_metrics.classifier.lanes import Lanes


@given(st.lists(st.integers(), max_size=30), st.integers(1, 4))
def test_the_results_are_in_the_order_of_the_tasks(tasks: list[int], count: int) -> None:
    assert Lanes(count).map(lambda task: task + 1, tasks) == [task + 1 for task in tasks]


def test_they_work_at_the_same_time_each_with_one_thread_of_torch() -> None:
    together = threading.Barrier(3, timeout=20)

    def do(task: int) -> tuple[int, int]:
        together.wait()
        return threading.get_ident(), torch.get_num_threads()

    found = Lanes(3).map(do, range(3))
    assert len({thread for thread, _ in found}) == 3
    assert {threads for _, threads in found} == {1}


def test_whoever_is_slow_does_less() -> None:
    slow: list[int] = []

    def do(task: int) -> int:
        if not slow:
            slow.append(threading.get_ident())
        time.sleep(0.3 if threading.get_ident() == slow[0] else 0.001)
        return threading.get_ident()

    found = Lanes(2).map(do, range(20))
    assert found.count(slow[0]) < 5


def test_no_tasks_have_no_results() -> None:
    assert Lanes(2).map(str, []) == []


def test_one_lane_is_the_caller_s_own_thread() -> None:
    found = Lanes(1).map(lambda task: threading.get_ident(), range(3))
    assert set(found) == {threading.get_ident()}


def test_an_error_is_raised_and_the_next_round_goes_on() -> None:
    lanes = Lanes(2)

    def do(task: int) -> int:
        if task == 3:
            raise ValueError("task 3")
        return task

    with pytest.raises(ValueError, match="task 3"):
        lanes.map(do, range(50))
    assert lanes.map(do, [1, 2]) == [1, 2]


def test_no_thread_is_left_of_lanes_that_are_gone() -> None:
    together = threading.Barrier(3, timeout=20)

    def do(task: int) -> threading.Thread:
        together.wait()
        return threading.current_thread()

    lanes = Lanes(3)
    threads = lanes.map(do, range(3))
    assert all(one.is_alive() for one in threads)
    del lanes
    gc.collect()
    for one in threads:
        one.join(10)
    assert not any(one.is_alive() for one in threads)
