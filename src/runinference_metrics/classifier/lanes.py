"""Forward passes side by side: threads that compute with one core each, on the same weights."""

import queue
import threading
import weakref
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any, Generic, TypeVar

import torch

Task = TypeVar("Task")
Result = TypeVar("Result")


class Lanes:
    """Threads that take tasks one by one, each with a core of its own.

    Several cores in one product wait for each other at its end, many times a layer; when a stranger
    holds one of them, all wait. Side by side, each takes the next task when it is done with its
    own, and whoever is slowed does less.

    Args:
        count: how many; one means the calling thread, with as many cores as torch gives it.
    """

    def __init__(self, count: int) -> None:
        self.count = count
        if count == 1:
            return
        self._rounds: queue.SimpleQueue[Callable[[], None] | None] = queue.SimpleQueue()
        for _ in range(count):
            # A daemon: the process must be able to end while one hangs.
            threading.Thread(target=_work, args=(self._rounds,), daemon=True).start()
        weakref.finalize(self, _end, self._rounds, count)

    def map(self, do: Callable[[Task], Result], tasks: Sequence[Task]) -> list[Result]:
        """What `do` gives for each task, in their order.

        Raises:
            BaseException: what `do` raised first; tasks that nobody has begun are left then.
        """
        if self.count == 1 or len(tasks) <= 1:
            return [do(task) for task in tasks]
        one_round = _Round(do, tasks)
        for _ in range(min(self.count, len(tasks))):
            self._rounds.put(one_round.work)
        return one_round.results()


class _Round(Generic[Task, Result]):
    def __init__(self, do: Callable[[Task], Result], tasks: Sequence[Task]) -> None:
        self._do = do
        self._left = deque(enumerate(tasks))
        self._results: dict[int, Result] = {}
        self._unfinished = len(tasks)
        self._error: BaseException | None = None
        self._lock = threading.Lock()
        self._finished = threading.Event()

    def work(self) -> None:
        """Does tasks until none is left."""
        while True:
            with self._lock:
                if not self._left:
                    return
                index, task = self._left.popleft()
            try:
                result = self._do(task)
            except BaseException as error:
                self._error = self._error or error
                with self._lock:
                    self._unfinished -= len(self._left)
                    self._left.clear()
            else:
                self._results[index] = result
            with self._lock:
                self._unfinished -= 1
                if not self._unfinished:
                    self._finished.set()

    def results(self) -> list[Result]:
        """Waits for all of them."""
        self._finished.wait()
        if self._error is not None:
            raise self._error
        return [self._results[index] for index in range(len(self._results))]


def _work(rounds: "queue.SimpleQueue[Callable[[], None] | None]") -> None:
    # For this thread alone; other threads keep theirs.
    torch.set_num_threads(1)
    while work := rounds.get():
        work()
        # What it holds on to must not live until the next round.
        del work


def _end(rounds: Any, count: int) -> None:
    for _ in range(count):
        rounds.put(None)
