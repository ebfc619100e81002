"""Ours against Beam's own example, side by side: whole processes, the same texts and weights.

Start-up is counted apart, and alike for both: each program also runs on a single text, and the
texts/s are those of the other texts in the time that remains. Rounds are interleaved.

    python bench/against_beam_example.py [--texts=1000] [--rounds=1] [--output=bench/out]
"""

import argparse
import json
import os
import random
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from transformers import AutoTokenizer, DistilBertConfig, DistilBertForSequenceClassification

ROOT = Path(__file__).parent.parent
SEED = 5
# SST-2's development sentences have 19 words in the mean, 2 at least and 47 at most.
SHORTEST, LONGEST, COMMONEST = 2, 47, 10


@dataclass(frozen=True)
class Timing:
    """What one program took, in seconds of whole processes."""

    name: str
    startup_secs: float
    total_secs: float
    texts: int

    @property
    def texts_per_sec(self) -> float:
        """Texts a second, start-up apart."""
        return (self.texts - 1) / (self.total_secs - self.startup_secs)


def make_texts(count: int) -> list[str]:
    """Sentences of SST-2's lengths, from the words of the samples."""
    words = sorted(set((ROOT / "samples" / "films.txt").read_text().split()))
    rng = random.Random(SEED)
    return [
        " ".join(rng.choices(words, k=round(rng.triangular(SHORTEST, LONGEST, COMMONEST))))
        for _ in range(count)
    ]


def make_model(folder: Path) -> Path:
    """A model of DistilBERT's size with random weights; returns the path of its state dict."""
    torch.manual_seed(SEED)
    model = DistilBertForSequenceClassification(DistilBertConfig())
    model.save_pretrained(folder)
    AutoTokenizer.from_pretrained(ROOT / "models" / "demo").save_pretrained(folder)
    state_dict = folder / "state_dict.pt"
    torch.save(model.state_dict(), state_dict)
    return state_dict


def seconds(command: list[str]) -> float:
    """The wall time of a whole process; fails with its output when it fails."""
    started = time.perf_counter()
    environment = {**os.environ, "HF_HUB_OFFLINE": "1"}
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, env=environment)
    if done.returncode:
        raise SystemExit(f"{' '.join(command)} failed:\n{done.stderr[-3000:]}")
    return time.perf_counter() - started


def main() -> None:
    """Measures and prints the table; writes it as JSON."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--texts", type=int, default=1000)
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--output", type=Path, default=ROOT / "bench" / "out")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        state_dict = make_model(folder / "model")
        files = {count: folder / f"{count}.txt" for count in (1, arguments.texts)}
        for count, path in files.items():
            path.write_text("".join(f"{text}\n" for text in make_texts(count)))

        def ours(path: Path, precision: str) -> list[str]:
            return [
                sys.executable, "-m", "runinference_metrics", "run", f"--input={path}",
                f"--output={folder / 'ours'}", f"--model={folder / 'model'}",
                f"--precision={precision}", "--overwrite=true",
            ]  # fmt: skip

        def example(path: Path) -> list[str]:
            shutil.rmtree(folder / "example", ignore_errors=True)
            script = str(ROOT / "bench" / "beam_example.py")
            target = str(folder / "example" / "out")
            return [sys.executable, script, str(path), str(folder / "model"), str(state_dict),
                    target]  # fmt: skip

        programs = {
            "Beam's example": example,
            "ours, float32": lambda path: ours(path, "float32"),
            "ours, auto": lambda path: ours(path, "auto"),
        }
        timings: dict[str, list[Timing]] = {name: [] for name in programs}
        for _ in range(arguments.rounds):
            for name, command in programs.items():
                startup, total = (seconds(command(path)) for path in files.values())
                timings[name].append(Timing(name, startup, total, arguments.texts))
    report(timings, arguments.output)


def report(timings: dict[str, list[Timing]], output: Path) -> None:
    """Prints medians over the rounds, their spread, and the ratio to Beam's example."""
    rates = {
        name: statistics.median(t.texts_per_sec for t in some) for name, some in timings.items()
    }
    base = rates["Beam's example"]
    print(f"{'':16}{'start-up s':>12}{'texts/s':>12}{'least':>10}{'most':>10}{'ratio':>8}")
    for name, some in timings.items():
        every = [t.texts_per_sec for t in some]
        startup = statistics.median(t.startup_secs for t in some)
        print(f"{name:16}{startup:12.1f}{rates[name]:12.1f}{min(every):10.1f}{max(every):10.1f}"
              f"{rates[name] / base:8.1f}")  # fmt: skip
    output.mkdir(parents=True, exist_ok=True)
    path = output / "against_beam_example.json"
    path.write_text(json.dumps(
        {"texts_per_sec": rates, "timings": [asdict(t) for some in timings.values() for t in some]},
        indent=2,
    ))  # fmt: skip
    print(f"Written to {path}")


if __name__ == "__main__":
    main()
