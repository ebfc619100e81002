"""How right and how sure the model was, ready to be shown."""

from typing import Any

from runinference_metrics.errors import brief
from runinference_metrics.report import charts
from runinference_metrics.report.formats import count, percent

# A wider matrix is read by nobody; then the fullest wrong cells are listed.
_WIDEST_MATRIX = 8
_MOST_CELLS = 20
# Labels of which the scores are drawn, and which a table has; metrics.json has all.
_MOST_DRAWN, _MOST_LABELS = 8, 100
_MOST_UNKNOWN = 5
# As many as one reads before the figures that follow.
_MOST_EXAMPLES = 10
_LONGEST_NAME = 60
_LONGEST_SOURCE = 120


def quality(found: dict[str, Any] | None) -> dict[str, Any] | None:
    """The section on quality; None where no field with right labels was named."""
    if not found:
        return None
    names = [one["label"] for one in found["labels"]]
    return {
        "sentence": sentence(found),
        "means": [
            {"name": name, **{part: _decimals(found[name][part]) for part in found[name]}}
            for name in ("macro", "weighted")
        ],
        "labels": [
            {
                "name": brief(one["label"], _LONGEST_NAME),
                "right": count(one["right"]),
                "given": count(one["given"]),
                **{part: _decimals(one[part]) for part in ("precision", "recall", "f1")},
            }
            for one in found["labels"][:_MOST_LABELS]
        ],
        "labels_left_out": max(0, len(names) - _MOST_LABELS),
        "matrix": _matrix(found, names) if 1 < len(names) <= _WIDEST_MATRIX else None,
        "cells": _wrong_cells(found) if len(names) > _WIDEST_MATRIX else [],
        "calibration": _calibration(found["calibration"]),
        "wrong": examples(found["wrong"]),
    }


def sentence(found: dict[str, Any]) -> str:
    """Of which texts the figures are, and the first of them."""
    if not found["labelled"]:
        said = "No text has a right label that the model knows"
    else:
        said = (
            f"{percent(found['accuracy'])} of {count(found['labelled'])} texts have the right label"
        )
    left_out = []
    if found["unlabelled"]:
        left_out.append(f"{count(found['unlabelled'])} without a right label")
    if found["unknown"]:
        left_out.append(
            f"{count(found['unknown'])} with one that the model has not ({unknown(found)})"
        )
    return f"{said}; not counted: {' and '.join(left_out)}." if left_out else f"{said}."


def unknown(found: dict[str, Any]) -> str:
    """The commonest labels of rows that the model has not."""
    shown = found["unknown_labels"][:_MOST_UNKNOWN]
    more = ", …" if len(found["unknown_labels"]) > len(shown) else ""
    return ", ".join(f"{brief(one['label'], _LONGEST_NAME)!r}" for one in shown) + more


def rows(found: dict[str, Any] | None) -> list[tuple[str, str]]:
    """The figures for a terminal's table; none where no field with right labels was named."""
    if not found:
        return []
    shown = [("accuracy", f"{percent(found['accuracy'])} of {count(found['labelled'])} texts")]
    if found["labelled"]:
        shown.append(("macro F1", _decimals(found["macro"]["f1"])))
        shown.extend(
            (f"F1 of {brief(one['label'], _LONGEST_NAME)}",
             f"{_decimals(one['f1'])}  (precision {_decimals(one['precision'])}, "
             f"recall {_decimals(one['recall'])})")
            for one in found["labels"][:_MOST_DRAWN]
        )  # fmt: skip
    if found["calibration"]:
        error = found["calibration"]["expected_error"]
        shown.append(("expected calibration error", _decimals(error)))
    if found["unlabelled"]:
        shown.append(("without a right label", count(found["unlabelled"])))
    if found["unknown"]:
        shown.append(("with an unknown label", f"{count(found['unknown'])}  ({unknown(found)})"))
    return shown


def certainty(found: dict[str, Any] | None) -> dict[str, Any] | None:
    """How many texts have low scores, and the least certain ones; None where it is not known."""
    if not found:
        return None
    return {
        "under": [
            {"score": f"{one['score']:g}", "texts": count(one["texts"]),
             "share": percent(one["share"])}
            for one in found["under"]
        ],
        "least": examples(found["least"]),
    }  # fmt: skip


def scores(labels: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The histograms of the commonest labels' scores, over the same axis."""
    drawn = [one for one in labels[:_MOST_DRAWN] if one.get("scores")]
    if not drawn:
        return []
    step = drawn[0]["scores"]["step"]
    firsts = [round(one["scores"]["from"] / step) for one in drawn]
    lasts = [first + len(one["scores"]["counts"])
             for first, one in zip(firsts, drawn, strict=True)]  # fmt: skip
    # From 0 to 1 where scores are probabilities, so that runs look alike.
    first, last = min(0, *firsts), max(round(1 / step), *lasts)
    shown = []
    for one, begin in zip(drawn, firsts, strict=True):
        counts = one["scores"]["counts"]
        columns = [0] * (begin - first) + counts
        columns += [0] * (last - first - len(columns))
        shown.append(
            {
                "name": brief(one["label"], _LONGEST_NAME),
                "svg": charts.columns(columns),
                "peak": count(max(counts)),
                "first": f"{first * step:g}",
                "middle": f"{(first + last) / 2 * step:g}",
                "last": f"{last * step:g}",
                "rows": [
                    {"low": f"{(begin + at) * step:.2f}", "high": f"{(begin + at + 1) * step:.2f}",
                     "count": count(texts)}
                    for at, texts in enumerate(counts) if texts
                ],
            }
        )  # fmt: skip
    return shown


def examples(found: list[dict[str, Any]]) -> dict[str, Any]:
    """Texts to look at, for a table, and how many more there are."""
    rows = [
        {
            "score": _decimals(one["score"]),
            "label": brief(one["label"], _LONGEST_NAME),
            "right": "" if one["right_label"] is None else brief(one["right_label"], _LONGEST_NAME),
            "text": " | ".join(one["text"]),
            "where": f"{brief(one['source'], _LONGEST_SOURCE)}, line {count(one['position'])}",
        }
        for one in found[:_MOST_EXAMPLES]
    ]
    return {"rows": rows, "more": max(0, len(found) - _MOST_EXAMPLES)}


def _matrix(found: dict[str, Any], names: list[str]) -> dict[str, Any]:
    cells = {(one["right_label"], one["label"]): one["texts"] for one in found["confusion"]}
    rights = {one["label"]: one["right"] for one in found["labels"]}
    return {
        "names": [brief(name, _LONGEST_NAME) for name in names],
        "rows": [
            {
                "name": brief(right, _LONGEST_NAME),
                "cells": [
                    {
                        "texts": count(cells.get((right, name), 0)),
                        "right": right == name,
                        # The darker, the more of the row's texts.
                        "shade": f"{100 * cells.get((right, name), 0) / max(1, rights[right]):.0f}",
                    }
                    for name in names
                ],
            }
            for right in names
        ],
    }


def _wrong_cells(found: dict[str, Any]) -> list[dict[str, str]]:
    wrong = [one for one in found["confusion"] if one["right_label"] != one["label"]]
    return [
        {
            "right": brief(one["right_label"], _LONGEST_NAME),
            "label": brief(one["label"], _LONGEST_NAME),
            "texts": count(one["texts"]),
        }
        for one in wrong[:_MOST_CELLS]
    ]


def _calibration(found: dict[str, Any] | None) -> dict[str, Any] | None:
    if not found:
        return None
    bins = found["bins"]
    width = bins[0]["to"] - bins[0]["from"]
    by_place = {round(one["from"] / width): one for one in bins}
    places = [by_place.get(at) for at in range(round(1 / width))]
    return {
        "error": _decimals(found["expected_error"]),
        "svg": charts.reliability([
            (one["accuracy"], one["mean_score"]) if one else None for one in places
        ]),
        "rows": [
            {
                "low": f"{one['from']:.2f}",
                "high": f"{one['to']:.2f}",
                "texts": count(one["texts"]),
                "mean": _decimals(one["mean_score"]),
                "right": percent(one["accuracy"]),
            }
            for one in bins
        ],
    }  # fmt: skip


def _decimals(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"
