"""The machine types of a prices file, between which an estimate lets one choose."""

from dataclasses import dataclass
from typing import Any

import yaml

from runinference_metrics.errors import UserError
from runinference_metrics.metrics.prices import Prices, is_from_zero
from runinference_metrics.records.processor import TELLING

_FLAG = "prices"
_NUMBERS = ("vcpus", "memory_gb", "gpu_hour")
_WORDS = ("gpu", "instruction_set")


@dataclass(frozen=True)
class MachineType:
    """A machine type as a prices file describes it.

    Args:
        name: Google's name of it.
        vcpus: its virtual CPUs.
        memory_gb: its memory, in GiB.
        instruction_set: of those by which processors are told apart the one that counts most; None
            where a GPU computes.
        gpu: the name of its one GPU, as Dataflow has it; None if it has none.
        gpu_hour: the price of an hour of that GPU; None for the file's own.
    """

    name: str
    vcpus: int
    memory_gb: float
    instruction_set: str | None = None
    gpu: str | None = None
    gpu_hour: float | None = None

    def hour(self, prices: Prices) -> float:
        """What an hour of it costs.

        Raises:
            UserError: it has a GPU, and there is no price of one.
        """
        gpu_hour = 0.0
        if self.gpu:
            found = prices.gpu_hour if self.gpu_hour is None else self.gpu_hour
            if found is None:
                raise UserError(_FLAG, "a file with gpu_hour for machines with a GPU",
                                f"one without it for {self.name}")  # fmt: skip
            gpu_hour = found
        return self.vcpus * prices.vcpu_hour + self.memory_gb * prices.memory_gb_hour + gpu_hour


def parse(content: bytes, name: str) -> tuple[MachineType, ...]:
    """The machine types of a prices file, in their order; none if it names none.

    Args:
        content: the file's content, which `Prices.parse` has accepted.
        name: its name, for messages.

    Raises:
        UserError: a machine type lacks what decides its price or its speed, or has what nobody
            knows.
    """
    machines = yaml.safe_load(content).get("machines")
    if machines is None:
        return ()
    if not isinstance(machines, dict):
        takes = "machines with a name each, and below it vcpus, memory_gb, instruction_set or gpu"
        raise UserError(_FLAG, takes, f"{name!r} with machines: {machines!r}")
    return tuple(_machine(str(key), value, name) for key, value in machines.items())


def _machine(name: str, given: Any, file: str) -> MachineType:
    def wrong(takes: str, got: str) -> UserError:
        return UserError(_FLAG, takes, f"{file!r} with {got} at {name}")

    if not isinstance(given, dict):
        raise wrong("machine types with vcpus, memory_gb and instruction_set or gpu", repr(given))
    for key, value in given.items():
        if key not in (*_NUMBERS, *_WORDS):
            known = ", ".join((*_NUMBERS, *_WORDS))
            raise wrong(f"machine types with {known}", f"the unknown name {key!r}")
        if key in _NUMBERS and not is_from_zero(value):
            raise wrong("numbers from 0", f"{key}: {value!r}")
        if key in _WORDS and not (isinstance(value, str) and value):
            raise wrong("names", f"{key}: {value!r}")
    for key in ("vcpus", "memory_gb"):
        if not given.get(key):
            raise wrong("machine types with vcpus and memory_gb above 0", f"no {key}")
    if given["vcpus"] != int(given["vcpus"]):
        raise wrong("whole vcpus", f"vcpus: {given['vcpus']!r}")
    instruction_set, gpu = given.get("instruction_set"), given.get("gpu")
    if (instruction_set is None) == (gpu is None):
        raise wrong("either instruction_set, of a CPU, or gpu", "both" if gpu else "neither")
    if gpu is None and "gpu_hour" in given:
        raise wrong("gpu_hour only beside gpu", "gpu_hour")
    if instruction_set is not None and instruction_set not in TELLING:
        raise wrong(f"an instruction_set of {', '.join(TELLING)}", repr(instruction_set))
    return MachineType(
        name, int(given["vcpus"]), given["memory_gb"], instruction_set, gpu, given.get("gpu_hour")
    )
