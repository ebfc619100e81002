"""What a device can do, and what is chosen for it where the user leaves it to us."""

import os
import re
import warnings

import torch

from runinference_metrics.classifier import cuda
from runinference_metrics.classifier.driver import driver_here, is_older, needed_driver
from runinference_metrics.errors import UserError
from runinference_metrics.records import processor

INT8 = "int8"
FLOAT16 = "float16"
DTYPES = {
    "float32": torch.float32,
    "bfloat16": torch.bfloat16,
    FLOAT16: torch.float16,
    # Only the linear layers' products are in integers.
    INT8: torch.float32,
}
# What torch.cpu.get_capabilities() calls each, all but the last two on x86, those on Arm; and of
# AVX-512 what torch itself means by it (aten/src/ATen/cpu/Utils.cpp).
_TORCHS_NAMES = {
    processor.AVX2: ("avx2",),
    processor.AVX512: ("avx512_f", "avx512_vl", "avx512_bw", "avx512_dq"),
    processor.AVX512_VNNI: ("avx512_vnni",),
    processor.AVX512_BF16: ("avx512_bf16",),
    processor.AMX_BF16: ("amx_bf16",),
    processor.AMX_INT8: ("amx_int8",),
    processor.NEON_BF16: ("bf16",),
    processor.NEON_I8MM: ("i8mm",),
}
# What Dataflow calls it.
_DRIVER_OPTION = "install-nvidia-driver"
# That of the image's other flavour.
_OLDER_CUDA = "12.6"


def gpu_problem() -> str | None:
    """Why there is no usable GPU here, or None when there is one."""
    with warnings.catch_warnings():
        # What torch would warn of is what is said here, in its own many words.
        warnings.simplefilter("ignore")
        if torch.version.cuda is not None and not torch.cuda.is_available():
            return _driver_problem(torch.version.cuda)
        found = None if torch.version.cuda is None else torch.cuda.get_device_capability()
    return code_problem(found)


def code_problem(capability: tuple[int, int] | None) -> str | None:
    """Why this torch has no code for a GPU of this compute capability, or None when it has."""
    build = f"torch {torch.__version__}"
    if torch.version.cuda is None:
        return f"no GPU support: {build} is built without CUDA"
    kinds = torch.cuda.get_arch_list()
    if capability is None or not kinds or any(_runs_on(kind, capability) for kind in kinds):
        return None
    asked = "{}.{}".format(*capability)
    return (
        f"{build} (CUDA {torch.version.cuda}) has no code for compute capability {asked}, only "
        f"{', '.join(kinds)}; FLAVOUR=cuda126 builds an image for GPUs older than a T4, "
        "FLAVOUR=cuda one for all others"
    )


def _runs_on(kind: str, capability: tuple[int, int]) -> bool:
    """Whether code of a kind, as torch names it (sm_86, sm_90a, compute_120), runs on a GPU.

    Compiled code runs on its own major version from its minor version on; compute_ is compiled at
    its first use, for any newer GPU. What ends in "a" is for its own version alone, what ends in
    "f" for its own major version.
    https://docs.nvidia.com/cuda/blackwell-compatibility-guide
    """
    match = re.fullmatch(r"(sm|compute)_(\d+)(\d)([af]?)", kind)
    if match is None:
        return False
    code = (int(match[2]), int(match[3]))
    if match[4] == "a":
        return capability == code
    newer = match[1] == "compute" and not match[4]
    return capability >= code and (newer or capability[0] == code[0])


def _driver_problem(cuda: str) -> str:
    """Why CUDA finds no GPU here, as far as the driver says."""
    needed, here = needed_driver(cuda), driver_here()
    what = f"torch {torch.__version__} (CUDA {cuda}) needs NVIDIA driver {needed} or newer"
    if here is None:
        return f"{what}, and none is here; on Dataflow the accelerator needs {_DRIVER_OPTION}"
    if is_older(here, needed):
        other = needed_driver(_OLDER_CUDA)
        way_out = f", or an image with FLAVOUR=cuda126 (driver {other} or newer)"
        return (
            f"{what}, and {here} is here; ways out: a newer driver (on Dataflow an accelerator "
            f"with {_DRIVER_OPTION}:latest){way_out if is_older(other, needed) else ''}"
        )
    path = os.environ.get("LD_LIBRARY_PATH", "")
    return (
        f"{what}, {here} is here, and it finds no GPU all the same; is one there, and are the "
        f"driver's libraries among LD_LIBRARY_PATH={path!r}?"
    )


def check_device(device: str) -> None:
    """Raises UserError when `device` is GPU and none is usable; never falls back."""
    problem = gpu_problem() if device == "GPU" else None
    if problem:
        raise UserError("device", "GPU only where one is usable (else CPU)", f"GPU, but {problem}")


def auto_precision(device: str) -> str:
    """The fastest precision that keeps the answers, by what the hardware computes natively."""
    if device == "GPU":
        capability = cuda.capability()
        # Ampere (8.0) brought bfloat16; a T4 (7.5) only emulates it. A P4 (6.1) computes float16
        # at a sixty-fourth of its speed, a P100 (6.0) at twice.
        if capability >= (8, 0):
            return "bfloat16"
        return "float32" if capability < (7, 0) and capability != (6, 0) else "float16"
    return "float32" if processor.BFLOAT16.isdisjoint(instruction_sets(device)) else "bfloat16"


def instruction_sets(device: str) -> tuple[str, ...]:
    """The processor's instruction sets that count, by the names in `records.processor`.

    Args:
        device: "CPU" or "GPU"; the processor beside a GPU does not count.
    """
    if device == "GPU":
        return ()
    has = torch.cpu.get_capabilities().get
    return tuple(name for name, theirs in _TORCHS_NAMES.items() if all(map(has, theirs)))


def device_name(device: str) -> str:
    """The device's name, as far as torch knows it."""
    if device == "GPU":
        return cuda.name()
    return str(torch.cpu.get_capabilities().get("cpu_name") or "CPU")
