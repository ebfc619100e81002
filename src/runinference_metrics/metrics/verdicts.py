"""Whether a run is as good as it must be."""

import difflib
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from runinference_metrics.errors import ThresholdsFailed, UserError
from runinference_metrics.metrics.figures import (
    COST,
    DISTRIBUTIONS,
    GPU,
    OF_A_LABEL,
    PARTS,
    QUALITY,
    SCALARS,
    figures,
)
from runinference_metrics.records import names
from runinference_metrics.records.threshold import Threshold

_NONE_OF_A_LABEL = ("share(", "texts(")
# Thresholds that are named when a run fails by them.
_MOST_NAMED = 5


def verdicts(document: Mapping[str, Any], thresholds: Sequence[Threshold]) -> list[dict[str, Any]]:
    """What came of each threshold, as a section of metrics.json.

    Args:
        document: the other sections.
        thresholds: what must hold.
    """
    known = figures(document)
    found = []
    for one in thresholds:
        value = known.get(one.figure)
        if one.figure.startswith(_NONE_OF_A_LABEL) and document["records"]["predicted"]:
            # A label that no text got is not among the labels.
            value = value or 0
        found.append(
            {"threshold": str(one), "value": value, "passed": one.holds(value), "warns": one.warns}
        )
    return found


def check(found: Sequence[Mapping[str, Any]]) -> None:
    """Raises ThresholdsFailed when one failed that ends a run."""
    if failed := failure(found):
        raise failed


def failure(found: Sequence[Mapping[str, Any]]) -> ThresholdsFailed | None:
    """The error of a run in which a threshold failed that ends it; None for any other run."""
    failed = [one for one in found if not one["passed"] and not one["warns"]]
    if not failed:
        return None
    named = "; ".join(f"{one['threshold']} ({shown(one['value'])})" for one in failed[:_MOST_NAMED])
    more = f"; and {len(failed) - _MOST_NAMED} more" if len(failed) > _MOST_NAMED else ""
    many = len(found) != 1
    return ThresholdsFailed(
        f"{len(failed)} of {len(found)} threshold{'s' * many} failed: {named}{more}. All results "
        "are written."
    )


def shown(value: float | None) -> str:
    """What a figure is, in a sentence."""
    return "not known" if value is None else f"it is {value:.6g}"


def check_names(
    thresholds: Sequence[Threshold],
    labels: Collection[str] | None,
    *,
    label_field: bool = True,
    prices: bool = True,
    gpu: bool = True,
) -> None:
    """Raises UserError when a threshold names a figure that the run will not have.

    Args:
        thresholds: what must hold.
        labels: the model's labels; None where they are not known.
        label_field: whether rows have right labels.
        prices: whether it is known what resources cost.
        gpu: whether the run has a GPU.
    """
    for one in thresholds:
        part, _, rest = one.figure.partition("(")
        name = rest.removesuffix(")")
        needs = _needs(one.figure, part, name)
        if needs is None:
            takes = f"the name of a figure: {', '.join(_names(labels or ()))}"
            raise UserError("thresholds", takes, f"{one.figure!r}{_nearest(one.figure)}")
        if labels and rest and part in OF_A_LABEL and name not in labels:
            takes = f"{part} of one of the model's labels ({', '.join(labels)})"
            raise UserError("thresholds", takes, repr(str(one)))
        for there, flag in ((label_field, "label_field"), (prices, "prices")):
            if flag in needs and not there:
                takes = f"{one.figure} only with --{flag}"
                raise UserError("thresholds", takes, repr(str(one)))
        if "gpu" in needs and not gpu:
            raise UserError("thresholds", f"{one.figure} only with --device=GPU", repr(str(one)))


def _needs(figure: str, part: str, name: str) -> set[str] | None:
    """What a figure needs; None where there is none of that name."""
    if figure in SCALARS:
        return {
            what for what, having in (("label_field", QUALITY), ("prices", COST), ("gpu", GPU))
            if figure in having
        }  # fmt: skip
    if figure != f"{part}({name})":
        return None
    if part in OF_A_LABEL:
        return {"label_field"} if part in ("precision", "recall", "f1") else set()
    if part not in PARTS:
        return None
    if name in names.GPU_TIMES:
        return {"gpu"}
    return set() if name in DISTRIBUTIONS else None


def _nearest(figure: str) -> str:
    """The name that may be meant, as the end of a sentence; "" if none is like it."""
    names_of_all = [*SCALARS, *(f"p95({name})" for name in DISTRIBUTIONS)]
    near = difflib.get_close_matches(figure, names_of_all, 1)
    return f"; did you mean {near[0]}?" if near else ""


def _names(labels: Collection[str]) -> list[str]:
    label = next(iter(labels), "LABEL")
    return [
        *SCALARS,
        f"{', '.join(PARTS)} of {', '.join((*DISTRIBUTIONS, *names.GPU_TIMES))} (as in "
        f"p95({names.LATENCY}))",
        f"{', '.join(OF_A_LABEL)} of a label (as in f1({label}))",
    ]
