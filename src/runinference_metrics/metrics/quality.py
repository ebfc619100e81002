"""How right the model was, as a section of metrics.json."""

from collections import Counter
from collections.abc import Callable
from dataclasses import asdict
from typing import Any

from runinference_metrics.metrics.ratio import ratio
from runinference_metrics.records.certainty import SCORE_UNIT
from runinference_metrics.records.quality import CALIBRATION_BINS, Quality

# A matrix of a thousand labels has a million cells; the fullest are those that one reads.
_MOST_CELLS = 1000


def quality(found: Quality | None) -> dict[str, Any] | None:
    """The figures of texts that have a right label; None where no field with them is named.

    Precision, recall and F1 are 0 where there is nothing to divide by, and means are taken over
    all labels that a row has or the model gave: as scikit-learn does.
    """
    if found is None:
        return None
    rights: Counter[str] = Counter()
    given: Counter[str] = Counter()
    for (right, label), texts in found.confusion.items():
        rights[right] += texts
        given[label] += texts
    labelled = rights.total()
    labels = [
        _label(name, rights[name], given[name], found.confusion[name, name])
        for name in sorted({*rights, *given}, key=lambda name: (-rights[name], name))
    ]
    hits = sum(found.confusion[name, name] for name in rights)
    cells = sorted(found.confusion.items(), key=lambda cell: (-cell[1], cell[0]))
    cells = [cell for cell in cells if cell[1]]
    return {
        "labelled": labelled,
        "unlabelled": found.unlabelled,
        "unknown": found.unknown.total() + found.unknown_others,
        "unknown_labels": [
            {"label": label, "texts": texts}
            for label, texts in sorted(found.unknown.items(), key=lambda one: (-one[1], one[0]))
        ],
        "accuracy": ratio(hits, labelled),
        "macro": _means(labels, lambda _: 1),
        "weighted": _means(labels, lambda label: label["right"]),
        "labels": labels,
        "confusion": [
            {"right_label": right, "label": label, "texts": texts}
            for (right, label), texts in cells[:_MOST_CELLS]
        ],
        "cells_left_out": max(0, len(cells) - _MOST_CELLS),
        "calibration": _calibration(found),
        "wrong": [asdict(one) for one in found.wrong],
    }


def _label(name: str, right: int, given: int, hits: int) -> dict[str, Any]:
    return {
        "label": name,
        "right": right,
        "given": given,
        "hits": hits,
        "precision": ratio(hits, given) or 0.0,
        "recall": ratio(hits, right) or 0.0,
        "f1": ratio(2 * hits, right + given) or 0.0,
    }


def _means(
    labels: list[dict[str, Any]], weight: Callable[[dict[str, Any]], int]
) -> dict[str, float | None]:
    whole = sum(map(weight, labels))
    return {
        name: ratio(sum(weight(one) * one[name] for one in labels), whole)
        for name in ("precision", "recall", "f1")
    }


def _calibration(found: Quality) -> dict[str, Any] | None:
    """The expected calibration error and its bins; None where scores are no probabilities.

    It is the mean, over all texts, of the distance between the mean score of a bin and the share
    of its texts that are right (Guo et al., On Calibration of Modern Neural Networks, 2017).
    """
    whole = sum(texts for texts, _, _ in found.calibration.values())
    if found.not_shares or not whole:
        return None
    bins = []
    error = 0.0
    for at, (texts, units, right) in sorted(found.calibration.items()):
        mean_score, accuracy = units * SCORE_UNIT / texts, right / texts
        error += texts / whole * abs(mean_score - accuracy)
        bins.append(
            {
                "from": at / CALIBRATION_BINS,
                "to": (at + 1) / CALIBRATION_BINS,
                "texts": texts,
                "mean_score": mean_score,
                "accuracy": accuracy,
            }
        )
    return {"expected_error": error, "bins": bins}
