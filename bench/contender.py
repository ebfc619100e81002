"""One classifier in a process of its own, which answers on standard output as it is asked.

    python bench/contender.py NAME MODEL_FOLDER TEXTS

Prints its start-up in seconds; then, for each line on standard input, classifies the texts and
prints the seconds: `go` all of them, `go 100` the first hundred. `scores PATH` writes the positive
label's scores of the last pass. Idle, it uses no processor: contenders can take turns.

NAME is one of `CONTENDERS`, or `ours` with any precision, such as "ours auto", or `GPU` with one,
which is ours on a GPU. It also runs with the package of an older checkout.
"""

import importlib.util
import json
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from exports import calibrated, onnx, onnx_int8, openvino_int8
from material import BATCH_SIZE, PEERS, batches
from runinference_metrics.classifier.classifier import ClassifierSpec
from runinference_metrics.classifier.devices import auto_precision

# As the pipeline makes them where the user says nothing.
BATCH_SIZES = {"CPU": 512, "GPU": 8192}
# With so few a contender works for the first time, as a part of its start.
FIRST_TEXTS = 8
Classify = Callable[[list[str]], list[float]]


def ours(folder: Path, precision: str, device: str = "CPU") -> Classify:
    """This project's classifier, in batches as the pipeline makes them."""
    classifier = ClassifierSpec(str(folder), device, precision).load()
    size = BATCH_SIZES[device]

    def classify(texts: list[str]) -> list[float]:
        found: list[float] = []
        for start in range(0, len(texts), size):
            found += [row[1] for row in classifier.classify(texts[start : start + size]).scores]
        return found

    return classify


def transformers_pipeline(folder: Path, batch_size: int) -> Classify:
    """transformers' own pipeline, float32, in the order of the file."""
    from transformers import pipeline

    pipe = pipeline("text-classification", model=str(folder), dtype=torch.float32, device="cpu")

    def classify(texts: list[str]) -> list[float]:
        found: Any = pipe(texts, batch_size=batch_size, truncation=True, top_k=None)
        return [next(one["score"] for one in row if one["label"] == "POSITIVE") for row in found]

    return classify


def sorted_batches(folder: Path, run: Callable[[Any, Any], Any]) -> Classify:
    """Batches of 32 texts sorted by length: what a careful user of another engine writes."""
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(folder)

    def classify(texts: list[str]) -> list[float]:
        found = [0.0] * len(texts)
        for part, ids, mask in batches(tokenizer, texts):
            scores = torch.as_tensor(run(ids, mask)).softmax(-1)[:, 1].tolist()
            for index, score in zip(part, scores, strict=True):
                found[index] = score
        return found

    return classify


def torch_eager(folder: Path) -> Classify:
    """transformers' model in float32, sorted batches."""
    from transformers import AutoModelForSequenceClassification

    model = AutoModelForSequenceClassification.from_pretrained(folder).eval()

    def run(ids: Any, mask: Any) -> Any:
        with torch.inference_mode():
            return model(torch.from_numpy(ids), attention_mask=torch.from_numpy(mask)).logits

    return sorted_batches(folder, run)


def onnx_runtime(path: Path) -> Classify:
    """ONNX Runtime, sorted batches."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = torch.get_num_threads()
    session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    return sorted_batches(
        path.parent, lambda ids, mask: session.run(None, {"ids": ids, "mask": mask})[0]
    )


def openvino(path: Path, precision: str) -> Classify:
    """OpenVINO, sorted batches; `precision` is for what the model leaves open."""
    import openvino as ov

    settings = {"INFERENCE_PRECISION_HINT": precision, "PERFORMANCE_HINT": "LATENCY",
                "INFERENCE_NUM_THREADS": torch.get_num_threads()}  # fmt: skip
    model = ov.Core().compile_model(str(path), "CPU", settings)
    return sorted_batches(path.parent, lambda ids, mask: next(iter(model([ids, mask]).values())))


def lacks(*packages: str) -> str | None:
    """Why a peer cannot run, or None."""
    missing = [package for package in packages if importlib.util.find_spec(package) is None]
    return f"{', '.join(missing)} not installed" if missing else None


def needs_bfloat16() -> str | None:
    """Why bfloat16 makes no sense here, or None."""
    return None if auto_precision("CPU") == "bfloat16" else "this CPU does not compute bfloat16"


def same(folder: Path) -> Path:
    """The folder itself."""
    return folder


@dataclass(frozen=True)
class Entry:
    """A contender.

    Args:
        make: makes it of what `prepare` gives; this is its start-up.
        prepare: makes of the model's folder what it loads, once; that is not its start-up.
        problem: says why it cannot run here, or None.
    """

    make: Callable[[Path], Classify]
    prepare: Callable[[Path], Path] = same
    problem: Callable[[], str | None] = lambda: None


CONTENDERS = {
    "transformers, batch 1": Entry(lambda f: transformers_pipeline(f, 1)),
    "transformers, batch 32": Entry(lambda f: transformers_pipeline(f, BATCH_SIZE)),
    "torch, sorted": Entry(torch_eager),
    "ONNX Runtime": Entry(onnx_runtime, onnx, lambda: lacks("onnxruntime")),
    "ONNX Runtime int8": Entry(onnx_runtime, onnx_int8, lambda: lacks("onnxruntime")),
    "OpenVINO": Entry(lambda p: openvino(p, "f32"), onnx, lambda: lacks("openvino")),
    "OpenVINO bfloat16": Entry(
        lambda p: openvino(p, "bf16"), onnx, lambda: lacks("openvino") or needs_bfloat16()
    ),
    "OpenVINO int8": Entry(
        lambda p: openvino(p, "f32" if needs_bfloat16() else "bf16"),
        openvino_int8,
        lambda: lacks("openvino", "nncf"),
    ),
    "ours float32": Entry(lambda f: ours(f, "float32")),
    "ours bfloat16": Entry(lambda f: ours(f, "bfloat16"), problem=needs_bfloat16),
    "ours int8": Entry(lambda f: ours(f, "int8")),
    "ours int8, calibrated": Entry(lambda f: ours(f, "int8"), calibrated),
}


def entry(name: str) -> Entry:
    """The contender of this name."""
    whose, _, precision = name.partition(" ")
    device = "GPU" if whose == "GPU" else "CPU"
    return CONTENDERS.get(name) or Entry(lambda f: ours(f, precision, device))


def main(name: str, folder: Path, texts_file: Path) -> None:
    """Answers until standard input ends."""
    answers, sys.stdout = sys.stdout, sys.stderr
    chosen = entry(name)
    texts = texts_file.read_text().splitlines()
    prepared = chosen.prepare(folder)
    started = time.perf_counter()
    classify = chosen.make(prepared)
    classify(texts[:FIRST_TEXTS])
    print(time.perf_counter() - started, file=answers, flush=True)
    scores: list[float] = []
    for line in sys.stdin:
        what, _, given = line.strip().partition(" ")
        if what == "scores":
            Path(given).write_text(json.dumps(scores))
            print("written", file=answers, flush=True)
            continue
        asked = texts[: int(given)] if given else texts
        started = time.perf_counter()
        scores = classify(asked)
        print(time.perf_counter() - started, file=answers, flush=True)


if __name__ == "__main__":
    # Behind the project's own packages, whose versions are locked.
    sys.path.append(str(PEERS))
    main(sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3]))
