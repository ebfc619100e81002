"""What a run used, and what that costs at prices that the user gives."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any

import yaml

from runinference_metrics.errors import UserError
from runinference_metrics.records.measured import Machine

_TAKES = "a YAML or JSON file with currency, region, date, vcpu_hour and memory_gb_hour"
_GIB = 2**30
# What else a prices file may say: see machine_types.py.
_OF_ESTIMATES = "machines"


@dataclass(frozen=True)
class Resources:
    """Resource hours.

    Args:
        basis: how they were found out.
        machines: how many machines, where known.
        vcpu_hours: hours of a virtual CPU.
        memory_gb_hours: hours of a GiB of memory.
        disk_gb_hours: hours of a GB of standard persistent disk; None where unknown.
        ssd_gb_hours: hours of a GB of SSD persistent disk; None where unknown.
        gpu_hours: hours of a GPU.
        shuffle_gb: GiB of shuffled data that Dataflow bills; None where unknown.
    """

    basis: str
    machines: int | None
    vcpu_hours: float
    memory_gb_hours: float
    gpu_hours: float
    disk_gb_hours: float | None = None
    ssd_gb_hours: float | None = None
    shuffle_gb: float | None = None

    @classmethod
    def of_machines(cls, machines: Sequence[Machine], wall_secs: float) -> "Resources":
        """The machines that classified, each held for the whole run.

        From inside a run nobody sees machines that start, idle or stop, nor disks.
        """
        hours = wall_secs / 3600
        return cls(
            "machines that classified, times the run's time; without their starting and stopping",
            len(machines),
            hours * sum(machine.vcpus for machine in machines),
            hours * sum(machine.memory_bytes for machine in machines) / _GIB,
            hours * sum(machine.gpus for machine in machines),
        )


@dataclass(frozen=True)
class Prices:
    """Prices of an hour of each resource, and of a GiB shuffled: one currency, region and date."""

    currency: str
    region: str
    date: str
    vcpu_hour: float
    memory_gb_hour: float
    gpu_hour: float | None = None
    disk_gb_hour: float | None = None
    ssd_gb_hour: float | None = None
    shuffle_gb: float | None = None

    @classmethod
    def parse(cls, content: bytes, name: str) -> "Prices":
        """Reads a prices file.

        Args:
            content: the file's content, YAML or JSON.
            name: its name, for messages.

        Raises:
            UserError: it is none, or a price is missing, unknown, or no number from 0.
        """
        try:
            found = yaml.safe_load(content)
        except (yaml.YAMLError, UnicodeDecodeError) as error:
            raise UserError("prices", _TAKES, f"{name!r}, which is neither") from error
        if not isinstance(found, dict):
            raise UserError("prices", _TAKES, f"{name!r}, which holds no names")
        known = {field.name: field for field in fields(cls)}
        for key in found:
            if key not in known and key != _OF_ESTIMATES:
                raise UserError("prices", _TAKES, f"{name!r} with the unknown name {key!r}")
        values: dict[str, Any] = {}
        for key in known:
            value = found.get(key)
            if key in ("currency", "region", "date"):
                if value is None:
                    raise UserError("prices", _TAKES, f"{name!r} without {key}")
                # YAML reads 2026-01-31 as a date.
                values[key] = str(value)
                continue
            if value is None and key in ("vcpu_hour", "memory_gb_hour"):
                raise UserError("prices", _TAKES, f"{name!r} without {key}")
            if value is not None and not is_from_zero(value):
                raise UserError("prices", "prices that are numbers from 0",
                                f"{name!r} with {key}: {value!r}")  # fmt: skip
            values[key] = value
        return cls(**values)

    def cost(self, used: Resources) -> float:
        """The price of the resources.

        Raises:
            UserError: a GPU was used and there is no price for it: a cost without it would be
                false.
        """
        if used.gpu_hours and self.gpu_hour is None:
            raise UserError("prices", "a file with gpu_hour for runs on a GPU", "one without it")
        return (
            used.vcpu_hours * self.vcpu_hour
            + used.memory_gb_hours * self.memory_gb_hour
            + used.gpu_hours * (self.gpu_hour or 0)
            + (used.disk_gb_hours or 0) * (self.disk_gb_hour or 0)
            + (used.ssd_gb_hours or 0) * (self.ssd_gb_hour or 0)
            + (used.shuffle_gb or 0) * (self.shuffle_gb or 0)
        )


def is_from_zero(value: Any) -> bool:
    """Whether what a file says is a number that something may cost, or have."""
    number = isinstance(value, (int, float)) and not isinstance(value, bool)
    return number and math.isfinite(value) and value >= 0
