"""Beam's own share: text lines in, JSON lines out, with a model that does nothing.

Ours against a pipeline that goes element by element, in one run, interleaved. Start-up apart: each
also runs on a thousand lines. And Python's share of the classifier: all but the model and the
tokenizer's Rust, in steps as on a GPU. Beside a fast GPU both decide how busy it can be.

    python bench/beam_share.py [--texts=200000] [--rounds=3]
"""

import argparse
import json
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import apache_beam as beam
import torch
from apache_beam.ml.inference.base import ModelHandler, RunInference
from apache_beam.runners.portability.fn_api_runner import FnApiRunner

from material import ROOT, fresh, machine, make_texts, write_json
from runinference_metrics import pipeline
from runinference_metrics.classifier.classifier import FIRST_TEXTS_ON_A_GPU, ClassifierSpec
from runinference_metrics.classifier.network import Grouping
from runinference_metrics.classifier.token_budgets import AUTO_BATCH_TOKENS
from runinference_metrics.classifier.tokens import Tokens
from runinference_metrics.inference.handler import ClassifierHandler
from runinference_metrics.options import command_line
from runinference_metrics.options.command_line import AUTO_BATCH_SIZES
from runinference_metrics.reading import listing
from runinference_metrics.records.classification import Classification
from runinference_metrics.records.measured import BatchStats, Effective
from runinference_metrics.running.preview import format_options, row_fields

FEW = 1000
LABELS = ("NEGATIVE", "POSITIVE")
SCORES = [0.25, 0.75]


class Nothing:
    """Answers at once, the same to everything."""

    model_bytes = 0
    gpus = 0
    effective = Effective(
        "none", (), "none", "packed", "", "", "", "", 1024, "table", 512, 1, 5000, "None",
        "sha256:0", "0", "0",
    )  # fmt: skip

    def classify(self, texts: Sequence[str]) -> Classification:
        """The answer."""
        count = len(texts)
        stats = BatchStats(count, 20 * count, 0, 0, 1, 1, 0, 1, {20: count})
        return Classification(LABELS, [SCORES] * count, [1] * count, stats)


class NothingHandler(ClassifierHandler):
    """Our handler around it."""

    def load_classifier(self) -> Any:
        """Nothing."""
        return Nothing()


class PlainHandler(ModelHandler[str, Any, Nothing]):
    """As Beam's users write it: a batch is a list, a prediction an object."""

    def load_model(self) -> Nothing:
        """Nothing."""
        return Nothing()

    def run_inference(
        self, batch: Sequence[str], model: Nothing, inference_args: Any = None
    ) -> list[tuple[str, list[float]]]:
        """The texts with their answers."""
        return [(text, SCORES) for text in batch]


def run_pipeline(handler: ClassifierHandler, source: Path, output: Path) -> None:
    """This project's pipeline around a handler."""
    settings, _ = command_line.parse([f"--input={source}", f"--output={output}"])
    built = beam.Pipeline(runner=FnApiRunner())
    facts = {"job": "bench", "runner": "DirectRunner", "version": "", "beam_version": "",
             "python_version": "", "parameters": settings.as_parameters()}  # fmt: skip
    patterns = listing.listed([str(source)]).patterns
    fields, options = row_fields(settings), format_options(settings)
    plan = pipeline.Plan(settings, patterns, fields, options, handler, False, facts, None)
    pipeline.build(built, plan)
    built.run().wait_until_finish()


def ours(source: Path, output: Path) -> None:
    """Around a model that does nothing."""
    run_pipeline(NothingHandler(ClassifierSpec("none")), source, output)


def plain(source: Path, output: Path) -> None:
    """Element by element."""
    with beam.Pipeline(runner=FnApiRunner()) as built:
        (
            built
            | beam.io.ReadFromText(str(source))
            | RunInference(PlainHandler())
            | "Format" >> beam.Map(_line)
            | beam.io.WriteToText(str(output / "out"))
        )


def _line(element: tuple[str, list[float]]) -> str:
    text, scores = element
    named = dict(zip(LABELS, scores, strict=True))
    return json.dumps({"text": text, "label": "POSITIVE", "score": scores[1], "scores": named})


class NoNetwork:
    """A model that answers zeros at once."""

    num_bytes = 0
    grouping = Grouping.PACKED
    side_by_side = False
    attention = fused = ""

    def padding(self, tokens: Tokens) -> int:
        """None."""
        return 0

    def __call__(self, tokens: Tokens) -> torch.Tensor:
        """The zeros."""
        return torch.zeros(len(tokens), len(LABELS))


def python_share(rounds: int) -> list[float]:
    """Texts a second of all that the classifier does but its model, of each round."""
    spec = ClassifierSpec(str(ROOT / "models" / "demo"), precision="float32",
                          max_batch_tokens=AUTO_BATCH_TOKENS["GPU", "bfloat16"])  # fmt: skip
    classifier: Any = spec.load()
    classifier._passes.network = NoNetwork()
    classifier._texts_at_once = FIRST_TEXTS_ON_A_GPU
    texts = make_texts(AUTO_BATCH_SIZES["GPU"][1])
    classifier.classify(texts)
    found = []
    for _ in range(rounds):
        started = time.perf_counter()
        classifier.classify(texts)
        found.append(len(texts) / (time.perf_counter() - started))
    return found


def secs(run: Callable[[Path, Path], None], source: Path, output: Path) -> float:
    """The time of one run."""
    fresh(output)
    started = time.perf_counter()
    run(source, output)
    return time.perf_counter() - started


def main() -> None:
    """Measures and prints; writes the result as JSON."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--texts", type=int, default=200_000)
    parser.add_argument("--rounds", type=int, default=3)
    given = parser.parse_args()
    print(machine())
    rates: dict[str, list[float]] = {"ours": [], "element by element": []}
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        files = {}
        for count in (FEW, given.texts):
            files[count] = folder / f"{count}.txt"
            lines = (f"a rather good film, with little to complain of {n}\n" for n in range(count))
            files[count].write_text("".join(lines))
        for _ in range(given.rounds):
            for name, run in (("ours", ours), ("element by element", plain)):
                startup = secs(run, files[FEW], folder / "out")
                total = secs(run, files[given.texts], folder / "out")
                rates[name].append((given.texts - FEW) / (total - startup))
    rates["classifier's Python"] = python_share(given.rounds)
    for name, found in rates.items():
        print(f"{name:20}{statistics.median(found):10,.0f} texts/s"
              f"  ({min(found):,.0f} to {max(found):,.0f})")  # fmt: skip
    print(f"Written to {write_json('beam_share', rates)}")


if __name__ == "__main__":
    main()
