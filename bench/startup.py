"""From a process's start to its first forward pass, against what it cannot do without.

The base is a process that imports torch, transformers and Beam and reads the weights; ours is what
metrics.json says of a run on one text. Interleaved.

    python bench/startup.py [--rounds=5]
"""

import argparse
import json
import statistics
import sys
import tempfile
from pathlib import Path

from material import machine, make_model, make_texts, process_secs, write_json, write_texts

BASE = """
import sys, torch, apache_beam
from transformers import AutoModelForSequenceClassification, AutoTokenizer
from safetensors.torch import load_file
load_file(sys.argv[1])
"""
PARTS = ("before_load_milli_secs", "load", "first_pass_milli_secs", "to_first_pass_milli_secs")


def main() -> None:
    """Measures and prints; writes the result as JSON."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5)
    given = parser.parse_args()
    secs: dict[str, list[float]] = {name: [] for name in ("base", *PARTS)}
    with tempfile.TemporaryDirectory() as temporary:
        folder = make_model(Path(temporary))
        text = write_texts(folder / "one.txt", make_texts(1))
        run = [sys.executable, "-m", "runinference_metrics", "run", f"--input={text}",
               f"--output={folder / 'out'}", f"--model={folder}", "--overwrite=true"]  # fmt: skip
        base = [sys.executable, "-c", BASE, str(folder / "model.safetensors")]
        # The first time, files are read from the disk.
        process_secs(base)
        for _ in range(given.rounds):
            secs["base"].append(process_secs(base))
            process_secs(run)
            document = json.loads((folder / "out" / "metrics.json").read_text())
            found = {**document["startup"],
                     "load": document["runinference"]["load_model_latency_milli_secs"]}  # fmt: skip
            for name in PARTS:
                secs[name].append(found[name]["mean"] / 1000)
    print(machine())
    for name, values in secs.items():
        print(f"{name:28}{statistics.median(values):8.2f} s"
              f"  ({min(values):.2f} to {max(values):.2f})")  # fmt: skip
    ratio = statistics.median(secs[PARTS[-1]]) / statistics.median(secs["base"])
    print(f"to the first pass, over the base: {ratio:.2f}")
    print(f"Written to {write_json('startup', secs)}")


if __name__ == "__main__":
    main()
