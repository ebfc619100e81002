"""Whether another machine would classify for less, from what the processor has."""

from dataclasses import dataclass
from typing import Any

from runinference_metrics.records import processor
from runinference_metrics.report.formats import money, percent

# Less computing than this costs about as much as a machine's start.
_SHORTEST_SECS = 60.0


@dataclass(frozen=True)
class Speed:
    """Texts/s of DistilBERT's size with SST-2's lengths, on two cores; as in docs/workers.md.

    Args:
        low: the least that was measured.
        high: the most.
        where: on which processor.
    """

    low: float
    high: float
    where: str

    def __str__(self) -> str:
        """As it reads in a sentence."""
        figures = f"{self.low:.0f}" + (f" to {self.high:.0f}" if self.high > self.low else "")
        return f"{figures} on {self.where}"


def _measured(instruction_set: str, precision: str, where: str) -> Speed:
    return Speed(*processor.MEASURED[instruction_set, precision], where)


_ON_AVX2 = {one: _measured(processor.AVX2, one, "AVX2") for one in ("float32", "int8")}
_ON_AVX512 = {"float32": _measured(processor.AVX512, "float32", "AVX-512")}
_ON_AVX512_BF16 = _measured(processor.AVX512_BF16, "bfloat16", "AVX512-BF16")
_ON_AMX = _measured(processor.AMX_BF16, "bfloat16", "AMX")


@dataclass(frozen=True)
class _Step:
    """From a processor to a better one: what it lacks, who has it, and the speeds of both."""

    lacks: str
    machines: tuple[str, ...]
    here: Speed
    there: tuple[Speed, ...]


def cheaper_machine(document: dict[str, Any]) -> tuple[str, str] | None:
    """What to take instead of this run's CPU and the figures that say so; None for no advice.

    None too for a run that computed little, whose answers need float32, or whose processor was not
    measured.

    Args:
        document: the content of metrics.json.
    """
    run, busy = document["run"], busy_share(document) or 0.0
    if document["derived"]["total_inference_secs"] < _SHORTEST_SECS or busy < 0.5:
        return None
    if run["parameters"].get("precision") == "float32":
        return None
    for one in run["effective"]:
        # Documents of schema version 4 do not name them.
        step = _step(one.get("instruction_sets", ()), one["precision"])
        if step and not one.get("fallback"):
            return _change(step.machines, run["runner"]), _why(document, busy, one, step)
    return None


def busy_share(document: dict[str, Any]) -> float | None:
    """The share of all processes' time in which the model computed; None where it is not known."""
    rows = [one for one in document["workers"] if one["busy_share"] is not None]
    active = sum(one["active_secs"] for one in rows)
    return sum(one["forward_secs"] for one in rows) / active if active else None


def _step(has: list[str], precision: str) -> _Step | None:
    if processor.AMX_BF16 in has:
        return None
    if precision == "bfloat16" and processor.AVX512_BF16 in has:
        return _Step("AMX", processor.AMX_MACHINES, _ON_AVX512_BF16, (_ON_AMX,))
    if processor.AVX2 not in has or not processor.BFLOAT16.isdisjoint(has):
        return None
    here = (_ON_AVX512 if processor.AVX512 in has else _ON_AVX2).get(precision)
    there = (_ON_AVX512_BF16, _ON_AMX)
    return _Step("bfloat16", (processor.BFLOAT16_MACHINE,), here, there) if here else None


def _change(machines: tuple[str, ...], runner: str) -> str:
    named = " or ".join(machines)
    if "Dataflow" in runner:
        return f"Set machine_type to {named}; docs/workers.md says where, and with which disk."
    return f"On Google Cloud take {named}, or another of the machines in docs/workers.md."


def _why(document: dict[str, Any], busy: float, decided: dict[str, Any], step: _Step) -> str:
    here, there, precision = step.here, step.there, decided["precision"]
    says = (
        f"The model computed for {percent(busy)} of the time, in {precision}, and "
        f"{decided['device_name']} has no {step.lacks}, only "
        f"{' '.join(decided['instruction_sets'])}. Measured with DistilBERT's size on two cores, "
        f"texts/s: {here} in {precision}, {', '.join(map(str, there))} in bfloat16."
    )
    cost = document["cost"]
    if not cost or cost["per_million_texts"] is None:
        return says
    now, currency = cost["per_million_texts"], cost["prices"]["currency"]
    # What is not the model's time stays as it is.
    least, most = (
        now * (1 - busy + busy * ratio)
        for ratio in (here.low / there[-1].high, here.high / there[0].low)
    )
    return (
        f"{says} At the same price of a vCPU a million texts, now {money(now, currency)}, would "
        f"then cost {money(least, currency)} to {money(most, currency)}."
    )
