"""Ours against every peer, in one run: the same texts and weights, interleaved rounds, medians.

Two tables. *Classifiers*: each in a process of its own, asked in turn, start-up apart. *Programs*:
whole processes, files in and files out; each also runs on a single text, and the texts/s are those
of the other texts in the time that remains.

    python bench/against_peers.py [--texts=512] [--rounds=5] [--only="NAME;NAME"]
"""

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path

import torch

from contender import CONTENDERS
from material import (
    PEERS,
    ROOT,
    fresh,
    make_model,
    make_texts,
    process_secs,
    write_json,
    write_texts,
)
from runinference_metrics.classifier.devices import auto_precision, device_name

# Beam's example pads to 512 tokens: a hundred texts take it half a minute.
EXAMPLE_TEXTS = 100
# The whole program has to run long enough for its start-up not to matter.
PROGRAM_ROUNDS = 3


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
    """A classifier in its own process."""

    def __init__(self, name: str, folder: Path, texts: Path) -> None:
        script = str(ROOT / "bench" / "contender.py")
        self.process = subprocess.Popen(
            [sys.executable, "-W", "ignore", script, name, str(folder), str(texts)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
            env={**os.environ, "HF_HUB_OFFLINE": "1", "TOKENIZERS_PARALLELISM": "true"},
        )  # fmt: skip
        self.startup_secs = float(self._answer())

    def _answer(self) -> str:
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        if not line:
            _, errors = self.process.communicate()
            sys.exit(f"A contender failed:\n{errors[-3000:]}")
        return line

    def ask(self, what: str = "go") -> str:
        """Asks for a pass, or for the scores; returns the answer."""
        assert self.process.stdin is not None
        print(what, file=self.process.stdin, flush=True)
        return self._answer()

    def end(self) -> None:
        """Ends the process."""
        self.process.kill()
        self.process.wait()


def classifiers(folder: Path, texts: list[str], rounds: int, only: list[str]) -> list[Row]:
    """Measures every classifier that can run here."""
    file = write_texts(folder / "texts.txt", texts)
    rows, running = [], {}
    for name, (_, problem) in CONTENDERS.items():
        if only and name not in only:
            continue
        row = Row(name, note=problem() or "")
        rows.append(row)
        if not row.note:
            running[name] = Contender(name, folder, file)
            row.startup_secs = running[name].startup_secs
    for _ in range(rounds):
        for row in rows:
            if row.name in running:
                secs = float(running[row.name].ask())
                row.texts_per_sec.append(len(texts) / secs)
    scores = {}
    for name, contender in running.items():
        path = folder / "scores.json"
        contender.ask(f"scores {path}")
        scores[name] = json.loads(path.read_text())
        contender.end()
    exact = scores.get("transformers, batch 32")
    for row in rows:
        if exact and row.name in scores:
            pairs = list(zip(scores[row.name], exact, strict=True))
            worst = max(abs(one - other) for one, other in pairs)
            same = sum((one > 0.5) == (other > 0.5) for one, other in pairs)
            row.note = f"{same} of {len(texts)} labels equal, scores within {worst:.1g}"
    return rows


def programs(folder: Path, texts: list[str], rounds: int) -> list[Row]:
    """Measures whole programs: Beam's example, and ours at each precision."""
    few = write_texts(folder / "few.txt", texts[:EXAMPLE_TEXTS])
    many = write_texts(folder / "many.txt", texts)
    one = write_texts(folder / "one.txt", texts[:1])

    def example(path: Path) -> list[str]:
        out = fresh(folder / "example") / "out"
        return [sys.executable, str(ROOT / "bench" / "beam_example.py"), str(path), str(folder),
                str(folder / "state_dict.pt"), str(out)]  # fmt: skip

    def ours(precision: str) -> Callable[[Path], list[str]]:
        return lambda path: [
            sys.executable, "-m", "runinference_metrics", "run", f"--input={path}",
            f"--output={folder / 'ours'}", f"--model={folder}", f"--precision={precision}",
            "--overwrite=true",
        ]  # fmt: skip

    commands = {
        "Beam's example": (example, few, min(EXAMPLE_TEXTS, len(texts))),
        "ours float32": (ours("float32"), many, len(texts)),
        "ours auto": (ours("auto"), many, len(texts)),
        "ours int8": (ours("int8"), many, len(texts)),
    }
    rows = {name: Row(name) for name in commands}
    rows["ours auto"].note = auto_precision("CPU")
    for _ in range(rounds):
        for name, (command, path, count) in commands.items():
            startup = process_secs(command(one))
            total = process_secs(command(path))
            rows[name].startup_secs = startup
            rows[name].texts_per_sec.append((count - 1) / (total - startup))
    return list(rows.values())


def show(title: str, rows: list[Row], base: str) -> None:
    """Prints a table; ratios are to the row `base`."""
    reference = next((row for row in rows if row.name == base), Row(base))
    print(f"\n{title}")
    print(f"{'':24}{'texts/s':>9}{'least':>8}{'most':>8}{'ratio':>7}{'start s':>9}")
    for row in rows:
        if not row.texts_per_sec:
            print(f"{row.name:24}  not run: {row.note}")
            continue
        found = row.ratio_to(reference)
        ratio = "-" if found is None else f"{found:.2f}"
        least, most = min(row.texts_per_sec), max(row.texts_per_sec)
        figures = f"{row.median:9.1f}{least:8.1f}{most:8.1f}{ratio:>7}{row.startup_secs:9.1f}"
        print(f"{row.name:24}{figures}  {row.note}")


def main() -> None:
    """Measures and prints; writes the tables as JSON."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--texts", type=int, default=512)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--program_texts", type=int, default=2048)
    parser.add_argument("--only", default="", help="classifiers, parted by ;")
    parser.add_argument("--no_programs", action="store_true")
    given = parser.parse_args()
    sys.path.append(str(PEERS))
    only = [name.strip() for name in given.only.split(";") if name.strip()]
    with tempfile.TemporaryDirectory() as temporary:
        folder = make_model(Path(temporary) / "model")
        threads, python = torch.get_num_threads(), platform.python_version()
        machine = f"{device_name('CPU')}, {threads} threads, Python {python}"
        print(f"{machine}; DistilBERT's size, random weights, {given.texts} texts")
        found = classifiers(folder, make_texts(given.texts), given.rounds, only)
        show("Classifiers", found, "transformers, batch 32")
        whole: list[Row] = []
        if not given.no_programs:
            whole = programs(folder, make_texts(given.program_texts), PROGRAM_ROUNDS)
            show("Programs, files in and files out", whole, "Beam's example")
    content = {
        "machine": machine,
        "classifiers": [{**asdict(row), "median": row.median} for row in found],
        "programs": [{**asdict(row), "median": row.median} for row in whole],
    }
    print(f"\nWritten to {write_json('against_peers', content)}")


if __name__ == "__main__":
    main()
