"""Ours against every peer, in one run: the same texts and weights, interleaved rounds, medians.

Two tables. *Classifiers*: each in a process of its own, asked in turn, start-up apart. *Programs*:
whole processes, files in and files out; each also runs on a single text, and the texts/s are those
of the other texts in the time that remains.

    python bench/against_peers.py [--texts=512] [--rounds=5] [--only="NAME;NAME"]
        [--program_texts="4096;100000"] [--program_rounds=3] [--only_programs="NAME;NAME"]
"""

import argparse
import json
import sys
import tempfile
from dataclasses import asdict
from pathlib import Path

from contender import CONTENDERS
from contest import Contender, Row, names, parted, show
from material import PEERS, machine, make_model, make_texts, write_json, write_texts
from programs import EXAMPLE, NAMES, programs


def classifiers(folder: Path, texts: list[str], rounds: int, only: list[str]) -> list[Row]:
    """Measures every classifier that can run here."""
    file = write_texts(folder / "texts.txt", texts)
    rows, running = [], {}
    for name, entry in CONTENDERS.items():
        if only and name not in only:
            continue
        row = Row(name, note=entry.problem() or "")
        rows.append(row)
        if not row.note:
            running[name] = Contender(name, folder, file)
            row.startup_secs = running[name].startup_secs
    for _ in range(rounds):
        for row in rows:
            if row.name in running:
                row.texts_per_sec.append(len(texts) / running[row.name].secs())
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


def main() -> None:
    """Measures and prints; writes the tables as JSON."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--texts", type=int, default=512)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--only", default="", help="classifiers, parted by ;")
    parser.add_argument("--program_texts", default="4096", help="how many ours get, parted by ;")
    parser.add_argument("--program_rounds", type=int, default=3)
    parser.add_argument("--only_programs", default="", help="programs, parted by ;")
    parser.add_argument("--no_programs", action="store_true")
    given = parser.parse_args()
    only = names("only", given.only, CONTENDERS)
    only_programs = names("only_programs", given.only_programs, NAMES)
    counts = [int(count) for count in parted(given.program_texts)]
    sys.path.append(str(PEERS))
    with tempfile.TemporaryDirectory() as temporary:
        folder = make_model(Path(temporary) / "model")
        print(f"{machine()}; DistilBERT's size, random weights, {given.texts} texts")
        found = classifiers(folder, make_texts(given.texts), given.rounds, only)
        show("Classifiers", found, "transformers, batch 32")
        whole: list[Row] = []
        if not given.no_programs:
            whole = programs(folder, counts, given.program_rounds, only_programs)
            show("Programs, files in and files out", whole, EXAMPLE)
    content = {
        "classifiers": [{**asdict(row), "median": row.median} for row in found],
        "programs": [{**asdict(row), "median": row.median} for row in whole],
    }
    print(f"\nWritten to {write_json('against_peers', content)}")


if __name__ == "__main__":
    main()
