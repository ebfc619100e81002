"""What a device can do, and what is chosen for it where the user leaves it to us."""

import torch

from runinference_metrics.errors import UserError

INT8 = "int8"
DTYPES = {
    "float32": torch.float32,
    "bfloat16": torch.bfloat16,
    "float16": torch.float16,
    # Only the linear layers' products are in integers.
    INT8: torch.float32,
}


def gpu_problem() -> str | None:
    """Why there is no usable GPU here, or None when there is one."""
    if torch.cuda.is_available():
        return None
    if torch.version.cuda is None:
        return f"no GPU support: torch {torch.__version__} is built without CUDA"
    if torch.cuda.device_count() == 0:
        return f"no GPU: torch {torch.__version__} (CUDA {torch.version.cuda}) finds none"
    return f"a GPU that CUDA {torch.version.cuda} cannot use; is its driver too old?"


def check_device(device: str) -> None:
    """Raises UserError when `device` is GPU and none is usable; never falls back."""
    problem = gpu_problem() if device == "GPU" else None
    if problem:
        raise UserError("device", "GPU only where one is usable (else CPU)", f"GPU, but {problem}")


def auto_precision(device: str) -> str:
    """The fastest precision that keeps the answers, by what the hardware computes natively."""
    if device == "GPU":
        # Ampere (8.0) brought bfloat16; a T4 (7.5) only emulates it.
        return "bfloat16" if torch.cuda.get_device_capability() >= (8, 0) else "float16"
    capabilities = torch.cpu.get_capabilities()
    native = ("avx512_bf16", "amx_bf16", "bf16", "arm_bf16")
    return "bfloat16" if any(capabilities.get(name) for name in native) else "float32"


def device_name(device: str) -> str:
    """The device's name, as far as torch knows it."""
    if device == "GPU":
        return torch.cuda.get_device_name()
    return str(torch.cpu.get_capabilities().get("cpu_name") or "CPU")
