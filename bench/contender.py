"""One classifier in a process of its own, which answers on standard output as it is asked.

    python bench/contender.py NAME MODEL_FOLDER TEXTS

Prints its start-up in seconds; then, for each line on standard input, classifies all texts and
prints the seconds. `scores PATH` writes the positive label's scores of the last pass. Idle, it uses
no processor: contenders can take turns.
"""

import importlib.util
import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from material import PEERS
from runinference_metrics.classifier.classifier import ClassifierSpec
from runinference_metrics.classifier.devices import auto_precision

# What text-classification pipelines and servers are told most often.
BATCH_SIZE = 32
Classify = Callable[[list[str]], list[float]]


def ours(folder: Path, precision: str) -> Classify:
    """This project's classifier, in batches as the pipeline makes them."""
    classifier = ClassifierSpec(str(folder), precision=precision).load()

    def classify(texts: list[str]) -> list[float]:
        found: list[float] = []
        for start in range(0, len(texts), 512):
            found += [row[1] for row in classifier.classify(texts[start : start + 512]).scores]
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
        encoded: Any = tokenizer(texts, truncation=True)
        ids = encoded["input_ids"]
        order = sorted(range(len(texts)), key=lambda index: -len(ids[index]))
        found = [0.0] * len(texts)
        for start in range(0, len(order), BATCH_SIZE):
            part = order[start : start + BATCH_SIZE]
            batch = tokenizer.pad({"input_ids": [ids[index] for index in part]},
                                  return_tensors="np")  # fmt: skip
            logits = torch.as_tensor(run(batch["input_ids"], batch["attention_mask"]))
            for index, score in zip(part, logits.softmax(-1)[:, 1].tolist(), strict=True):
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


def onnx(folder: Path) -> Path:
    """The model in ONNX, exported once."""
    path = folder / "model.onnx"
    if path.exists():
        return path
    from transformers import AutoModelForSequenceClassification

    model = AutoModelForSequenceClassification.from_pretrained(folder).eval()

    class Logits(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.model = model

        def forward(self, ids: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
            return self.model(ids, attention_mask=mask).logits

    example = torch.ones(4, 16, dtype=torch.long)
    mask = example.clone()
    # Without padding in the example the export leaves the mask out.
    mask[1:, 9:] = 0
    axes = {0: torch.export.Dim("texts", min=1, max=4096),
            1: torch.export.Dim("tokens", min=2, max=512)}  # fmt: skip
    torch.onnx.export(Logits().eval(), (example, mask), path, dynamo=True, verbose=False,
                      input_names=["ids", "mask"], dynamic_shapes=(axes, axes))  # fmt: skip
    return path


def onnx_runtime(folder: Path, int8: bool) -> Classify:
    """ONNX Runtime, sorted batches; its dynamic quantisation for int8."""
    import onnxruntime

    path = onnx(folder)
    if int8:
        from onnxruntime.quantization import QuantType, quantize_dynamic

        path = folder / "model_int8.onnx"
        if not path.exists():
            quantize_dynamic(onnx(folder), path, weight_type=QuantType.QInt8)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = torch.get_num_threads()
    session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    return sorted_batches(
        folder, lambda ids, mask: session.run(None, {"ids": ids, "mask": mask})[0]
    )


def openvino(folder: Path, precision: str) -> Classify:
    """OpenVINO, sorted batches."""
    import openvino as ov

    settings = {"INFERENCE_PRECISION_HINT": precision, "PERFORMANCE_HINT": "LATENCY",
                "INFERENCE_NUM_THREADS": torch.get_num_threads()}  # fmt: skip
    model = ov.Core().compile_model(str(onnx(folder)), "CPU", settings)
    return sorted_batches(folder, lambda ids, mask: next(iter(model([ids, mask]).values())))


def has(package: str) -> str | None:
    """Why a peer cannot run, or None."""
    return None if importlib.util.find_spec(package) else f"{package} is not installed"


def needs_bfloat16() -> str | None:
    """Why bfloat16 makes no sense here, or None."""
    return None if auto_precision("CPU") == "bfloat16" else "this CPU does not compute bfloat16"


CONTENDERS: dict[str, tuple[Callable[[Path], Classify], Callable[[], str | None]]] = {
    "transformers, batch 1": (lambda f: transformers_pipeline(f, 1), lambda: None),
    "transformers, batch 32": (lambda f: transformers_pipeline(f, BATCH_SIZE), lambda: None),
    "torch, sorted": (torch_eager, lambda: None),
    "ONNX Runtime": (lambda f: onnx_runtime(f, False), lambda: has("onnxruntime")),
    "ONNX Runtime int8": (lambda f: onnx_runtime(f, True), lambda: has("onnxruntime")),
    "OpenVINO": (lambda f: openvino(f, "f32"), lambda: has("openvino")),
    "OpenVINO bfloat16": (
        lambda f: openvino(f, "bf16"),
        lambda: has("openvino") or needs_bfloat16(),
    ),
    "ours float32": (lambda f: ours(f, "float32"), lambda: None),
    "ours bfloat16": (lambda f: ours(f, "bfloat16"), needs_bfloat16),
    "ours int8": (lambda f: ours(f, "int8"), lambda: None),
}


def main(name: str, folder: Path, texts_file: Path) -> None:
    """Answers until standard input ends."""
    answers, sys.stdout = sys.stdout, sys.stderr
    make, _ = CONTENDERS[name]
    texts = texts_file.read_text().splitlines()
    started = time.perf_counter()
    classify = make(folder)
    classify(texts[:64])
    print(time.perf_counter() - started, file=answers, flush=True)
    scores: list[float] = []
    for line in sys.stdin:
        if line.startswith("scores "):
            Path(line.split(maxsplit=1)[1].strip()).write_text(json.dumps(scores))
            print("written", file=answers, flush=True)
            continue
        started = time.perf_counter()
        scores = classify(texts)
        print(time.perf_counter() - started, file=answers, flush=True)


if __name__ == "__main__":
    # Behind the project's own packages, whose versions are locked.
    sys.path.append(str(PEERS))
    main(sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3]))
