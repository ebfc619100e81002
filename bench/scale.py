"""Throughput and memory as the input grows, and with a second process; whole programs.

The demo model, which is small, so that a million texts take minutes; one core a process. Start-up
apart: each setting also runs on a thousand texts.

    python bench/scale.py [--texts=10000,100000,1000000]
"""

import argparse
import os
import resource
import sys
import tempfile
import time
from pathlib import Path

from material import ROOT, make_texts, write_json, write_texts

FEW = 1000


def run(source: Path, output: Path, processes: int) -> tuple[float, float]:
    """Runs the program; returns its seconds, and its largest process's peak memory in MiB."""
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
    return time.perf_counter() - started, usage.ru_maxrss / 1024


def main() -> None:
    """Measures and prints; writes the result as JSON."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--texts", default="10000,100000,1000000")
    given = parser.parse_args()
    sizes = [int(size) for size in given.texts.split(",")]
    cores = len(os.sched_getaffinity(0))
    rows = []
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        some = make_texts(10_000)
        settings = [(size, 1) for size in sizes]
        if cores > 1:
            settings.append((sizes[min(1, len(sizes) - 1)], 2))
        few = write_texts(folder / "few.txt", some[:FEW])
        for size, processes in settings:
            texts = (some * (size // len(some) + 1))[:size]
            source = write_texts(folder / "texts.txt", texts)
            startup, _ = run(few, folder / "out", processes)
            total, memory_mib = run(source, folder / "out", processes)
            rate = (size - FEW) / (total - startup)
            rows.append({"texts": size, "processes": processes, "texts_per_sec": rate,
                         "peak_memory_mib": memory_mib})  # fmt: skip
            print(f"{size:>10,} texts, {processes} process{'es' if processes > 1 else '  '}"
                  f"{rate:10,.0f} texts/s{memory_mib:8,.0f} MiB", flush=True)  # fmt: skip
    print(f"Written to {write_json('scale', rows)}")


if __name__ == "__main__":
    main()
