"""What every benchmark works on: a machine, generated texts, and a model of DistilBERT's size."""

import json
import os
import platform
import random
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from transformers import AutoTokenizer, DistilBertConfig, DistilBertForSequenceClassification

ROOT = Path(__file__).parent.parent
# Where the peers that are no dependencies of the project are installed, see requirements.txt.
PEERS = ROOT / "build" / "peers"
SEED = 5
# SST-2's development sentences have 19 words in the mean, 2 at least and 47 at most.
SHORTEST, LONGEST, COMMONEST = 2, 47, 10
# Tokens of a generated text in the mean, of which two begin and end it.
TOKENS = 23
# What text-classification pipelines and servers are told most often.
BATCH_SIZE = 32
# A model for a handler that goes through a pickle, as Beam's do: one that is found, not carried.
LOADED: list[Any] = []


def machine() -> str:
    """The processor that figures were measured on: without it they say nothing."""
    # Not above: another checkout's contenders import this module, and may not have it.
    from runinference_metrics.classifier.devices import device_name, instruction_sets

    cores = len(os.sched_getaffinity(0))
    return (
        f"{cores} core{'s' if cores > 1 else ''} of {device_name('CPU')} "
        f"({', '.join(instruction_sets('CPU'))}), "
        f"torch {torch.__version__}, Python {platform.python_version()}"
    )


def make_texts(count: int, seed: int = SEED, tokens: int = TOKENS) -> list[str]:
    """Sentences of SST-2's lengths, of words of the samples that are one token each.

    The model's vocabulary is small, and longer words would be many tokens; SST-2's sentences have
    23 tokens in the mean with DistilBERT's own vocabulary, and so have these.

    Args:
        count: how many.
        seed: another gives others.
        tokens: how many a text has in the mean; all lengths are stretched alike.
    """
    tokenizer = AutoTokenizer.from_pretrained(ROOT / "models" / "demo")
    words = sorted(set((ROOT / "samples" / "films.txt").read_text().split()))
    words = [word for word in words if len(tokenizer.tokenize(word)) == 1]
    rng = random.Random(seed)
    stretch = 1.07 * (tokens - 2) / (TOKENS - 2)

    def words_of_one() -> int:
        return max(1, round(stretch * rng.triangular(SHORTEST, LONGEST, COMMONEST)))

    return [" ".join(rng.choices(words, k=words_of_one())) for _ in range(count)]


def write_texts(path: Path, texts: list[str]) -> Path:
    """A text file of them."""
    path.write_text("".join(f"{text}\n" for text in texts))
    return path


def batches(tokenizer: Any, texts: list[str]) -> Iterator[tuple[list[int], Any, Any]]:
    """Texts sorted by length, 32 at a time: their places, ids and mask, padded to the longest."""
    ids = tokenizer(texts, truncation=True)["input_ids"]
    order = sorted(range(len(texts)), key=lambda index: -len(ids[index]))
    for start in range(0, len(order), BATCH_SIZE):
        part = order[start : start + BATCH_SIZE]
        batch = tokenizer.pad({"input_ids": [ids[index] for index in part]}, return_tensors="np")
        yield part, batch["input_ids"], batch["attention_mask"]


def make_model(folder: Path) -> Path:
    """Writes a model of DistilBERT's size with random weights into `folder`."""
    torch.manual_seed(SEED)
    model = DistilBertForSequenceClassification(
        DistilBertConfig(id2label={0: "NEGATIVE", 1: "POSITIVE"})
    ).eval()
    tokenizer = AutoTokenizer.from_pretrained(ROOT / "models" / "demo")
    with torch.inference_mode():
        batch = tokenizer(make_texts(64), return_tensors="pt", padding=True)
        logits = model(batch["input_ids"], attention_mask=batch["attention_mask"]).logits
    with torch.no_grad():
        # A fresh head answers about the same to everything. Spread like a trained one's, the
        # answers show whether two programs compute the same.
        spread = 2 / (logits[:, 1] - logits[:, 0]).std()
        model.classifier.weight.mul_(spread)
        model.classifier.bias.copy_(-spread * logits.mean(0))
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    # What Beam's example wants.
    torch.save(model.state_dict(), folder / "state_dict.pt")
    return folder


def process_secs(command: list[str]) -> float:
    """The wall time of a whole process; fails with its output when it fails."""
    started = time.perf_counter()
    environment = {**os.environ, "HF_HUB_OFFLINE": "1"}
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, env=environment)
    if done.returncode:
        sys.exit(f"{' '.join(command)} failed:\n{done.stderr[-3000:]}")
    return time.perf_counter() - started


def fresh(folder: Path) -> Path:
    """The folder, empty."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    return folder


def write_json(name: str, content: object) -> Path:
    """Writes a benchmark's result, and the machine that it is of."""
    path = ROOT / "bench" / "out" / f"{name}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({"machine": machine(), "results": content}, indent=2) + "\n")
    return path
