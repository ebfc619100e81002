"""What a whole input would take and cost on machines between which one chooses."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from runinference_metrics.metrics.machine_types import MachineType
from runinference_metrics.metrics.prices import Prices
from runinference_metrics.metrics.speeds import (
    Speed,
    gain,
    peak_operations_per_sec,
    precision_on,
    same_gpu,
)
from runinference_metrics.records.interval import Interval

# What a run on the same machine may differ by from one before: other programs, other guests.
_AGAIN = 0.2
# A process with a core of its own, as on Dataflow, instead of one with several threads, and a
# virtual CPU instead of this machine's core: with AMX two processes did 0.6 of one with two
# threads, elsewhere that was not measured, and a virtual CPU may be half a core.
_ELSEWHERE = Interval(0.5, 0.8, 1.1)
# The same where the run had a process a core already.
_ELSEWHERE_ALIKE = Interval(0.6, 1.0, 1.2)
# By how much starting and ending may take longer or shorter elsewhere.
_IDLE = Interval(0.5, 1.0, 3.0)


@dataclass(frozen=True)
class Work:
    """What there is to be classified.

    Args:
        texts: how many; not none.
        tokens: their tokens, as far as the model reads them.
        operations_per_token: the model's, at least; None if they are not known.
    """

    texts: Interval
    tokens: Interval
    operations_per_token: float | None = None


@dataclass(frozen=True)
class Rate:
    """How fast a machine type classifies.

    Args:
        tokens_per_sec: of one machine.
        idle_secs: what a run takes besides.
        basis: on what that rests, in a few words.
    """

    tokens_per_sec: Interval
    idle_secs: Interval
    basis: str


def here(work: Work, speed: Speed, hour: float | None) -> dict[str, Any]:
    """What the input would take on the machine on which a sample was classified.

    Args:
        work: the input.
        speed: the sample's.
        hour: what an hour of the machine costs, if that is known.
    """
    per_sec = Interval.within(speed.cores, _AGAIN) * speed.rate
    idle_secs = Interval.within(speed.idle_secs, _AGAIN)
    return _forecast("this machine", 1, work, Rate(per_sec, idle_secs, speed.basis), hour)


def elsewhere(
    work: Work,
    machine: MachineType,
    number: int,
    speeds: Sequence[Speed],
    prices: Prices,
    precision: str,
) -> dict[str, Any]:
    """What the input would take on machines of one type.

    Args:
        work: the input.
        machine: the type.
        number: how many of them.
        speeds: of runs; the first that tells something of the type is taken.
        prices: what an hour costs.
        precision: that was asked for.
    """
    hour = machine.hour(prices)
    rate = _on_gpu(machine, speeds) if machine.gpu else _on_cpu(machine, speeds, precision)
    if rate is None:
        return {**_unknown(machine.name, number), **_at_least(work, machine, number, hour)}
    return _forecast(machine.name, number, work, rate, hour)


def _on_gpu(machine: MachineType, speeds: Sequence[Speed]) -> Rate | None:
    for one in speeds:
        if one.gpu and same_gpu(machine.gpu or "", one.device_name):
            return Rate(Interval.within(1.0, _AGAIN) * one.rate,
                        _IDLE.times(one.idle_secs), one.basis)  # fmt: skip
    return None


def _at_least(work: Work, machine: MachineType, number: int, hour: float) -> dict[str, Any]:
    """What nobody knows, but for what a GPU cannot do faster."""
    step = "run some thousand texts on one and name their folder in --runs"
    peak = peak_operations_per_sec(machine.gpu or "")
    if peak is None or not work.operations_per_token:
        return {"basis": f"not known: {step}"}
    secs = work.tokens.low * work.operations_per_token / (peak * number)
    return {
        "secs": {"low": secs, "likely": None, "high": None},
        "cost": {"low": secs * number * hour / 3600, "likely": None, "high": None},
        "basis": f"not known but for the GPU's data sheet, which nobody reaches: {step}",
    }


def _on_cpu(machine: MachineType, speeds: Sequence[Speed], asked: str) -> Rate | None:
    wanted = machine.instruction_set or ""
    precision = precision_on(wanted, asked)
    on_cpus = [one for one in speeds if not one.gpu]
    alike = [one for one in on_cpus if (one.instruction_set, one.precision) == (wanted, precision)]
    # The same machine, and processes as there: nothing is left to guess.
    for one in alike:
        a_process_a_core = one.threads == 1 and one.cores == one.machines * one.vcpus
        if a_process_a_core and one.vcpus == machine.vcpus:
            per_sec = Interval.within(machine.vcpus, _AGAIN) * one.rate
            return Rate(per_sec, _IDLE.times(one.idle_secs), one.basis)
    for one in alike:
        per_sec = _moved(one).times(machine.vcpus) * one.rate
        return Rate(per_sec, _IDLE.times(one.idle_secs), f"{one.basis}, by its instruction sets")
    for one in on_cpus:
        found = gain(one, wanted, precision)
        if found is not None:
            per_sec = (_moved(one) * found).times(machine.vcpus) * one.rate
            basis = (
                f"{one.basis}, times {found.likely:.2g}: {precision} with {wanted} in benchmarks"
            )
            return Rate(per_sec, _IDLE.times(one.idle_secs), basis)
    return None


def _moved(speed: Speed) -> Interval:
    return _ELSEWHERE_ALIKE if speed.threads == 1 else _ELSEWHERE


def _unknown(name: str, number: int) -> dict[str, Any]:
    return {"name": name, "machines": number, "texts_per_sec": None, "secs": None, "cost": None,
            "per_million_texts": None, "basis": ""}  # fmt: skip


def _forecast(name: str, number: int, work: Work, rate: Rate, hour: float | None) -> dict[str, Any]:
    secs = work.tokens * (1.0 / rate.tokens_per_sec.times(number)) + rate.idle_secs
    cost = None if hour is None else secs.times(number * hour / 3600)
    texts, tokens = work.texts.likely, work.tokens.likely
    return {
        **_unknown(name, number),
        "texts_per_sec": rate.tokens_per_sec.times(texts / tokens * number).as_json(),
        "secs": secs.as_json(),
        "cost": cost and cost.as_json(),
        "per_million_texts": cost and cost.times(1e6 / texts).as_json(),
        "basis": rate.basis,
    }
