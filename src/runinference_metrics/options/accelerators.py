"""The GPUs of Dataflow workers, and the machines that go with them."""

from dataclasses import dataclass

from runinference_metrics.errors import UserError

# torch 2.13's wheels carry CUDA 13, which begins at Turing.
LOWEST_CAPABILITY = (7, 5)
# GPUs that Dataflow offers and CUDA 13 no longer knows.
_TOO_OLD = {"nvidia-tesla-p4": (6, 1), "nvidia-tesla-p100": (6, 0), "nvidia-tesla-v100": (7, 0)}


@dataclass(frozen=True)
class Accelerator:
    """A GPU as Dataflow knows it.

    Args:
        name: Dataflow's name of it.
        machine_type: the smallest machine that carries one of it. A small model needs no more.
        title: its product name.
        memory_gb: its memory.
    """

    name: str
    machine_type: str
    title: str
    memory_gb: int

    @property
    def service_option(self) -> str:
        """One of it, with the driver, as `worker_accelerator` and the resource hint take it."""
        return f"type:{self.name};count:1;install-nvidia-driver:5xx"


# The pairings of Dataflow's page "Run a pipeline with GPUs": accelerator-optimised machines come
# with their GPU built in, a T4 is attached to an N1.
ACCELERATORS = {
    one.name: one
    for one in (
        Accelerator("nvidia-l4", "g2-standard-4", "NVIDIA L4", 24),
        Accelerator("nvidia-tesla-t4", "n1-standard-4", "NVIDIA T4", 16),
        Accelerator("nvidia-tesla-a100", "a2-highgpu-1g", "NVIDIA A100", 40),
        Accelerator("nvidia-a100-80gb", "a2-ultragpu-1g", "NVIDIA A100", 80),
        Accelerator("nvidia-h100-80gb", "a3-highgpu-1g", "NVIDIA H100", 80),
    )
}


def accelerator(name: str) -> Accelerator:
    """The accelerator of this name.

    Raises:
        UserError: Dataflow has no such GPU, or the image's CUDA cannot run on it.
    """
    if name in ACCELERATORS:
        return ACCELERATORS[name]
    takes = f"one of {', '.join(ACCELERATORS)}"
    if name in _TOO_OLD:
        got = "{}.{}".format(*_TOO_OLD[name])
        needed = "{}.{}".format(*LOWEST_CAPABILITY)
        why = f"{name!r}, whose compute capability {got} is below the {needed} that CUDA 13 needs"
        raise UserError("accelerator", takes, why)
    raise UserError("accelerator", takes, repr(name))
