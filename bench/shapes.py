"""Models of several shapes, short and long texts, one core and two; of two checkouts side by side.

python bench/shapes.py [--against=CHECKOUT] [--precision=auto] [--rounds=5] [--shapes="NAME;NAME"]
    [--tokens="8;23;200"] [--cores="1;2"] [--pass_secs=1.5]

Random weights. In each cell every checkout has a process of its own on the same cores, and they
take turns with the same texts: as many as take this checkout about `--pass_secs`.
"""

import argparse
import os
import statistics
import tempfile
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from transformers import (
    AutoModelForSequenceClassification,
    AutoTokenizer,
    BertConfig,
    DistilBertConfig,
    ModernBertConfig,
)

from contest import Contender, names, parted
from material import ROOT, SEED, TOKENS, machine, make_texts, write_json, write_texts

# As they are published, but for the vocabulary, which no matrix product sees.
SHAPES: dict[str, Callable[..., Any]] = {
    "DistilBERT": lambda **ids: DistilBertConfig(**ids),
    "MiniLM": lambda **ids: BertConfig(
        hidden_size=384, num_hidden_layers=6, intermediate_size=1536, **ids
    ),
    "BERT": lambda **ids: BertConfig(**ids),
    "ModernBERT": lambda **ids: ModernBertConfig(**ids),
}
# A pass has so many texts and so many tokens at least, and so many tokens at most.
LEAST_TEXTS, LEAST_TOKENS = 8, 1024
MOST_TOKENS = 400_000
# A pass of less says little of how long one of more takes.
PROBE_SECS = 0.3
PROBES = 3


@dataclass(frozen=True)
class Cell:
    """A cell of the table: what is classified, and on how many cores."""

    shape: str
    tokens: int
    cores: int

    def __str__(self) -> str:
        return f"{self.shape:12}{self.tokens:>7}{self.cores:>7}"


@dataclass(frozen=True)
class Rates:
    """What a cell found: texts a second of each round, here and in the other checkout."""

    here: list[float]
    there: list[float]

    @property
    def ratios(self) -> list[float]:
        """How many times as fast this checkout is, round by round."""
        return [one / other for one, other in zip(self.here, self.there, strict=False)]

    @property
    def is_slower(self) -> bool:
        """Whether this checkout is slower in every round."""
        return bool(self.ratios) and max(self.ratios) < 1

    def __str__(self) -> str:
        spread = f"({min(self.here):,.1f} to {max(self.here):,.1f})"
        line = f"{statistics.median(self.here):10,.1f} texts/s  {spread:24}"
        if self.ratios:
            line += f"x {statistics.median(self.ratios):.2f}"
            line += f"  ({min(self.ratios):.2f} to {max(self.ratios):.2f})"
        return line


def make_shape(name: str, folder: Path) -> Path:
    """Writes a model of this shape with random weights."""
    torch.manual_seed(SEED)
    tokenizer = AutoTokenizer.from_pretrained(ROOT / "models" / "demo")
    config = SHAPES[name](
        vocab_size=len(tokenizer),
        pad_token_id=tokenizer.pad_token_id,
        bos_token_id=tokenizer.cls_token_id,
        cls_token_id=tokenizer.cls_token_id,
        eos_token_id=tokenizer.sep_token_id,
        sep_token_id=tokenizer.sep_token_id,
        id2label={0: "NEGATIVE", 1: "POSITIVE"},
    )
    AutoModelForSequenceClassification.from_config(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def texts_of_a_pass(contender: Contender, tokens: int, pass_secs: float) -> int:
    """How many texts of so many tokens the contender classifies in so long."""
    least, most = max(LEAST_TEXTS, LEAST_TOKENS // tokens), MOST_TOKENS // tokens

    def secs_of(count: int) -> float:
        # Texts that were not seen before take longer, and so do those beside another program.
        return min(contender.secs(count) for _ in range(PROBES))

    count = least
    while (secs := secs_of(count)) < PROBE_SECS and count < most:
        count = min(4 * count, most)
    return max(least, min(most, round(count * pass_secs / secs)))


def measured(
    cell: Cell, folder: Path, checkouts: list[Path], given: argparse.Namespace
) -> tuple[int, Rates]:
    """The number of texts of a pass, and the rates of the checkouts, of which this is the first."""
    texts = write_texts(
        folder / f"{cell.tokens}.txt",
        make_texts(MOST_TOKENS // cell.tokens, tokens=cell.tokens),
    )
    cores = sorted(os.sched_getaffinity(0))[: cell.cores]
    name = f"ours {given.precision}"
    contenders = [Contender(name, folder, texts, cores, checkout) for checkout in checkouts]
    try:
        count = texts_of_a_pass(contenders[0], cell.tokens, given.pass_secs)
        for contender in contenders:
            contender.secs(count)
        rates: list[list[float]] = [[], []]
        for _ in range(given.rounds):
            for found, contender in zip(rates, contenders, strict=False):
                found.append(count / contender.secs(count))
    finally:
        for contender in contenders:
            contender.end()
    return count, Rates(*rates)


def main() -> None:
    """Measures and prints; writes the result as JSON."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--against", type=Path, help="another checkout of this project")
    parser.add_argument("--precision", default="auto", choices=("auto", "float32", "int8"))
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--shapes", default=";".join(SHAPES), help="parted by ;")
    parser.add_argument("--tokens", default=f"8;{TOKENS};200", help="a text's, in the mean")
    parser.add_argument("--cores", default="1;2")
    parser.add_argument("--pass_secs", type=float, default=1.5)
    given = parser.parse_args()
    checkouts = [ROOT] + ([given.against.absolute()] if given.against else [])
    rows, slower = [], []
    print(f"{machine()}; precision {given.precision}, random weights")
    print(f"{'shape':12}{'tokens':>7}{'cores':>7}{'texts':>8}")
    for shape in names("shapes", given.shapes, SHAPES):
        with tempfile.TemporaryDirectory() as temporary:
            folder = make_shape(shape, Path(temporary))
            for tokens in map(int, parted(given.tokens)):
                for cores in map(int, parted(given.cores)):
                    cell = Cell(shape, tokens, cores)
                    count, rates = measured(cell, folder, checkouts, given)
                    print(f"{cell}{count:>8,}{rates}".rstrip(), flush=True)
                    rows.append({**asdict(cell), "texts": count, **asdict(rates)})
                    slower += [cell] if rates.is_slower else []
    if given.against:
        print(f"Slower in every round than {given.against}: {len(slower)} of {len(rows)}")
        for cell in slower:
            print(cell)
    print(f"Written to {write_json('shapes', rows)}")


if __name__ == "__main__":
    main()
