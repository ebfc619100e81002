"""What is chosen for a device."""

import pytest
import torch

from runinference_metrics.classifier import devices
from runinference_metrics.classifier.token_budgets import AUTO_BATCH_TOKENS
from runinference_metrics.options.command_line import AUTO_BATCH_SIZES


@pytest.mark.parametrize(
    ("capabilities", "expected"),
    [({"avx512_bf16": True}, "bfloat16"), ({"amx_bf16": True}, "bfloat16"),
     ({"avx512_f": True, "avx512_bf16": False}, "float32")],
)  # fmt: skip
def test_auto_precision_on_a_cpu(
    monkeypatch: pytest.MonkeyPatch, capabilities: dict[str, bool], expected: str
) -> None:
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: capabilities)
    assert devices.auto_precision("CPU") == expected


@pytest.mark.parametrize(("capability", "expected"), [((7, 5), "float16"), ((8, 0), "bfloat16")])
def test_auto_precision_on_a_gpu(
    monkeypatch: pytest.MonkeyPatch, capability: tuple[int, int], expected: str
) -> None:
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda: capability)
    assert devices.auto_precision("GPU") == expected


def test_every_precision_has_a_budget_on_every_device() -> None:
    expected = {(device, one) for device in AUTO_BATCH_SIZES for one in devices.DTYPES}
    assert set(AUTO_BATCH_TOKENS) == expected - {("GPU", devices.INT8)}
