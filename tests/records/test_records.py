import json
import math
import random
import zlib

from hypothesis import given
from hypothesis import strategies as st

from documents_for_tests import make_batch
from runinference_metrics.records.classification import Classification
from runinference_metrics.records.measured import BatchStats
from runinference_metrics.records.prediction import lines
from runinference_metrics.records.record import ClassifiedBatch, Record, RecordBatch, Rejected

STATS = BatchStats(2, 8, 0, 0, 1, 1, 1, 1, {4: 2})
RUN = make_batch(random.Random(1)).run


def test_a_prediction_as_the_contract_has_it() -> None:
    batch = RecordBatch.of([Record("good", "gs://b/a.txt", 17, 10**30, {"stars": 5})])
    found = Classification(("NEG", "POS"), [[0.25, 0.75]], [1], STATS)
    (line,) = lines(ClassifiedBatch(batch, found, RUN))
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
    assert [json.loads(line)["text"] for line in lines(whole)] == ["b"]
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


def test_a_prediction_of_a_pair_has_both_texts() -> None:
    batch = RecordBatch.of([Record(("good", "bad"), "f", 3, fields={"n": 1})])
    found = Classification(("NEG", "POS"), [[0.25, 0.75]], [1], STATS)
    (line,) = lines(ClassifiedBatch(batch, found, RUN))
    assert list(json.loads(line).items()) == [
        ("text", "good"), ("text_pair", "bad"), ("label", "POS"), ("score", 0.75),
        ("scores", {"NEG": 0.25, "POS": 0.75}), ("source", "f"), ("position", 3),
        ("fields", {"n": 1}),
    ]  # fmt: skip


def test_a_dead_letter_of_a_pair_has_both_texts() -> None:
    batch = RecordBatch.of([Record(("good", ""), "f", 3, "key")])
    assert list(json.loads(batch.rejected(0, "r", "d", "inference").json_line()).items()) == [
        ("reason", "r"), ("detail", "d"), ("stage", "inference"), ("source", "f"),
        ("position", 3), ("text", "good"), ("text_pair", ""), ("id", "key"),
    ]  # fmt: skip


def test_the_fingerprint_of_single_texts_is_the_sum_of_their_crc_32() -> None:
    batch = RecordBatch.of([Record("abc", "f", 1), Record("é", "f", 2)])
    assert batch.fingerprint() == zlib.crc32(b"abc") + zlib.crc32("é".encode())


SHORT = st.text('ab",[]\\ ', max_size=4)


@given(st.tuples(SHORT, SHORT), st.tuples(SHORT, SHORT))
def test_pairs_have_one_fingerprint_only_when_they_are_the_same(
    one: tuple[str, str], other: tuple[str, str]
) -> None:
    prints = [RecordBatch.of([Record(pair, "f", 1)]).fingerprint() for pair in (one, other)]
    assert (prints[0] == prints[1]) == (one == other)
    for single in ("".join(one), json.dumps(one, separators=(",", ":"))):
        assert RecordBatch.of([Record(single, "f", 1)]).fingerprint() != prints[0]


def test_the_size_of_a_request_counts_both_texts_of_a_pair() -> None:
    batch = RecordBatch.of([Record(("abc", "é"), "f", 1), Record(("", "😀"), "f", 2)])
    assert batch.num_bytes() == 3 + 2 + 0 + 4
    assert (len(batch), batch.pairs, RecordBatch.of([]).pairs) == (2, True, False)
