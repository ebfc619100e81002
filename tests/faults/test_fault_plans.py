"""Files and faults together: every row in exactly one output, good ones as in a run without faults.

FAULT_EXAMPLES sets how many random cases are tried; 200 take some minutes.
"""

import json
import os
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from runs import Outputs, expected, handler, read, run

from conftest import DEMO_MODEL
from fakes_for_tests import FaultPlan
from runinference_metrics.classifier.classifier import ClassifierSpec
from runinference_metrics.inference.handler import ClassifierHandler

pytestmark = pytest.mark.starts

EXAMPLES = int(os.environ.get("FAULT_EXAMPLES", "6"))
# The tests fail many rows on purpose, in several batches.
ARGUMENTS = ("--max_failure_rate=1", "--max_batch_size=60", "--min_batch_size=1")


def write_texts(folder: Path) -> Path:
    folder.mkdir()
    (folder / "a.txt").write_text(
        "".join(f"a good text {n}\n\n" for n in range(1, 150)) + "one text of far more words\n"
    )
    (folder / "b.jsonl").write_text(
        "".join(json.dumps({"text": f"another {n}"}) + "\n" for n in range(150, 300))
        + '{"no": "text"}\n{broken\n'
    )
    return folder


def outputs(folder: Path, plan: FaultPlan, name: str, **changes: Any) -> Outputs:
    out = folder.with_name(f"{folder.name}-{name}")
    out.mkdir()
    found = run(
        f"{folder}/*", str(out), handler(plan, f"{folder} {name}", **changes), *ARGUMENTS
    )  # fmt: skip
    found.check()
    return found


@pytest.fixture(scope="module")
def texts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_texts(tmp_path_factory.mktemp("plans") / "in")


@pytest.fixture(scope="module")
def clean(texts: Path) -> Outputs:
    found = outputs(texts, FaultPlan(), "clean")
    assert found.metrics["runinference"]["failed_batches_counter"] == 0
    assert found.metrics["faults"] == {
        "reclassifications": 0, "timeouts": 0, "out_of_memory_retries": 0, "float32_retries": 0,
        "lowest_batch_tokens": None,
    }  # fmt: skip
    return found


PLANS = {
    "every 7th": FaultPlan(every=7),
    "one poisonous": FaultPlan(poison=("123",)),
    "the first and the last": FaultPlan(poison=("1", "299")),
    "random": FaultPlan(random_share=0.1, seed=3),
    "random, often": FaultPlan(random_share=0.2, seed=2),
    "a full device": FaultPlan(capacity=20),
    "a full device, one text too long": FaultPlan(capacity=7),
    "not finite": FaultPlan(not_finite=("55", "155")),
    "all together": FaultPlan(
        every=50, poison=("99",), random_share=0.05, seed=3, capacity=20, not_finite=("42",)
    ),
}


@pytest.mark.parametrize(("name", "plan"), PLANS.items(), ids=PLANS)
def test_good_rows_are_as_without_faults(
    texts: Path, clean: Outputs, name: str, plan: FaultPlan
) -> None:
    found = outputs(texts, plan, name)
    predicted, letters, blank = expected(texts, plan)
    assert found.predictions == {key: clean.predictions[key] for key in predicted}
    assert found.letters.keys() == letters
    assert found.metrics["records"]["blank"] == blank
    faults = found.metrics["faults"]
    if plan.every or plan.poison or plan.random_share:
        assert found.metrics["runinference"]["failed_batches_counter"] > 0
        assert faults["reclassifications"] > 0
    if plan.capacity:
        assert faults["out_of_memory_retries"] > 0
        assert faults["lowest_batch_tokens"] >= plan.capacity / 2
    for letter in found.letters.values():
        if letter["stage"] == "inference":
            assert letter["text"] not in letter["detail"]


def test_a_text_that_hangs(tmp_path: Path) -> None:
    folder = write_texts(tmp_path / "in")
    with (folder / "a.txt").open("a") as file:
        file.write("it hangs for ever\n")
    plan = FaultPlan(hang="hangs")
    found = outputs(folder, plan, "faulty", timeout_secs=1.0)
    predicted, letters, _ = expected(folder, plan)
    assert found.predictions.keys() == predicted
    assert found.letters.keys() == letters
    (letter,) = [one for one in found.letters.values() if one["reason"] == "timed_out"]
    assert letter["detail"] == "no answer within 1 s (--inference_timeout_secs)"
    assert found.metrics["faults"]["timeouts"] == 3


@pytest.mark.parametrize(
    ("plan", "message"),
    [
        (FaultPlan(device_lost_at=3), "CUDA error: device-side assert triggered"),
        (FaultPlan(broken_at=3), "The model does not classify the text 'ok' either"),
        (FaultPlan(poison=("a",)), "All 100 texts of a batch fail alike: ValueError"),
    ],
    ids=["device lost", "broken", "all alike"],
)
def test_a_fault_that_is_not_the_texts_condemns_none(
    texts: Path, tmp_path: Path, plan: FaultPlan, message: str
) -> None:
    out = tmp_path / "out"
    out.mkdir()
    with pytest.raises(Exception, match=message):
        run(f"{texts}/*", str(out), handler(plan, str(out)), "--max_batch_size=100")
    assert not list(out.glob("dead_letters-*"))
    assert not (out / "metrics.json").exists()


class PoisonedHandler(ClassifierHandler):
    """The real model, which cannot read one word."""

    def load_classifier(self) -> Any:
        model = super().load_classifier()
        classify = model.classify

        def poisoned(texts: list[str]) -> Any:
            if any("poison" in text for text in texts):
                raise IndexError("index out of range in self")
            return classify(texts)

        model.classify = poisoned  # type: ignore[method-assign]
        return model


def test_the_real_model_predicts_the_same_beside_a_poisonous_text(tmp_path: Path) -> None:
    folder = write_texts(tmp_path / "in")
    spec = ClassifierSpec(str(DEMO_MODEL), precision="float32")
    (tmp_path / "clean").mkdir()
    clean = run(f"{folder}/*", str(tmp_path / "clean"), ClassifierHandler(spec))
    with (folder / "b.jsonl").open("a") as file:
        file.write('{"text": "a poison"}\n')
    (tmp_path / "out").mkdir()
    found = run(f"{folder}/*", str(tmp_path / "out"), PoisonedHandler(spec))
    found.check()
    assert found.predictions.keys() == clean.predictions.keys()
    for key, line in found.predictions.items():
        ours, theirs = json.loads(line), json.loads(clean.predictions[key])
        # float32 adds up in another order in a micro-batch of another shape.
        assert ours.pop("scores") == pytest.approx(theirs.pop("scores"), abs=1e-6)
        assert ours.pop("score") == pytest.approx(theirs.pop("score"), abs=1e-6)
        assert ours == theirs
    (letter,) = [one for one in found.letters.values() if one["stage"] == "inference"]
    assert letter["reason"] == "classification_failed"
    assert letter["detail"] == "IndexError: index out of range in self"


WORDS = st.sampled_from(["good", "bad", "poison", "odd", "nan", "film"])
TEXTS = st.lists(WORDS, min_size=1, max_size=6).map(" ".join)
ROWS = st.one_of(
    TEXTS.map(lambda text: text.encode()),
    st.tuples(TEXTS, st.integers(1, 99)).map(lambda pair: f"{pair[0]} {pair[1]}".encode()),
    st.sampled_from([b"", b" ", b"\xff", "ö".encode()]),
)
FILES = st.lists(st.lists(ROWS, max_size=60), min_size=1, max_size=3)
FAULTS = st.builds(
    FaultPlan,
    poison=st.sampled_from([(), ("poison",), ("poison", "odd")]),
    every=st.sampled_from([0, 2, 5]),
    capacity=st.sampled_from([None, 6, 8, 30]),
    not_finite=st.sampled_from([(), ("nan",)]),
)


@settings(
    max_examples=EXAMPLES,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(FILES, FAULTS, st.sampled_from([1, 3, 16, 63]), st.booleans())
def test_any_files_under_any_plan(
    tmp_path_factory: pytest.TempPathFactory,
    files: list[list[bytes]],
    plan: FaultPlan,
    batch_size: int,
    spread: bool,
) -> None:
    folder = tmp_path_factory.mktemp("random") / "in"
    folder.mkdir()
    for number, content in enumerate(files):
        (folder / f"{number}.txt").write_bytes(b"\n".join(content))
    out = folder.with_name("out")
    out.mkdir()
    predicted, letters, blank = expected(folder, plan)
    # All is written before a run without a prediction fails, whatever is allowed.
    fails = not predicted and (letters or blank)
    with pytest.raises(Exception, match="Nothing was predicted") if fails else nullcontext():
        run(
            f"{folder}/*", str(out), handler(plan, str(folder)), *ARGUMENTS,
            f"--max_batch_size={batch_size}", f"--max_failed_files={len(files)}", spread=spread,
        )  # fmt: skip
    found = read(str(out))
    found.check()
    assert found.predictions.keys() == predicted
    assert found.letters.keys() == letters
    assert found.metrics["records"]["blank"] == blank
    # What a run without faults would say of these texts.
    classifier = handler(FaultPlan(), f"{folder} reference").load_classifier()
    for line in found.predictions.values():
        prediction = json.loads(line)
        (scores,) = classifier.classify([prediction["text"]]).scores
        assert list(prediction["scores"].values()) == scores
