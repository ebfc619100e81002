import json
import math
import random

from documents_for_tests import make_batch
from runinference_metrics.records.classification import Classification
from runinference_metrics.records.measured import BatchStats
from runinference_metrics.records.record import ClassifiedBatch, Record, RecordBatch, Rejected

STATS = BatchStats(2, 8, 0, 0, 1, 1, 1, 1, {4: 2})
RUN = make_batch(random.Random(1)).run


def test_a_prediction_as_the_contract_has_it() -> None:
    batch = RecordBatch.of([Record("good", "gs://b/a.txt", 17, 10**30, {"stars": 5})])
    found = Classification(("NEG", "POS"), [[0.25, 0.75]], [1], STATS)
    (line,) = ClassifiedBatch(batch, found, RUN).prediction_lines()
    assert json.loads(line) == {
        "text": "good",
        "label": "POS",
        "score": 0.75,
        "scores": {"NEG": 0.25, "POS": 0.75},
        "source": "gs://b/a.txt",
        "position": 17,
        "id": 10**30,
        "fields": {"stars": 5},
    }


def test_a_text_without_a_finite_score_has_no_prediction() -> None:
    batch = RecordBatch.of([Record("a", "f", 1), Record("b", "f", 2)])
    found = Classification(("N", "P"), [[math.nan, math.nan], [0.1, 0.9]], [None, 1], STATS)
    rejected = batch.rejected(0, "score_not_finite", "nan", "inference")
    whole = ClassifiedBatch(batch, found, RUN, [rejected])
    assert [json.loads(line)["text"] for line in whole.prediction_lines()] == ["b"]
    assert whole.predicted_count == 1
    assert json.loads(rejected.json_line())["position"] == 1


def test_a_dead_letter_as_the_contract_has_it() -> None:
    letter = json.loads(Rejected("r", "d", "read", "f", 3, "t", "key").json_line())
    assert letter == {
        "reason": "r", "detail": "d", "stage": "read", "source": "f", "position": 3,
        "text": "t", "id": "key",
    }  # fmt: skip


def test_the_size_of_a_request_is_its_utf8_bytes() -> None:
    batch = RecordBatch.of([Record("abc", "f", 1), Record("é😀", "f", 2)])
    assert batch.num_bytes() == 3 + 2 + 4
    assert len(RecordBatch.join([batch, batch])) == 4
