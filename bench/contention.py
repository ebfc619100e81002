"""The classifier alone, and beside one busy process on each core: what of its speed is left.

Its own process has all cores, as have the peers'. Who is alone and who is not takes turns; the busy
processes stand still meanwhile. Sharing fairly leaves a half.

    python bench/contention.py [--texts=512] [--rounds=5] [--only="NAME;NAME"]
"""

import argparse
import os
import signal
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from contender import CONTENDERS, entry
from contest import Contender, names
from material import PEERS, machine, make_model, make_texts, write_json, write_texts
from runinference_metrics.classifier.devices import auto_precision

ALONE, BESIDE = "alone", "beside"


class Busy:
    """A process a core that computes without end, and stands still until it is let go."""

    def __init__(self) -> None:
        self._processes = []
        for core in sorted(os.sched_getaffinity(0)):
            process = subprocess.Popen([sys.executable, "-S", "-c", "while True: pass"])
            os.sched_setaffinity(process.pid, {core})
            process.send_signal(signal.SIGSTOP)
            self._processes.append(process)

    @contextmanager
    def running(self) -> Iterator[None]:
        """Lets them go for a while."""
        self._send(signal.SIGCONT)
        try:
            yield
        finally:
            self._send(signal.SIGSTOP)

    def end(self) -> None:
        """Ends them."""
        self._send(signal.SIGKILL)
        for process in self._processes:
            process.wait()

    def _send(self, what: signal.Signals) -> None:
        for process in self._processes:
            process.send_signal(what)


def rates(
    folder: Path, texts: list[str], rounds: int, contenders: list[str]
) -> dict[str, dict[str, list[float]]]:
    """Texts a second of each contender, alone and beside, of each round."""
    file = write_texts(folder / "texts.txt", texts)
    running = {name: Contender(name, folder, file) for name in contenders}
    found: dict[str, dict[str, list[float]]] = {
        name: {ALONE: [], BESIDE: []} for name in contenders
    }
    busy = Busy()
    try:
        for contender in running.values():
            contender.secs()
        for _ in range(rounds):
            for name, contender in running.items():
                found[name][ALONE].append(len(texts) / contender.secs())
                with busy.running():
                    found[name][BESIDE].append(len(texts) / contender.secs())
    finally:
        busy.end()
        for contender in running.values():
            contender.end()
    return found


def main() -> None:
    """Measures and prints; writes the result as JSON."""
    fast = auto_precision("CPU")
    usual = ("ours auto", "OpenVINO bfloat16" if fast == "bfloat16" else "OpenVINO")
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--texts", type=int, default=512)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--only", default=";".join(usual), help="classifiers, parted by ;")
    given = parser.parse_args()
    sys.path.append(str(PEERS))
    chosen = names("only", given.only, (*CONTENDERS, "ours auto"))
    problems = {name: entry(name).problem() for name in chosen}
    print(f"{machine()}; DistilBERT's size, {given.texts} texts; auto is {fast}")
    with tempfile.TemporaryDirectory() as temporary:
        folder = make_model(Path(temporary))
        able = [name for name, problem in problems.items() if problem is None]
        found = rates(folder, make_texts(given.texts), given.rounds, able)
    print(f"{'texts/s':24}{ALONE:>9}{BESIDE:>9}{'ratio':>8}")
    for name, problem in problems.items():
        if problem is not None:
            print(f"{name:24}  not run: {problem}")
            continue
        one = found[name]
        left = [beside / alone for alone, beside in zip(one[ALONE], one[BESIDE], strict=True)]
        print(f"{name:24}{statistics.median(one[ALONE]):9.1f}{statistics.median(one[BESIDE]):9.1f}"
              f"{statistics.median(left):8.2f}  ({min(left):.2f} to {max(left):.2f})")  # fmt: skip
    print(f"Written to {write_json('contention', found)}")


if __name__ == "__main__":
    main()
