"""What to change about labels and scores, computed from how right they are."""

from collections.abc import Callable, Iterator
from typing import Any

from runinference_metrics.report.formats import count, percent
from runinference_metrics.report.piece_of_advice import Advice
from runinference_metrics.report.quality import unknown

# Below these a run is too small for its figures to say anything.
_FEWEST_TEXTS = 20
# What so few texts differ from chance by may be chance.
_BELOW_CHANCE = 0.02
# A bin of fewer texts is off by as much as is said of it.
_FEWEST_FOR_SCORES, _MOST_SCORE_ERROR = 200, 0.1


def _labels(document: dict[str, Any]) -> Iterator[Advice]:
    quality = document["quality"]
    if quality and quality["unknown"]:
        yield Advice(
            "Give the model's labels the rows' names with label_names, or mend the rows.",
            f"{count(quality['unknown'])} texts have a right label that the model has not "
            f"({unknown(quality)}); they count as neither right nor wrong.",
        )


def _accuracy(document: dict[str, Any]) -> Iterator[Advice]:
    quality = document["quality"]
    if not quality or quality["labelled"] < _FEWEST_TEXTS:
        return
    commonest = quality["labels"][0]
    share = commonest["right"] / quality["labelled"]
    if quality["accuracy"] < share - _BELOW_CHANCE:
        yield Advice(
            "See whether the model's labels are in the rows' order and of the same task "
            "(label_names, label_field).",
            f"{percent(quality['accuracy'])} of the labels are right; {commonest['label']!r} for "
            f"all texts would be right in {percent(share)}.",
        )


def _scores(document: dict[str, Any]) -> Iterator[Advice]:
    calibration = (document["quality"] or {}).get("calibration")
    if not calibration or document["quality"]["labelled"] < _FEWEST_FOR_SCORES:
        return
    if calibration["expected_error"] > _MOST_SCORE_ERROR:
        mean = sum(one["texts"] * one["mean_score"] for one in calibration["bins"])
        yield Advice(
            "Choose thresholds by the share that is right at each score, not by the score.",
            f"Scores cannot be believed: {percent(mean / document['quality']['labelled'])} in the "
            f"mean, of texts of which {percent(document['quality']['accuracy'])} are right.",
        )


RULES: tuple[Callable[[dict[str, Any]], Iterator[Advice]], ...] = (_labels, _accuracy, _scores)
