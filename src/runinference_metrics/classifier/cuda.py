"""CUDA as the classifier uses it. All that asks for a GPU asks here, where tests put a stand-in."""

import numpy as np
import torch


def device() -> torch.device:
    """The GPU that this process computes on."""
    return torch.device("cuda", torch.cuda.current_device())


def holds(tensor: torch.Tensor) -> bool:
    """Whether a tensor is in a GPU's memory."""
    return tensor.device.type == "cuda"


def capability() -> tuple[int, int]:
    """The GPU's compute capability."""
    return torch.cuda.get_device_capability()


def upload(array: np.ndarray, to: torch.device) -> torch.Tensor:
    """An array on a device; to a GPU without waiting, from memory that it can fetch from."""
    if to.type == "cpu":
        return torch.from_numpy(array)
    return torch.from_numpy(array).pin_memory().to(to, non_blocking=True)


class Mark:
    """A point in the GPU's work, behind all that it was given so far."""

    def __init__(self) -> None:
        # Waiting for it sleeps: torch's usual way keeps a core busy until the GPU is there.
        self._event = torch.cuda.Event(enable_timing=True, blocking=True)
        self._event.record()

    def wait(self) -> None:
        """Returns when the GPU has passed it; other threads of Python run meanwhile."""
        self._event.synchronize()

    def micro_secs_since(self, earlier: "Mark") -> int:
        """The GPU's time from another mark to this one; both must be passed."""
        return round(1000 * earlier._event.elapsed_time(self._event))


class Download:
    """A tensor on its way from the GPU to memory of the host.

    Args:
        tensor: what to fetch, once the GPU has computed it.
    """

    def __init__(self, tensor: torch.Tensor) -> None:
        self._there = fetched(tensor)
        self.arrived = Mark()

    def array(self) -> np.ndarray:
        """Its values; waits for them."""
        self.arrived.wait()
        found: np.ndarray = self._there.numpy()
        return found


def fetched(tensor: torch.Tensor) -> torch.Tensor:
    """Memory of the host that will hold a tensor once the GPU has come so far.

    A copy to memory that could be paged out would wait here, and busily, for all that the GPU was
    given, also by other threads.
    """
    there = torch.empty(tensor.shape, dtype=tensor.dtype, pin_memory=True)
    return there.copy_(tensor, non_blocking=True)


def free_memory() -> None:
    """Gives back what torch keeps in reserve."""
    torch.cuda.empty_cache()


def name() -> str:
    """The GPU's name."""
    return torch.cuda.get_device_name()


def count() -> int:
    """The GPUs of this machine."""
    return torch.cuda.device_count()


def utilization_percent() -> int:
    """The share of the driver's last sample period in which the GPU computed."""
    return int(torch.cuda.utilization())


def peak_memory_bytes() -> int:
    """The most memory that this process has had on it."""
    return int(torch.cuda.max_memory_allocated())
