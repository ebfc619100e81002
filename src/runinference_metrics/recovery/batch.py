"""A batch's classification with the texts left out that cannot be classified. Knows no Beam."""

from collections import Counter
from collections.abc import Callable, Container, Sequence
from dataclasses import dataclass

from runinference_metrics.records.classification import Classification
from runinference_metrics.records.faults import NO_FAULTS, Faults
from runinference_metrics.records.measured import NO_WORK, BatchStats, sum_of
from runinference_metrics.records.record import RecordBatch, Rejected
from runinference_metrics.records.text import Text
from runinference_metrics.recovery.blame import BrokenClassifier
from runinference_metrics.recovery.isolation import CANARY, CANARY_PAIR, Isolated, isolate

Classify = Callable[[list[Text]], Classification]


@dataclass(frozen=True)
class Recovered:
    """What came of a batch.

    Args:
        batch: the texts that the model answered.
        classification: its answers.
        rejected: the texts that are dead letters.
        faults: what went wrong on the way.
    """

    batch: RecordBatch
    classification: Classification
    rejected: list[Rejected]
    faults: Faults


def classify_batch(classify: Classify, batch: RecordBatch) -> Recovered:
    """Classifies a batch; texts that cannot be classified become dead letters.

    Raises:
        BrokenClassifier: the fault is not the texts'.
    """
    isolated = isolate(classify, batch.texts)
    faults = NO_FAULTS
    rejected: list[Rejected] = []
    answered = batch
    if isolated.calls:
        faults = Faults(1, isolated.calls, isolated.timeouts)
        rejected = [
            batch.rejected(one.index, one.reason, one.detail, one.stage) for one in isolated.failed
        ]
        answered = _without(batch, {one.index for one in isolated.failed})
    classification = _joined(isolated)
    winners = classification.winners
    not_finite = [index for index, winner in enumerate(winners) if winner is None]
    if not_finite and len(not_finite) == len(answered):
        # No text has an answer: this may be the model's fault.
        check_answers(classify, answered.pairs)
    for index in not_finite:
        detail = f"the model's scores are {list(classification.scores[index])}"
        rejected.append(answered.rejected(index, "score_not_finite", detail, "inference"))
    return Recovered(answered, classification, rejected, faults)


def check_answers(classify: Classify, pairs: bool = False) -> None:
    """Classifies the canary, or the pair of them where `pairs` are classified.

    Raises:
        BrokenClassifier: it has no scores, or none finite.
    """
    canary: Text = CANARY_PAIR if pairs else CANARY
    (found,) = isolate(classify, [canary]).parts
    if found.winners[0] is None:
        scores = list(found.scores[0])
        raise BrokenClassifier(f"The model's scores for the text {canary!r} are {scores}.")


def _without(batch: RecordBatch, indices: Container[int]) -> RecordBatch:
    return batch.only([index for index in range(len(batch)) if index not in indices])


def _joined(isolated: Isolated[Classification]) -> Classification:
    parts = isolated.parts
    if len(parts) == 1:
        return parts[0]
    return Classification(
        parts[0].label_names if parts else (),
        [scores for part in parts for scores in part.scores],
        [winner for part in parts for winner in part.winners],
        _added([part.stats for part in parts]),
    )


def _added(stats: Sequence[BatchStats]) -> BatchStats:
    if not stats:
        return NO_WORK
    lengths: Counter[int] = Counter()
    for one in stats:
        lengths.update(one.lengths)
    lowered = [one.lowered_batch_tokens for one in stats if one.lowered_batch_tokens is not None]
    return BatchStats(
        texts=sum(one.texts for one in stats),
        tokens=sum(one.tokens for one in stats),
        padding=sum(one.padding for one in stats),
        truncated=sum(one.truncated for one in stats),
        micro_batches=sum(one.micro_batches for one in stats),
        tokenize_micro_secs=sum(one.tokenize_micro_secs for one in stats),
        wait_micro_secs=sum(one.wait_micro_secs for one in stats),
        forward_micro_secs=sum(one.forward_micro_secs for one in stats),
        lengths=dict(lengths),
        out_of_memory_retries=sum(one.out_of_memory_retries for one in stats),
        lowered_batch_tokens=min(lowered, default=None),
        gpu=next((one.gpu for one in stats if one.gpu), None),
        gpu_time=sum_of([one.gpu_time for one in stats if one.gpu_time]),
        float32_retries=sum(one.float32_retries for one in stats),
    )
