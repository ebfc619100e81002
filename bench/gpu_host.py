"""What a GPU's work costs the host, measured without one: no kernel computes much.

    python bench/gpu_host.py [--rounds=100] [--intervals="0.005;0.001;0.0005;0.0002;0.0001"]

Launching: a micro-batch of texts so few and an encoder so narrow, of DistilBERT's six layers, that
nearly all of its time is Python's and torch's own; alone, and beside three threads that compute in
Python, at several of the interpreter's switch intervals. A text: all that the host does for it,
with what it was before: each text through the tokenizers library, one operation at a time.
"""

import argparse
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from unittest import mock

import torch
from transformers import AutoTokenizer, DistilBertConfig, DistilBertForSequenceClassification

from contest import parted
from material import ROOT, SEED, machine, make_texts, write_json
from runinference_metrics.classifier import attention_on_gpu, cuda, encoder, scripted
from runinference_metrics.classifier import tokenizer as tokenizer_module
from runinference_metrics.classifier.classifier import Classifier, ClassifierSpec
from runinference_metrics.classifier.network import Network
from runinference_metrics.classifier.token_budgets import AUTO_BATCH_TOKENS
from runinference_metrics.classifier.tokens import Tokens

TEXTS = 16
BUSY_THREADS = 3
WIDTH = 16


def make_narrow(folder: Path) -> Path:
    """Six layers, each as narrow as can be."""
    torch.manual_seed(SEED)
    tokenizer = AutoTokenizer.from_pretrained(ROOT / "models" / "demo")
    config = DistilBertConfig(
        vocab_size=len(tokenizer), dim=WIDTH, hidden_dim=WIDTH, n_heads=2, n_layers=6
    )
    DistilBertForSequenceClassification(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def _attended(
    query: torch.Tensor, key: torch.Tensor, value: torch.Tensor,
    of_queries: torch.Tensor, of_keys: torch.Tensor, most_queries: int, most_keys: int,
    flash: bool,
) -> torch.Tensor:  # fmt: skip
    # A script of torch's: what it does not use stays in its signature.
    return query.clone()


@contextmanager
def stand_in() -> Iterator[None]:
    """The GPU's path on the CPU, with an attention that gives back the queries."""
    with (
        mock.patch.object(cuda, "holds", return_value=True),
        mock.patch.object(attention_on_gpu, "_problem", return_value=None),
        mock.patch.object(attention_on_gpu, "_flash", lambda query, *_: query.clone()),
        mock.patch.object(scripted, "_attended", _attended),
    ):
        yield


@contextmanager
def busy(threads: int) -> Iterator[None]:
    """So many threads that compute in Python meanwhile."""
    ended = threading.Event()

    def compute() -> None:
        while not ended.is_set():
            sum(range(100))

    running = [threading.Thread(target=compute) for _ in range(threads)]
    for one in running:
        one.start()
    try:
        yield
    finally:
        ended.set()
        for one in running:
            one.join()


def launching_secs(classifier: Classifier, tokens: Tokens, rounds: int) -> float:
    """A micro-batch's launching, the median."""
    network = classifier._passes.network
    found = []
    with torch.inference_mode():
        for _ in range(rounds):
            started = time.perf_counter()
            network(tokens)
            found.append(time.perf_counter() - started)
    return statistics.median(found)


def stepwise() -> Any:
    """No script: one operation after the other."""
    return mock.patch.object(encoder, "scripted", return_value=None)


def host_secs(classifier: Classifier, texts: list[str], launching: float) -> dict[str, float]:
    """What a core spends on a text, the least of some rounds."""
    tokens = classifier._tokenizer(texts).tokens
    network = classifier._passes.network
    instead: Any = _Nothing(network, len(classifier.label_names))
    with mock.patch.object(classifier._passes, "network", instead):
        found = []
        for _ in range(5):
            started = time.process_time()
            classifier.classify(texts)
            found.append(time.process_time() - started)
    micro_batches = -(-len(tokens.ids) // AUTO_BATCH_TOKENS["GPU", "bfloat16"])
    return {
        "tokens and results": min(found) / len(texts),
        "launching": launching * micro_batches / len(texts),
    }


class _Nothing:
    """Stands in for a network whose launching is measured by itself."""

    def __init__(self, network: Network, labels: int) -> None:
        self._network, self._labels = network, labels

    def __getattr__(self, name: str) -> Any:
        return getattr(self._network, name)

    def __call__(self, tokens: Tokens) -> torch.Tensor:
        return torch.zeros(len(tokens), self._labels)


def main() -> None:
    """Measures and prints; writes the result as JSON."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rounds", type=int, default=100)
    parser.add_argument("--intervals", default="0.005;0.001;0.0005;0.0002;0.0001")
    given = parser.parse_args()
    print(f"{machine()}; no GPU: the host's side alone")
    texts = make_texts(8192)
    result: dict[str, float] = {}
    with tempfile.TemporaryDirectory() as temporary, stand_in():
        folder = make_narrow(Path(temporary))
        classifier = ClassifierSpec(str(folder), precision="float32", threads=1).load()
        assert getattr(classifier._passes.network, "_at_once", True), "the script was not used"
        tokens = classifier._tokenizer(texts[:TEXTS]).tokens
        launching_secs(classifier, tokens, given.rounds)
        result["alone"] = launching_secs(classifier, tokens, given.rounds)
        for interval in map(float, parted(given.intervals)):
            before = sys.getswitchinterval()
            sys.setswitchinterval(interval)
            try:
                with busy(BUSY_THREADS):
                    result[f"beside {BUSY_THREADS}, {1e3 * interval:g} ms"] = launching_secs(
                        classifier, tokens, given.rounds
                    )
            finally:
                sys.setswitchinterval(before)
        now = host_secs(classifier, texts, result["alone"])
        with mock.patch.object(tokenizer_module, "word_tokenizer", return_value=None), stepwise():
            stepping = ClassifierSpec(str(folder), precision="float32", threads=1).load()
            launching_secs(stepping, tokens, given.rounds)
            result["alone, stepwise"] = launching_secs(stepping, tokens, given.rounds)
            before_now = host_secs(stepping, texts, result["alone, stepwise"])
    for name, secs in result.items():
        print(f"launching a micro-batch {name:24}{1e3 * secs:8.2f} ms")
    for what, one in (("now", now), ("before", before_now)):
        parts = ", ".join(f"{part} {1e6 * secs:.2f}" for part, secs in one.items())
        print(f"a text, {what:8}{1e6 * sum(one.values()):8.2f} µs of a core: {parts}")
    content = {"launching_secs": result, "text_secs": now, "text_secs_before": before_now}
    print(f"Written to {write_json('gpu_host', content)}")


if __name__ == "__main__":
    main()
