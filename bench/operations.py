"""What DistilBERT's size computes: its linear layers, and how much of that texts need."""

from collections.abc import Sequence
from pathlib import Path

from transformers import AutoTokenizer

# Its linear layers, outputs x inputs: query, key and value; attended; up; down.
SHAPES = ((2304, 768), (768, 768), (3072, 768), (768, 3072))
LAYERS, WIDTH = 6, 768


def useful_operations(folder: Path, texts: Sequence[str]) -> int:
    """Multiplications and additions that classifying the texts needs, and not one more."""
    tokenizer = AutoTokenizer.from_pretrained(folder)
    lengths = [len(ids) for ids in tokenizer(list(texts))["input_ids"]]
    whole = 2 * sum(outputs * inputs for outputs, inputs in SHAPES)
    # Of the last layer the keys and values of all tokens, and the rest of the first ones.
    keys_and_values = 2 * 2 * WIDTH * WIDTH
    # Each token with each of its text, twice: compared, and taken.
    return sum(
        (LAYERS - 1) * (length * whole + 4 * length**2 * WIDTH)
        + length * keys_and_values + (whole - keys_and_values) + 4 * length * WIDTH
        for length in lengths
    )  # fmt: skip
