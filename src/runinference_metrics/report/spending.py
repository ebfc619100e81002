"""Where the time and the money of a run went, as bars of shares with a table."""

from collections.abc import Callable, Mapping
from typing import Any

from runinference_metrics.records import names
from runinference_metrics.report.formats import duration, money, number, of_metric, percent

Bar = list[dict[str, str]]

# What is paid for, its unit, how much of it in a document, and the price of one.
_RESOURCES = (
    ("vCPU", "h", "vcpu_hours", "vcpu_hour"),
    ("memory", "GiB h", "memory_gb_hours", "memory_gb_hour"),
    ("GPU", "h", "gpu_hours", "gpu_hour"),
    ("standard disk", "GB h", "disk_gb_hours", "disk_gb_hour"),
    ("SSD", "GB h", "ssd_gb_hours", "ssd_gb_hour"),
    ("shuffle", "GiB", "shuffle_gb", "shuffle_gb"),
)


def stage_secs(document: dict[str, Any]) -> dict[str, float]:
    """The total inference time by what it went into."""
    total = document["runinference"][names.LATENCY]["sum"] / 1e6
    stages = document["stages"]
    known = {
        "forward passes": stages[names.FORWARD]["sum"] / 1e6,
        "tokenising": stages[names.TOKENIZE]["sum"] / 1e6,
        "waiting for the model": stages[names.WAIT]["sum"] / 1e6,
    }
    return {**known, "other": max(0.0, total - sum(known.values()))} if total else {}


def of_inference(document: dict[str, Any]) -> Bar:
    """The stages of the inference time."""
    return _bar(stage_secs(document), duration)


def of_money(document: dict[str, Any]) -> Bar:
    """What each resource cost; nothing without prices."""
    cost = document["cost"]
    if not cost:
        return []
    prices, used = cost["prices"], document["resources"]
    # Older documents do not have all of them.
    spent = {
        title: used[amount] * prices[price]
        for title, _, amount, price in _RESOURCES
        if used.get(amount) and prices.get(price)
    }
    return _bar(spent, lambda value: money(value, prices["currency"]))


def of_processes(document: dict[str, Any]) -> Bar:
    """What the processes did in the time of the run; nothing where they are not known."""
    wall_secs, processes = document["run"]["wall_secs"], document["workers"]
    stages = stage_secs(document)
    if not (wall_secs and stages) or any(one["process"] == "others" for one in processes):
        return []
    # Of a process whose threads classify side by side the latencies are more than its time.
    left = wall_secs * len(processes) - sum(stages.values())
    if left < 0:
        return []
    return _bar({**stages, "starting, reading, writing, waiting": left}, duration)


def of_starting(document: dict[str, Any]) -> Bar:
    """From a process's start to its first forward pass, in the mean; nothing if not known."""
    startup = document["startup"]
    if not startup or not startup[names.BEFORE_LOAD].get("count"):
        return []
    load = document["runinference"][names.LOAD_LATENCY]
    parts = {
        "before loading (imports, mostly)": startup[names.BEFORE_LOAD]["mean"],
        "loading the model": load["mean"] or 0.0,
        "the first forward pass": startup[names.FIRST_PASS]["mean"],
    }
    return _bar(parts, lambda value: of_metric(names.LOAD_LATENCY, value))


def resources(document: dict[str, Any]) -> list[dict[str, str]]:
    """What was used and what one of it costs, for a table."""
    prices = document["cost"]["prices"] if document["cost"] else {}
    rows = []
    for title, unit, name, price in _RESOURCES:
        used, cost = document["resources"].get(name), prices.get(price)
        shown = "-" if cost is None else f"{cost} {prices['currency']}"
        amount = "-" if used is None else f"{number(used)} {unit}"
        rows.append({"name": title, "used": amount, "price": shown})
    return rows


def without_price(document: dict[str, Any]) -> list[str]:
    """What was used and is not in the cost, because the prices do not name it."""
    prices = document["cost"]["prices"]
    return [
        title
        for title, _, amount, price in _RESOURCES
        if document["resources"].get(amount) and prices.get(price) is None
    ]


def cost(document: dict[str, Any]) -> dict[str, str] | None:
    """The cost, as shown; None without prices."""
    cost = document["cost"]
    if not cost:
        return None
    prices, per_million = cost["prices"], cost["per_million_texts"]
    return {
        "without": ", ".join(without_price(document)),
        "total": money(cost["total"], prices["currency"]),
        "per_million": "-" if per_million is None else money(per_million, prices["currency"]),
        "region": prices["region"],
        "date": prices["date"],
    }


def _bar(parts: Mapping[str, float], show: Callable[[float], str]) -> Bar:
    whole = sum(parts.values())
    return [
        {
            "name": name,
            "value": show(value),
            "share": percent(value / whole),
            "width": f"{100 * value / whole:.2f}",
        }
        for name, value in parts.items()
        if whole
    ]
