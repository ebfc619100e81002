"""What the classifier answers."""

from dataclasses import dataclass

from runinference_metrics.records.measured import BatchStats


@dataclass(frozen=True, slots=True)
class Classification:
    """What the classifier says of a list of texts, in their order, as plain Python values.

    Args:
        label_names: the model's labels.
        scores: one list a text, one score a label.
        winners: the index of the highest score of each text; None where a score is not finite.
        stats: what it took.
    """

    label_names: tuple[str, ...]
    scores: list[list[float]]
    winners: list[int | None]
    stats: BatchStats
