"""The whole pipeline, files in and files out, over its classifier in a bare loop.

In one process, with one loaded model, in turn, so that nothing but the pipeline differs; start-up
apart: the time of a run on one text is taken off.

    python bench/pipeline_over_loop.py [--texts=1024] [--rounds=7] [--precision=auto]
"""

import argparse
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

import material
from beam_share import run_pipeline, secs
from material import machine, make_model, make_texts, write_json, write_texts
from runinference_metrics.classifier.classifier import Classifier, ClassifierSpec
from runinference_metrics.inference.handler import ClassifierHandler
from runinference_metrics.options import command_line


class LoadedHandler(ClassifierHandler):
    """Our handler around the model that this process has already."""

    def load_classifier(self) -> Any:
        """The model."""
        return material.LOADED[0]


def around_loaded(source: Path, output: Path) -> None:
    """A run of the pipeline."""
    run_pipeline(LoadedHandler(ClassifierSpec("loaded")), source, output)


def loop_secs(classifier: Classifier, texts: list[str], batch_size: int) -> float:
    """The classifier alone, in batches as the pipeline makes them."""
    started = time.perf_counter()
    for start in range(0, len(texts), batch_size):
        classifier.classify(texts[start : start + batch_size])
    return time.perf_counter() - started


def main() -> None:
    """Measures and prints; writes the result as JSON."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--texts", type=int, default=1024)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--precision", default="auto")
    given = parser.parse_args()
    texts = make_texts(given.texts)
    ratios: list[float] = []
    rates: dict[str, list[float]] = {"pipeline": [], "loop": []}
    with tempfile.TemporaryDirectory() as temporary:
        folder = make_model(Path(temporary) / "model")
        classifier = ClassifierSpec(str(folder), precision=given.precision).load()
        material.LOADED.append(classifier)
        settings, _ = command_line.parse(["--input=none", "--output=none"])
        one = write_texts(folder / "one.txt", texts[:1])
        many = write_texts(folder / "many.txt", texts)
        classifier.classify(texts[:64])
        secs(around_loaded, one, folder / "out")
        for _ in range(given.rounds):
            # The pipeline between two loops: a machine that gets slower or faster
            # does so to both.
            before = loop_secs(classifier, texts, settings.max_batch_size)
            start_secs = secs(around_loaded, one, folder / "out")
            whole_secs = secs(around_loaded, many, folder / "out") - start_secs
            loop = (before + loop_secs(classifier, texts, settings.max_batch_size)) / 2
            rates["pipeline"].append((given.texts - 1) / whole_secs)
            rates["loop"].append(given.texts / loop)
            ratios.append(rates["pipeline"][-1] / rates["loop"][-1])
    print(f"{machine()}; {classifier.effective.precision}")
    for name, found in rates.items():
        print(f"{name:10}{statistics.median(found):10,.1f} texts/s"
              f"  ({min(found):,.1f} to {max(found):,.1f})")  # fmt: skip
    print(f"pipeline over loop, round by round: {statistics.median(ratios):.3f}"
          f"  ({min(ratios):.3f} to {max(ratios):.3f})")  # fmt: skip
    print(f"Written to {write_json('pipeline_over_loop', {**rates, 'ratios': ratios})}")


if __name__ == "__main__":
    main()
