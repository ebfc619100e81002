"""The figures of a run by name, as a threshold or a history names them."""

from collections.abc import Iterator, Mapping
from typing import Any

from runinference_metrics.metrics.ratio import ratio
from runinference_metrics.records import names

Figures = Mapping[str, float | None]

# Of a distribution: what goes before its name, as in p95(inference_batch_latency_micro_secs).
PARTS = ("count", "sum", "min", "max", "mean", "p50", "p90", "p95", "p99")
# Of a label, as in f1(POSITIVE).
OF_A_LABEL = ("precision", "recall", "f1", "share", "texts", "mean_score")
# What is there with label_field, with prices and with a GPU alone.
QUALITY = (
    "accuracy", "macro_precision", "macro_recall", "macro_f1", "weighted_precision",
    "weighted_recall", "weighted_f1", "expected_calibration_error", "labelled", "unlabelled",
    "unknown",
)  # fmt: skip
COST = ("cost", "cost_per_million")
GPU = ("gpu_busy_share", "gpu_waited_share", "gpu_launching_share", "gpu_peak_memory_bytes")
_SCALARS = (
    "read", "predicted", "dead_lettered", "blank", "truncated", "failure_rate", "truncated_share",
    "files_read", "files_failed", "files_skipped", names.NUM_INFERENCES, names.FAILED_BATCHES,
    "tokens", "padding_share", "wall_secs", "total_inference_secs", "texts_per_inference_sec",
    "tokens_per_inference_sec", "texts_per_wall_sec", *names.FAULTS, "workers", "vcpu_hours",
    "memory_gb_hours", "gpu_hours", "shuffle_gb",
)  # fmt: skip
DISTRIBUTIONS = (*names.BEAM_DISTRIBUTIONS, *names.STAGES, *names.STARTUP)
SCALARS = (*_SCALARS, *QUALITY, *COST, *GPU)


def figures(document: Mapping[str, Any]) -> dict[str, float | None]:
    """All figures of a run by name; None for one that is not known.

    Args:
        document: the content of metrics.json.
    """
    return {**dict.fromkeys(SCALARS), **dict(_figures(document))}


def _figures(document: Mapping[str, Any]) -> Iterator[tuple[str, float | None]]:
    records, files = document["records"], document["files"] or {}
    for name in ("read", "predicted", "dead_lettered", "blank", "truncated"):
        yield name, records[name]
    rows = records["read"] - records["blank"]
    yield "failure_rate", ratio(records["dead_lettered"], rows)
    yield "truncated_share", ratio(records["truncated"], records["predicted"])
    for name in ("read", "failed", "skipped"):
        yield f"files_{name}", files.get(name)
    beam = document["runinference"]
    yield names.NUM_INFERENCES, beam[names.NUM_INFERENCES]
    yield names.FAILED_BATCHES, beam[names.FAILED_BATCHES]
    yield "tokens", document["tokens"]["real"]
    yield "padding_share", document["tokens"]["padding_share"]
    yield "wall_secs", document["run"]["wall_secs"]
    yield from document["derived"].items()
    for name in names.FAULTS:
        yield name, document["faults"].get(name)
    # The Dataflow API names none.
    yield "workers", len(document["workers"]) or None
    for name in ("vcpu_hours", "memory_gb_hours", "gpu_hours"):
        yield name, document["resources"][name]
    # From inside a run nobody sees it, and older documents do not have it.
    yield "shuffle_gb", document["resources"].get("shuffle_gb")
    for section in (beam, document["stages"], document.get("startup") or {}, document["gpu"] or {}):
        for name, values in section.items():
            if isinstance(values, dict):
                yield from ((f"{part}({name})", values.get(part)) for part in PARTS)
    yield from _of_quality(document.get("quality") or _counted(document))
    for label in document["labels"]:
        for part in ("share", "texts", "mean_score"):
            yield f"{part}({label['label']})", label[part]
    if cost := document["cost"]:
        yield "cost", cost["total"]
        yield "cost_per_million", cost["per_million_texts"]
    if gpu := document["gpu"]:
        yield from ((name, gpu.get(name.removeprefix("gpu_"))) for name in GPU)


def _counted(document: Mapping[str, Any]) -> Mapping[str, Any]:
    """What counters alone say of quality, which is all that the Dataflow API has."""
    return (document.get("job") or {}).get("right_labels") or {}


def _of_quality(quality: Mapping[str, Any] | None) -> Iterator[tuple[str, float | None]]:
    if not quality:
        return
    for name in ("accuracy", "labelled", "unlabelled", "unknown"):
        yield name, quality.get(name)
    if "labels" not in quality:
        return
    for mean in ("macro", "weighted"):
        for part, value in quality[mean].items():
            yield f"{mean}_{part}", value
    calibration = quality["calibration"] or {}
    yield "expected_calibration_error", calibration.get("expected_error")
    for label in quality["labels"]:
        for part in ("precision", "recall", "f1"):
            yield f"{part}({label['label']})", label[part]
