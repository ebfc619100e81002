"""How near `estimate` comes to the whole runs that it foretells: rows, tokens, time.

    python bench/estimates.py [--rounds=3]

For each input the whole is estimated, then run, several times in turn on the same machine. The
inputs are made: lines sorted by length, JSON lines of all lengths, a compressed CSV file, many
small files; with the demo model, and some with one of DistilBERT's size.
"""

import argparse
import gzip
import json
import statistics
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from material import ROOT, fresh, machine, make_model, make_texts, process_secs, write_json

# What the demo model classifies in some ten seconds, one of DistilBERT's size in half a minute.
OF_DEMO, OF_DISTILBERT = 80_000, 8_000
SAMPLE = {OF_DEMO: 8_000, OF_DISTILBERT: 2_000}


@dataclass(frozen=True)
class Input:
    """What is to be classified.

    Args:
        name: what it is.
        path: the file, or a folder.
        texts: how many.
    """

    name: str
    path: Path
    texts: int


def inputs(folder: Path, texts: list[str]) -> list[Input]:
    """The same texts in files of several kinds."""
    folder = fresh(folder)
    lines = folder / "sorted.txt"
    lines.write_text("".join(f"{text}\n" for text in sorted(texts, key=len)))
    rows = folder / "rows.jsonl"
    rows.write_text(
        "".join(json.dumps({"id": at, "text": one}) + "\n" for at, one in enumerate(texts))
    )
    table = folder / "table.csv.gz"
    with gzip.open(table, "wt") as stream:
        stream.write("id,text\n" + "".join(f"{at},{one}\n" for at, one in enumerate(texts)))
    many = folder / "many"
    many.mkdir()
    for at in range(0, len(texts), 40):
        (many / f"{at}.txt").write_text("\n".join(texts[at : at + 40]) + "\n")
    return [Input("lines sorted by length", lines, len(texts)),
            Input("JSON lines", rows, len(texts)), Input("CSV, gzip", table, len(texts)),
            Input("files of 40 lines", many, len(texts))]  # fmt: skip


def command(name: str, one: Input, model: Path, *others: str) -> list[str]:
    """The program's command line."""
    return [sys.executable, "-m", "runinference_metrics", name, f"--input={one.path}",
            f"--model={model}", *others]  # fmt: skip


def measured(one: Input, model: Path, folder: Path) -> dict[str, Any]:
    """An estimate and the whole run, one after the other."""
    file, out = folder / "estimate.json", folder / "out"
    process_secs(
        command("estimate", one, model, f"--classify={SAMPLE[one.texts]}", f"--json={file}")
    )
    process_secs(command("run", one, model, f"--output={out}", "--overwrite"))
    estimate = json.loads(file.read_text())
    run = json.loads((out / "metrics.json").read_text())
    (here,) = estimate["machines"]
    secs = run["run"]["wall_secs"]
    return {
        "rows": estimate["input"]["rows"]["likely"] / run["records"]["read"],
        "tokens": estimate["input"]["tokens"]["likely"] / run["tokens"]["real"],
        "time": here["secs"]["likely"] / secs,
        "in_range": here["secs"]["low"] <= secs <= here["secs"]["high"],
    }


def main() -> None:
    """Measures and prints; writes the result as JSON."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=3)
    rounds = parser.parse_args().rounds
    print(machine())
    print(f"Estimated over what it was, {rounds} rounds: median (least to most)")
    results: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        models = {"demo model": (ROOT / "models" / "demo", OF_DEMO),
                  "DistilBERT's size": (make_model(folder / "model"), OF_DISTILBERT)}  # fmt: skip
        for title, (model, count) in models.items():
            for one in inputs(folder / "in", make_texts(count)):
                found = [measured(one, model, folder) for _ in range(rounds)]
                results[f"{title}, {one.name}"] = found
                shown = "  ".join(f"{what} {_spread([each[what] for each in found])}"
                                  for what in ("rows", "tokens", "time"))  # fmt: skip
                held = sum(each["in_range"] for each in found)
                print(f"{title:18} {one.name:24} {shown}  in its range {held} of {rounds}")
    print(f"Written to {write_json('estimates', results)}")


def _spread(values: list[float]) -> str:
    return f"{statistics.median(values):.3f} ({min(values):.3f} to {max(values):.3f})"


if __name__ == "__main__":
    main()
