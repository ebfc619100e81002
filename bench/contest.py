"""Contenders that take turns, each in a process of its own, and the table of what they did."""

import os
import statistics
import subprocess
import sys
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from material import ROOT


@dataclass
class Row:
    """One line of a table."""

    name: str
    texts_per_sec: list[float] = field(default_factory=list)
    startup_secs: float = 0.0
    note: str = ""

    @property
    def median(self) -> float:
        """Texts a second, the median over the rounds."""
        return statistics.median(self.texts_per_sec) if self.texts_per_sec else 0.0

    def ratio_to(self, other: "Row") -> float | None:
        """How many times as fast, the median of the rounds: what slows a round slows both."""
        pairs = list(zip(self.texts_per_sec, other.texts_per_sec, strict=False))
        return statistics.median(one / two for one, two in pairs) if pairs else None


class Contender:
    """A classifier in its own process, see contender.py; its start takes seconds.

    Args:
        name: which.
        folder: the model.
        texts: a file of the texts that it is to classify, a line each.
        cores: those that it may use; all that this process may when None.
        checkout: the checkout of this project whose package it imports.
    """

    def __init__(
        self,
        name: str,
        folder: Path,
        texts: Path,
        cores: Iterable[int] | None = None,
        checkout: Path = ROOT,
    ) -> None:
        script = str(ROOT / "bench" / "contender.py")
        own = os.sched_getaffinity(0)
        environment = {
            **os.environ,
            "HF_HUB_OFFLINE": "1",
            "TOKENIZERS_PARALLELISM": "true",
            "PYTHONPATH": str(checkout / "src"),
        }
        # A child inherits them: it counts its cores as it starts.
        os.sched_setaffinity(0, cores or own)
        try:
            self.process = subprocess.Popen(
                [sys.executable, "-W", "ignore", script, name, str(folder), str(texts)],
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                env=environment,
            )  # fmt: skip
        finally:
            os.sched_setaffinity(0, own)
        self.name = name
        self.startup_secs = float(self.answer())

    def answer(self) -> str:
        """The next answer; waits for it."""
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        if not line:
            _, errors = self.process.communicate()
            sys.exit(f"{self.name} failed:\n{errors[-3000:]}")
        return line

    def ask(self, what: str = "go") -> str:
        """Asks for a pass, or for the scores; returns the answer."""
        self.begin(what)
        return self.answer()

    def begin(self, what: str = "go") -> None:
        """Asks, and does not wait."""
        assert self.process.stdin is not None
        print(what, file=self.process.stdin, flush=True)

    def secs(self, count: int | None = None) -> float:
        """The seconds of a pass over the first `count` texts, or over all."""
        return float(self.ask("go" if count is None else f"go {count}"))

    def end(self) -> None:
        """Ends the process."""
        self.process.kill()
        self.process.wait()


def parted(given: str) -> list[str]:
    """What stands between semicolons."""
    return [one.strip() for one in given.split(";") if one.strip()]


def names(flag: str, given: str, known: Iterable[str]) -> list[str]:
    """What a flag names, parted by semicolons; ends the program when something has no such name."""
    found, right = parted(given), list(known)
    for name in found:
        if name not in right:
            sys.exit(f"--{flag} takes of {'; '.join(right)}; got {name!r}")
    return found


def show(title: str, rows: list[Row], base: str) -> None:
    """Prints a table; ratios are to the row `base`."""
    reference = next((row for row in rows if row.name == base), Row(base))
    wide = max(len(row.name) for row in rows) + 2
    print(f"\n{title}")
    print(f"{'':{wide}}{'texts/s':>9}{'least':>8}{'most':>8}{'ratio':>7}{'start s':>9}")
    for row in rows:
        if not row.texts_per_sec:
            print(f"{row.name:{wide}}  not run: {row.note}")
            continue
        found = row.ratio_to(reference)
        ratio = "-" if found is None else f"{found:.2f}"
        least, most = min(row.texts_per_sec), max(row.texts_per_sec)
        figures = f"{row.median:9.1f}{least:8.1f}{most:8.1f}{ratio:>7}{row.startup_secs:9.1f}"
        print(f"{row.name:{wide}}{figures}  {row.note}")
