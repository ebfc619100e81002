"""Whole programs, files in and files out: Beam's own ways, and ours at each precision.

Each also runs on a single text, and its texts/s are those of the other texts in the time that
remains. Beam's are slow: they get as many texts as take them half a minute.
"""

import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from contest import Row
from material import ROOT, fresh, make_texts, process_secs, write_texts
from runinference_metrics.classifier.devices import auto_precision

EXAMPLE = "Beam's example"
HANDLER = "Beam's HuggingFacePipelineModelHandler"
PRECISIONS = ("float32", "auto", "int8")
NAMES = (EXAMPLE, HANDLER, *(f"ours {precision}" for precision in PRECISIONS))
# The example pads to 512 tokens.
EXAMPLE_TEXTS = 100
HANDLER_TEXTS = 1024
# From a file of texts to the command that classifies them.
Command = Callable[[Path], list[str]]


@dataclass(frozen=True)
class Program:
    """A program, and the numbers of texts that it is measured with, each a row of its own."""

    name: str
    command: Command
    counts: tuple[int, ...]
    note: str = ""


def all_programs(folder: Path, counts: Sequence[int]) -> list[Program]:
    """The programs with the model in `folder`; ours are measured with `counts` texts."""

    def example(path: Path) -> list[str]:
        out = fresh(folder / "example") / "out"
        return [sys.executable, str(ROOT / "bench" / "beam_example.py"), str(path), str(folder),
                str(folder / "state_dict.pt"), str(out)]  # fmt: skip

    def handler(path: Path) -> list[str]:
        out = fresh(folder / "handler") / "out"
        script = str(ROOT / "bench" / "beam_huggingface.py")
        return [sys.executable, script, str(path), str(folder), str(out)]

    def ours(precision: str) -> Command:
        return lambda path: [
            sys.executable, "-m", "runinference_metrics", "run", f"--input={path}",
            f"--output={folder / 'ours'}", f"--model={folder}", f"--precision={precision}",
            "--overwrite=true",
        ]  # fmt: skip

    most, own = max(counts), tuple(counts)
    found = [
        Program(EXAMPLE, example, (min(EXAMPLE_TEXTS, most),)),
        Program(HANDLER, handler, (min(HANDLER_TEXTS, most),)),
    ]
    for precision in PRECISIONS:
        note = auto_precision("CPU") if precision == "auto" else ""
        found.append(Program(f"ours {precision}", ours(precision), own, note))
    return found


def programs(folder: Path, counts: Sequence[int], rounds: int, only: Sequence[str]) -> list[Row]:
    """Measures whole programs, a row for each number of texts.

    Args:
        folder: the model; the files are written there too.
        counts: how many texts ours get, two at least.
        rounds: how often, in turn.
        only: the names of the programs to run; empty for all.
    """
    chosen = [one for one in all_programs(folder, counts) if not only or one.name in only]
    texts = make_texts(max(counts))
    one = write_texts(folder / "one.txt", texts[:1])
    files = {
        count: write_texts(folder / f"{count}.txt", texts[:count])
        for program in chosen
        for count in program.counts
    }
    rows = {
        (program, count): Row(
            program.name, note=", ".join(filter(None, (f"{count:,} texts", program.note)))
        )
        for program in chosen
        for count in program.counts
    }
    for _ in range(rounds):
        for program in chosen:
            startup = process_secs(program.command(one))
            for count in program.counts:
                row, total = rows[program, count], process_secs(program.command(files[count]))
                if total <= startup:
                    sys.exit(f"{row.name}: {count} texts took no longer than one; give it more, "
                             "by --program_texts")  # fmt: skip
                row.startup_secs = startup
                row.texts_per_sec.append((count - 1) / (total - startup))
    return list(rows.values())
