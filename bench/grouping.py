"""Texts a second of a model that may be padded, by which texts share a forward pass.

python bench/grouping.py [--precision=auto] [--texts=512] [--rounds=5]

The model is GPT-2 of DistilBERT's size: with its padding token it is padded, without one (as GPT-2
comes) only texts of one length share a forward pass. One text at a time is what a model without a
padding token costs elsewhere.
"""

import argparse
import statistics
import tempfile
import time
from pathlib import Path

import torch
from transformers import AutoTokenizer, GPT2Config, GPT2ForSequenceClassification

from material import ROOT, SEED, machine, make_texts, write_json
from runinference_metrics.classifier.classifier import Classifier, ClassifierSpec

PADDED, EQUAL, ALONE = "padded", "equal lengths", "one by one"


def make(folder: Path, pad_token_id: int | None) -> str:
    """Writes the model, with or without its padding token."""
    torch.manual_seed(SEED)
    tokenizer = AutoTokenizer.from_pretrained(ROOT / "models" / "demo")
    config = GPT2Config(
        n_layer=6, n_embd=768, n_head=12, n_positions=512, vocab_size=len(tokenizer),
        pad_token_id=pad_token_id, bos_token_id=2, eos_token_id=3,
    )  # fmt: skip
    GPT2ForSequenceClassification(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return str(folder)


def main() -> None:
    """Measures and prints; writes the result as JSON."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--precision", default="auto")
    parser.add_argument("--texts", type=int, default=512)
    parser.add_argument("--rounds", type=int, default=5)
    given = parser.parse_args()
    texts = make_texts(given.texts)
    with tempfile.TemporaryDirectory() as temporary:
        padded = ClassifierSpec(make(Path(temporary) / "a", 0), precision=given.precision).load()
        equal = ClassifierSpec(make(Path(temporary) / "b", None), precision=given.precision).load()
    assert padded.effective.grouping == "padded_right"
    assert equal.effective.grouping == "equal_lengths"
    ways: dict[str, tuple[Classifier, int]] = {
        PADDED: (padded, given.texts),
        EQUAL: (equal, given.texts),
        ALONE: (equal, 1),
    }
    rates: dict[str, list[float]] = {name: [] for name in ways}
    for model, _ in ways.values():
        model.classify(texts)
    for _ in range(given.rounds):
        for name, (model, size) in ways.items():
            started = time.perf_counter()
            for at in range(0, given.texts, size):
                model.classify(texts[at : at + size])
            rates[name].append(given.texts / (time.perf_counter() - started))
    print(f"{machine()}; {padded.effective.precision}, {given.texts} texts")
    for name, found in rates.items():
        own = [one / all_of for one, all_of in zip(found, rates[PADDED], strict=True)]
        rate, spread = statistics.median(found), f"({min(found):.1f} to {max(found):.1f})"
        print(f"{name:15} {rate:8.1f} texts/s {spread:20} x {statistics.median(own):.2f}")
    print(f"Written to {write_json('grouping', rates)}")


if __name__ == "__main__":
    main()
