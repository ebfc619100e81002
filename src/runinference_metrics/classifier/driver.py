"""NVIDIA's driver on this machine, and the one that a CUDA needs.

`python -m runinference_metrics.classifier.driver` prints the branch that this torch needs; so the
image's entrypoint learns it when the image is built.
"""

import re
from pathlib import Path

import torch

# The kernel's module says its version here, also inside of a container.
VERSION_FILE = Path("/proc/driver/nvidia/version")
# The oldest driver for each major version of CUDA: within one, any newer library runs on it.
# https://docs.nvidia.com/cuda/cuda-toolkit-release-notes, "Minimum Required Driver Version for
# CUDA Minor Version Compatibility", Linux.
_OLDEST = {12: "525.60.13", 13: "580.65.06"}


def needed_driver(cuda: str) -> str:
    """The oldest driver on which this version of CUDA runs.

    Raises:
        KeyError: the version is not in NVIDIA's table as it stands here.
    """
    return _OLDEST[int(cuda.partition(".")[0])]


def driver_here() -> str | None:
    """The version of the driver of this machine; None where there is none."""
    try:
        lines = VERSION_FILE.read_text().splitlines()
    except OSError:
        return None
    found = re.search(r"(?<!\S)\d+(\.\d+)+(?!\S)", lines[0]) if lines else None
    return found[0] if found else "an unknown one"


def is_older(version: str, than: str) -> bool:
    """Whether one version of a driver is older than another; an unknown one is not."""
    numbers = [re.findall(r"\d+", one) for one in (version, than)]
    left, right = ([int(number) for number in one] for one in numbers)
    return bool(left) and left < right


def branch(version: str) -> str:
    """The branch of a driver, as in R580."""
    return version.partition(".")[0]


if __name__ == "__main__":
    print(branch(needed_driver(torch.version.cuda)) if torch.version.cuda else "")
