"""The model as other engines and ours want it, each made once, beside the model."""

import os
import subprocess
import sys
from pathlib import Path

import torch

from material import SEED, batches, make_texts, write_texts

# What static quantisation sees: as many texts as NNCF looks at by default, none of those measured.
CALIBRATION_TEXTS = 300
CALIBRATION_SEED = SEED + 1


def onnx(folder: Path) -> Path:
    """The model in ONNX."""
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


def onnx_int8(folder: Path) -> Path:
    """The same with ONNX Runtime's dynamic quantisation."""
    path = folder / "model_int8.onnx"
    if not path.exists():
        from onnxruntime.quantization import QuantType, quantize_dynamic

        quantize_dynamic(onnx(folder), path, weight_type=QuantType.QInt8)
    return path


def openvino_int8(folder: Path) -> Path:
    """The same with NNCF's static quantisation, in OpenVINO's format."""
    path = folder / "model_int8.xml"
    if path.exists():
        return path
    # What keeps NNCF from reporting its use.
    os.environ["NNCF_CI"] = "1"
    import nncf
    import openvino as ov
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(folder)
    texts = make_texts(CALIBRATION_TEXTS, CALIBRATION_SEED)
    seen = [[ids, mask] for _, ids, mask in batches(tokenizer, texts)]
    model = ov.Core().read_model(str(onnx(folder)))
    quantised = nncf.quantize(model, nncf.Dataset(seen), subset_size=len(seen),
                              model_type=nncf.ModelType.TRANSFORMER)  # fmt: skip
    ov.save_model(quantised, path)
    return path


def calibrated(folder: Path) -> Path:
    """Our own folder of it with ranges for int8, from the texts that NNCF sees."""
    path = folder / "calibrated"
    if path.exists():
        return path
    texts = write_texts(folder / "calibration.txt", make_texts(CALIBRATION_TEXTS, CALIBRATION_SEED))
    subprocess.run(
        [sys.executable, "-m", "runinference_metrics", "model", str(folder),
         f"--output={path}", f"--calibrate={texts}"],
        check=True, stdout=sys.stderr,
    )  # fmt: skip
    return path
