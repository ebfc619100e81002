"""What to expect of a GPU at most, before one is paid for: arithmetic, no measurement.

    python bench/gpu_forecast.py

The host's costs are those that `gpu_host.py` and `beam_share.py` measured here; what a GPU can do
is its data sheet's. The slower of the two bounds a worker: the GPU, and Python, which is taken to
hold its lock all the time that it tokenises too. A GPU never quite reaches its data sheet; `make
gpu` measures what it does reach.
"""

import json
import sys
from dataclasses import dataclass
from pathlib import Path

from material import ROOT, TOKENS, write_json
from operations import LAYERS, SHAPES, WIDTH

# Of a layer and token: what is written and read again between products, in features of two bytes.
TRAFFIC_FEATURES = 24 * WIDTH
# A micro-batch's, by table on a GPU.
BUDGET_TOKENS = 32_768


@dataclass(frozen=True)
class Gpu:
    """A GPU of NVIDIA's data sheets, and the smallest machine with one.

    Args:
        name: its name.
        tflops: 16-bit products without sparsity, in 10^12 a second.
        gb_per_sec: its memory's bandwidth.
        machine_type: Google's name.
        processes: that share it, see docs/workers.md.
    """

    name: str
    tflops: float
    gb_per_sec: float
    machine_type: str
    processes: int = 1


GPUS = (
    Gpu("T4", 65, 320, "n1-standard-4"),
    Gpu("L4", 121, 300, "g2-standard-4"),
    Gpu("A100", 312, 1555, "a2-highgpu-1g"),
    Gpu("H100", 989, 3350, "a3-highgpu-1g", 26),
)


@dataclass(frozen=True)
class Host:
    """What a text costs the host, in seconds.

    Args:
        python: of a process.
        launching: a micro-batch, likewise.
    """

    python: float
    launching: float


def bounds(gpu: Gpu, host: Host, tokens: int = TOKENS) -> dict[str, float]:
    """Texts a second that each part of a worker can do at most."""
    products = sum(outputs * inputs for outputs, inputs in SHAPES)
    # Of the last layer about the keys and values of all tokens: a sixth.
    operations = 2 * tokens * products * (LAYERS - 1 + 1 / 6)
    traffic_bytes = 2 * tokens * TRAFFIC_FEATURES * LAYERS
    gpu_secs = operations / (1e12 * gpu.tflops) + traffic_bytes / (1e9 * gpu.gb_per_sec)
    python_secs = host.python + host.launching * tokens / BUDGET_TOKENS
    return {
        "the GPU": 1 / gpu_secs,
        "Python": gpu.processes / python_secs,
    }


def measured(folder: Path) -> Host:
    """The host's costs, as the two other benchmarks wrote them."""
    needed = [folder / f"{name}.json" for name in ("gpu_host", "beam_share")]
    for file in needed:
        if not file.is_file():
            sys.exit(f"{file} is not there: run bench/{file.stem}.py first")
    host, share = (json.loads(file.read_text())["results"] for file in needed)
    python = sum(1 / max(share[name]) for name in ("ours", "classifier's Python"))
    return Host(python, host["launching_secs"]["alone"])


def main() -> None:
    """Computes and prints; writes the result as JSON."""
    host = measured(ROOT / "bench" / "out")
    print("Arithmetic, not a measurement: at most so many texts/s, DistilBERT's size")
    print(f"{'':6}{'machine':16}{'processes':>10}{'the GPU':>12}{'Python':>12}")
    found = {}
    for gpu in GPUS:
        of_gpu = found[gpu.name] = bounds(gpu, host)
        figures = "".join(f"{one:12,.0f}" for one in of_gpu.values())
        slowest = min(of_gpu, key=of_gpu.__getitem__)
        print(f"{gpu.name:6}{gpu.machine_type:16}{gpu.processes:>10}{figures}   {slowest} is least")
    print(f"Written to {write_json('gpu_forecast', found)}")


if __name__ == "__main__":
    main()
