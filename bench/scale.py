"""Throughput and memory as the input grows, and with a second process; whole programs.

The demo model, which is small, so that a million texts take minutes; one core a process. Start-up
apart: each setting also runs on a thousand texts. Settings take turns for some rounds, but that of
a million texts has one. Texts per second of processor time move less on a shared machine.

    python bench/scale.py [--texts=10000,100000,1000000] [--rounds=3]
"""

import argparse
import os
import resource
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from material import ROOT, machine, make_texts, write_json, write_texts

FEW = 1000
# More texts than this run once.
MOST_OF_EACH_ROUND = 100_000


@dataclass(frozen=True)
class Took:
    """What a run of the program took; memory is its largest process's peak."""

    wall_secs: float
    cpu_secs: float
    memory_mib: float


def run(source: Path, output: Path, processes: int) -> Took:
    """Runs the program."""
    command = [sys.executable, "-m", "runinference_metrics", "run", f"--input={source}",
               f"--output={output}", "--model=models/demo", "--overwrite=true"]  # fmt: skip
    if processes > 1:
        command += [f"--direct_num_workers={processes}", "--direct_running_mode=multi_processing"]
    cores = sorted(os.sched_getaffinity(0))[:processes]
    started = time.perf_counter()
    child = os.fork()
    if not child:
        os.chdir(ROOT)
        os.sched_setaffinity(0, cores)
        quiet = os.open(os.devnull, os.O_WRONLY)
        os.dup2(quiet, 1)
        os.execv(command[0], command)
    _, status, usage = os.wait4(child, 0)
    if status:
        sys.exit(f"{' '.join(command)} failed")
    cpu_secs = usage.ru_utime + usage.ru_stime
    return Took(time.perf_counter() - started, cpu_secs, usage.ru_maxrss / 1024)


def main() -> None:
    """Measures and prints; writes the result as JSON."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--texts", default="10000,100000,1000000")
    parser.add_argument("--rounds", type=int, default=3)
    given = parser.parse_args()
    sizes = [int(size) for size in given.texts.split(",")]
    settings = [(size, 1) for size in sizes]
    if len(os.sched_getaffinity(0)) > 1:
        settings.append((sizes[min(1, len(sizes) - 1)], 2))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    found: dict[tuple[int, int], list[tuple[float, float, float]]] = {one: [] for one in settings}
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        some = make_texts(10_000)
        few = write_texts(folder / "few.txt", some[:FEW])
        for turn in range(given.rounds):
            for size, processes in settings:
                if turn and size > MOST_OF_EACH_ROUND:
                    continue
                texts = (some * (size // len(some) + 1))[:size]
                source = write_texts(folder / "texts.txt", texts)
                start = run(few, folder / "out", processes)
                whole = run(source, folder / "out", processes)
                rates = [
                    (size - FEW) / spent
                    for spent in (whole.wall_secs - start.wall_secs,
                                  whole.cpu_secs - start.cpu_secs)
                ]  # fmt: skip
                found[size, processes].append((rates[0], rates[1], whole.memory_mib))
    print(machine())
    print(f"{'texts':>10}{'processes':>11}{'texts/s':>9}{'least':>8}{'most':>8}"
          f"{'texts/CPU s':>13}{'MiB':>6}")  # fmt: skip
    rows = []
    for (size, processes), runs in found.items():
        rates, per_cpu, memory_mib = (list(column) for column in zip(*runs, strict=True))
        print(f"{size:>10,}{processes:>11}{median(rates):9,.0f}{min(rates):8,.0f}{max(rates):8,.0f}"
              f"{median(per_cpu):13,.0f}{max(memory_mib):6,.0f}")  # fmt: skip
        rows.append({"texts": size, "processes": processes, "texts_per_sec": rates,
                     "texts_per_cpu_sec": per_cpu, "peak_memory_mib": memory_mib})  # fmt: skip
    print(f"Written to {write_json('scale', rows)}")


if __name__ == "__main__":
    main()
