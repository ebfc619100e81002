"""Two or more runs side by side."""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from runinference_metrics.errors import brief
from runinference_metrics.records import names
from runinference_metrics.report import page
from runinference_metrics.report.drift import drifts
from runinference_metrics.report.formats import duration, number, of_metric, percent, size
from runinference_metrics.report.label_changes import LabelChanges
from runinference_metrics.report.sections import effective, took_effect

# Differences below this share are noise between two runs of the same thing.
_NOISE = 0.02
# Labels whose shares are shown, and how much of a name.
_MOST_LABELS, _LONGEST_LABEL = 10, 40


@dataclass(frozen=True)
class Measure:
    """A figure to compare.

    Args:
        name: what it is.
        value: finds it in a document; None where unknown.
        show: how it reads.
        higher_is_better: None where neither is.
    """

    name: str
    value: Callable[[dict[str, Any]], float | None]
    show: Callable[[float | None], str]
    higher_is_better: bool | None


def _of_beam(name: str, part: str, higher_is_better: bool | None) -> Measure:
    return Measure(
        f"{name} {part}",
        lambda document: document["runinference"][name].get(part),
        lambda value: of_metric(name, value),
        higher_is_better,
    )


def _of_derived(name: str, show: Callable[[float | None], str], higher: bool | None) -> Measure:
    return Measure(name, lambda document: document["derived"][name], show, higher)


def _of_cost(name: str) -> Measure:
    return Measure(
        f"cost {name}", lambda document: (document["cost"] or {}).get(name), number, False
    )


def _of_files(name: str, higher_is_better: bool | None) -> Measure:
    return Measure(
        f"files {name}",
        lambda document: (document["files"] or {}).get(name),
        number,
        higher_is_better,
    )


def _of_quality(
    name: str, value: Callable[[dict[str, Any]], float | None], higher: bool
) -> Measure:
    def known(document: dict[str, Any]) -> float | None:
        quality = document["quality"]
        return value(quality) if quality else None

    return Measure(name, known, percent, higher)


def _under(score: float) -> Measure:
    def share(document: dict[str, Any]) -> float | None:
        under = (document["certainty"] or {}).get("under", [])
        return next((one["share"] for one in under if one["score"] == score), None)

    return Measure(f"share of scores under {score:g}", share, percent, None)


MEASURES = (
    _of_quality("accuracy", lambda found: found["accuracy"], True),
    _of_quality("macro F1", lambda found: found["macro"]["f1"], True),
    _of_quality(
        "expected calibration error",
        lambda found: (found["calibration"] or {}).get("expected_error"),
        False,
    ),
    _under(0.9),
    _of_derived("texts_per_wall_sec", number, True),
    _of_derived("texts_per_inference_sec", number, True),
    _of_derived("tokens_per_inference_sec", number, True),
    Measure("wall_secs", lambda document: document["run"]["wall_secs"], duration, False),
    _of_derived("total_inference_secs", duration, False),
    _of_cost("per_million_texts"),
    _of_cost("total"),
    Measure("vcpu_hours", lambda document: document["resources"]["vcpu_hours"], number, False),
    Measure("gpu_hours", lambda document: document["resources"]["gpu_hours"], number, False),
    # A larger batch takes longer, and is better for it: no verdict on the latency of batches.
    *(_of_beam(names.LATENCY, part, None) for part in ("mean", "p50", "p95", "p99")),
    _of_beam(names.BATCH_SIZE, "mean", None),
    _of_beam(names.LOAD_LATENCY, "mean", False),
    Measure(
        names.MODEL_BYTES,
        lambda document: document["runinference"][names.MODEL_BYTES]["max"],
        size,
        False,
    ),
    Measure("padding_share", lambda document: document["tokens"]["padding_share"], percent, False),
    Measure(
        names.NUM_INFERENCES,
        lambda document: document["runinference"][names.NUM_INFERENCES],
        number,
        None,
    ),
    _of_files("read", None),
    _of_files("empty", False),
    _of_files("skipped", None),
    _of_files("failed", False),
    Measure("dead letters", lambda document: document["records"]["dead_lettered"], number, False),
    Measure("truncated", lambda document: document["records"]["truncated"], number, False),
)


@dataclass(frozen=True)
class Cell:
    """A run's figure beside the first run's.

    Args:
        value: the figure, as shown.
        ratio: its ratio to the first run's, as shown; empty for the first.
        verdict: "better", "worse" or "".
    """

    value: str
    ratio: str = ""
    verdict: str = ""


@dataclass(frozen=True)
class Comparison:
    """Runs side by side, the first being what the others are compared with.

    Args:
        titles: where each run's document came from.
        answers: each run in one line.
        warnings: why the runs may not be comparable.
        differences: parameters and effects that differ, a value a run.
        rows: each figure's name and cells.
        changes: what became of the first run's labels in each of the others; None where they were
            not compared.
        drifts: how the labels and scores of each of the others differ, in sentences, where its
            texts are others.
    """

    titles: list[str]
    answers: list[str]
    warnings: list[str]
    differences: list[tuple[str, list[str]]]
    rows: list[tuple[str, list[Cell]]]
    changes: list[LabelChanges | None]
    drifts: list[list[str]]


def compare(
    documents: Sequence[dict[str, Any]],
    titles: Sequence[str],
    changes: Sequence[LabelChanges | None] = (),
) -> Comparison:
    """Compares two or more runs' documents.

    Args:
        documents: the contents of their metrics.json.
        titles: where they came from.
        changes: what became of the first run's labels in each of the others, as far as known.
    """
    rows = []
    for measure in (*MEASURES, *_of_labels(documents)):
        values = [measure.value(document) for document in documents]
        if any(value is not None for value in values):
            rows.append((measure.name, _cells(measure, values)))
    return Comparison(
        list(titles),
        [page.answer(document) for document in documents],
        _warnings(documents),
        _differences(documents),
        rows,
        list(changes) or [None] * (len(documents) - 1),
        [_drifts(documents[0], other) for other in documents[1:]],
    )


def _of_labels(documents: Sequence[dict[str, Any]]) -> list[Measure]:
    """The shares of the commonest labels of all runs."""
    texts: Counter[str] = Counter()
    for document in documents:
        texts.update({one["label"]: one["texts"] for one in document["labels"]})

    def measure(label: str) -> Measure:
        def share(document: dict[str, Any]) -> float | None:
            shares = {one["label"]: one["share"] for one in document["labels"]}
            return shares.get(label, 0.0) if shares else None

        return Measure(f"share of {brief(label, _LONGEST_LABEL)}", share, percent, None)

    return [measure(label) for label, _ in texts.most_common(_MOST_LABELS)]


def _drifts(first: dict[str, Any], other: dict[str, Any]) -> list[str]:
    prints = [(one["run"]["input"] or {}).get("fingerprint") for one in (first, other)]
    # Of the same texts it is the model that changed, and row by row that is known better.
    return [] if prints[0] == prints[1] else [str(one) for one in drifts(first, other)]


def _cells(measure: Measure, values: list[float | None]) -> list[Cell]:
    first = values[0]
    cells = [Cell(measure.show(first))]
    for value in values[1:]:
        shown = measure.show(value)
        if first is None or value is None or not first:
            cells.append(Cell(shown))
            continue
        times = value / first
        verdict = ""
        if measure.higher_is_better is not None and abs(times - 1) > _NOISE:
            verdict = "better" if (times > 1) == measure.higher_is_better else "worse"
        cells.append(Cell(shown, f"{times:,.2f}x", verdict))
    return cells


def _warnings(documents: Sequence[dict[str, Any]]) -> list[str]:
    """Why the runs did not do the same work, or cannot be seen to."""
    checks: tuple[tuple[str, Callable[[dict[str, Any]], Any]], ...] = (
        ("input texts", lambda run: (run["input"] or {}).get("fingerprint")),
        ("model", lambda run: took_effect(run["effective"], "model_digest")),
        ("max_length", lambda run: took_effect(run["effective"], "max_length")),
    )
    found = []
    for what, value in checks:
        values = [value(document["run"]) for document in documents]
        if not all(values):
            found.append(f"Whether the {what} are the same is not known for every run.")
        elif len(set(values)) > 1:
            found.append(f"The runs did not do the same work: their {what} differ.")
    return found


def _differences(documents: Sequence[dict[str, Any]]) -> list[tuple[str, list[str]]]:
    columns = []
    for document in documents:
        run = document["run"]
        shown = {name: str(value) for name, value in run["parameters"].items()}
        # What took effect says more than the parameter that asked for it.
        shown |= {f"{name} (took effect)": value for name, value in effective(run["effective"])}
        shown |= {name: str(run[name]) for name in ("runner", "version", "beam_version")}
        shown["input fingerprint"] = str((run["input"] or {}).get("fingerprint", "-"))
        if files := document["files"]:
            shown["files fingerprint"] = files["fingerprint"]
            shown["formats"] = ", ".join(sorted(one["format"] for one in files["formats"])) or "-"
        columns.append(shown)
    every = dict.fromkeys(name for column in columns for name in column)
    rows = [(name, [column.get(name, "-") for column in columns]) for name in every]
    return [(name, values) for name, values in rows if len(set(values)) > 1]
