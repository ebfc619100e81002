"""Rows a second of a core that reading alone does, by format; of two checkouts side by side.

python bench/reading.py [--against=CHECKOUT] [--rows=650000] [--files=3000] [--rounds=5]

Each format as one big file, plain and gzip, and as many small ones. Every reader is a process of
its own on one core, and processor time is what counts, so that a busy machine disturbs little.
"""

import argparse
import gzip
import json
import os
import random
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

from material import ROOT, SEED, machine, write_json

SHORTEST, LONGEST = 5, 30
HERE, THERE = "here", "against"


def as_text(number: int, text: str) -> str:
    """A line of text."""
    return text


def as_json(number: int, text: str) -> str:
    """A line with four fields."""
    return json.dumps({"id": number, "text": text, "stars": number % 5, "source": "bench"})


def as_csv(number: int, text: str) -> str:
    """A row whose text is quoted; every tenth holds quotes."""
    quoted = text.replace("film", '""film""') if number % 10 == 0 else text
    return f'{number},"{quoted}",{number % 5}'


# The line above all rows, and how a row is written.
FORMATS: dict[str, tuple[str, Callable[[int, str], str]]] = {
    "txt": ("", as_text), "jsonl": ("", as_json), "csv": ("id,text,stars\n", as_csv),
}  # fmt: skip


def sentences(count: int) -> Iterator[str]:
    """Sentences of the samples' words, with commas."""
    words = sorted(set((ROOT / "samples" / "films.txt").read_text().split()))
    rng = random.Random(SEED)
    for _ in range(count):
        drawn = rng.choices(words, k=rng.randint(SHORTEST, LONGEST))
        yield f"{' '.join(drawn[:4])}, {' '.join(drawn[4:])}."


def write(folder: Path, ending: str, texts: list[str], num_files: int) -> dict[str, str]:
    """Writes the files of a format; gives the pattern of each case by its name."""
    head, row = FORMATS[ending]
    lines = [row(number, text) + "\n" for number, text in enumerate(texts)]
    big, packed = folder / f"big.{ending}", folder / f"big.{ending}.gz"
    big.write_text(head + "".join(lines))
    packed.write_bytes(gzip.compress(big.read_bytes(), compresslevel=6, mtime=0))
    small = folder / ending
    small.mkdir()
    for index in range(num_files):
        (small / f"{index}.{ending}").write_text(head + "".join(lines[index::num_files]))
    size = f"{big.stat().st_size >> 20} MiB"
    return {f"{ending}, {size}": str(big), f"{ending}.gz, of {size}": str(packed),
            f"{ending}, {num_files:,} files": str(small / "*")}  # fmt: skip


def rate(checkout: Path, pattern: str, rows: int) -> float:
    """Rows a second of processor time, of a process with the checkout's code."""
    command = [sys.executable, "-W", "ignore", str(ROOT / "bench" / "read_files.py"), pattern]
    environment = {**os.environ, "PYTHONPATH": str(checkout / "src")}
    done = subprocess.run(command, capture_output=True, text=True, env=environment)
    if done.returncode:
        sys.exit(f"reading {pattern} with {checkout} failed:\n{done.stderr[-3000:]}")
    said = json.loads(done.stdout)
    if said["records"] != rows:
        sys.exit(f"{checkout} made {said['records']:,} records of the {rows:,} rows of {pattern}")
    return rows / said["cpu_secs"]


def main() -> None:
    """Measures and prints; writes the result as JSON."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--against", type=Path, help="another checkout of this project")
    parser.add_argument("--rows", type=int, default=650_000, help="over 64 MiB of plain text")
    parser.add_argument("--files", type=int, default=3_000)
    parser.add_argument("--rounds", type=int, default=5)
    given = parser.parse_args()
    checkouts = {HERE: ROOT} | ({THERE: given.against.absolute()} if given.against else {})
    # The readers are this process's children, and so on its core.
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    print(f"{machine()}; processor time")
    texts = list(sentences(given.rows))
    rates: dict[str, dict[str, list[float]]] = {}
    for ending in FORMATS:
        with tempfile.TemporaryDirectory() as folder:
            for case, pattern in write(Path(folder), ending, texts, given.files).items():
                found = rates[case] = {name: [] for name in checkouts}
                for _ in range(given.rounds):
                    for name, checkout in checkouts.items():
                        found[name].append(rate(checkout, pattern, given.rows))
                print(shown(case, found), flush=True)
    print(f"Written to {write_json('reading', rates)}")


def shown(case: str, found: dict[str, list[float]]) -> str:
    """A line of the table: the rate here, and its ratio to the other checkout's."""
    here = found[HERE]
    line = f"{case:22}{statistics.median(here):10,.0f} rows/s"
    line += f"  ({min(here):,.0f} to {max(here):,.0f})"
    if THERE in found:
        own = [one / other for one, other in zip(here, found[THERE], strict=True)]
        line += f"  x {statistics.median(own):.2f}  ({min(own):.2f} to {max(own):.2f})"
    return line


if __name__ == "__main__":
    main()
