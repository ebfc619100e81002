"""metrics.json: its schema, its agreement with Beam's own metrics, and where it is written."""

import json
import random
from pathlib import Path
from typing import Any

import apache_beam as beam
import pytest
from apache_beam.options.pipeline_options import PipelineOptions
from apache_beam.runners.portability.fn_api_runner import FnApiRunner
from jsonschema import Draft202012Validator

from conftest import WORDS, Program
from documents_for_tests import PRICES, SCHEMA, make_document, schema_faults
from runinference_metrics import pipeline
from runinference_metrics.inference.handler import ClassifierHandler, spec_of
from runinference_metrics.metrics.beam_metrics import BeamMetrics
from runinference_metrics.options import command_line
from runinference_metrics.reading import listing
from runinference_metrics.records import names
from runinference_metrics.running.preview import format_options, row_fields


def test_the_schema_is_a_schema() -> None:
    Draft202012Validator.check_schema(SCHEMA)
    assert schema_faults({"schema_version": 1})


@pytest.mark.parametrize(
    "document",
    [
        make_document(),
        make_document(dead_letters=["malformed_json"] * 9),
        make_document(batches=1),
        make_document(batches=300, prices=PRICES, dead_letters=["a", "b"]),
    ],
    ids=["nothing", "all dead", "one batch", "many"],
)
def test_documents_are_as_the_schema_says(document: dict[str, Any]) -> None:
    assert schema_faults(document) == []


def test_what_a_run_writes_is_as_the_schema_says(program: Program, tmp_path: Path) -> None:
    prices = tmp_path / "prices.yaml"
    prices.write_text("currency: USD\nregion: r\ndate: 2026-01-31\nvcpu_hour: 1\n"
                      "memory_gb_hour: 0\n")  # fmt: skip
    ran = program("--input=samples/", f"--prices={prices}")
    assert ran.code == 0, ran.err
    assert schema_faults(ran.metrics) == []
    run, used = ran.metrics["run"], ran.metrics["resources"]
    assert run["input"]["files"] == 5
    assert run["input"]["bytes"] == sum(path.stat().st_size for path in Path("samples").iterdir())
    assert run["parameters"]["min_batch_size"] == 64
    assert used["vcpu_hours"] == pytest.approx(run["wall_secs"] / 3600 * _cpus())
    assert ran.metrics["cost"]["total"] == pytest.approx(used["vcpu_hours"])
    assert "cost of a million texts" in ran.out
    labels = [one["label"] for one in ran.lines("predictions")]
    assert {row["label"]: row["texts"] for row in ran.metrics["labels"]} == {
        label: labels.count(label) for label in set(labels)
    }
    for row in ran.metrics["labels"]:
        scores = [one["score"] for one in ran.lines("predictions") if one["label"] == row["label"]]
        assert row["mean_score"] == pytest.approx(sum(scores) / len(scores), abs=1e-6)


def _cpus() -> int:
    import os

    return os.cpu_count() or 1


@pytest.mark.starts
@pytest.mark.parametrize("mode", ["in_memory", "multi_threading", "multi_processing"])
def test_the_summary_agrees_with_beams_own_metrics(
    tmp_path: Path, distilbert: Path, mode: str
) -> None:
    rng = random.Random(1)
    for number in range(6):
        lines = [" ".join(rng.choices(WORDS, k=rng.randint(1, 90))) for _ in range(50 + number)]
        (tmp_path / f"in-{number}.txt").write_text("\n".join([*lines, "", " "]))
    (tmp_path / "in-x.jsonl").write_text('{"text": 1}\n{"no": "text"}\n{\n{"text": "good"}\n')
    rows = [
        {"text": rng.choice(WORDS), "mood": rng.choice(["0", "1", "2", "none", ""])}
        for _ in range(40)
    ]
    (tmp_path / "in-y.jsonl").write_text("\n".join(map(json.dumps, rows)))
    out = tmp_path / "out"
    out.mkdir()
    settings, _ = command_line.parse([
        f"--input={tmp_path}/in-*", f"--output={out}", f"--model={distilbert}",
        "--min_batch_size=1", "--max_batch_size=20", "--label_field=mood",
    ])  # fmt: skip
    handler = ClassifierHandler(spec_of(settings, 1))
    beam_options = PipelineOptions([f"--direct_running_mode={mode}", "--direct_num_workers=2"])
    built = beam.Pipeline(runner=FnApiRunner(), options=beam_options)
    facts = {
        "job": None, "labels": {}, "runner": "DirectRunner", "version": "0", "beam_version": "2",
        "python_version": "3", "parameters": {},
    }  # fmt: skip
    plan = pipeline.Plan(
        settings,
        listing.listed(settings.input).patterns,
        row_fields(settings),
        format_options(settings),
        handler,
        True,
        facts,
        None,
    )
    pipeline.build(built, plan)
    result = built.run()
    result.wait_until_finish()
    beams = BeamMetrics.of_result(result)
    ours = json.loads((out / "metrics.json").read_text())
    assert schema_faults(ours) == []
    assert ours["runinference"][names.NUM_INFERENCES] == 6 * 50 + 15 + 1 + 40
    for name in (names.NUM_INFERENCES, names.FAILED_BATCHES):
        assert ours["runinference"][name] == beams.counter(names.BEAM_NAMESPACE, name)
    for section, space, listed in (
        ("runinference", names.BEAM_NAMESPACE, names.BEAM_DISTRIBUTIONS),
        ("stages", names.OWN_NAMESPACE, names.STAGES),
    ):
        for name in listed:
            theirs = beams.distribution(space, name).as_json()
            assert theirs["count"] > 0, name
            assert {part: ours[section][name][part] for part in theirs} == theirs, name
    for part, name in (
        ("read", names.READ), ("blank", names.BLANK), ("predicted", names.PREDICTED),
        ("dead_lettered", names.DEAD_LETTERED), ("truncated", names.TRUNCATED_TEXTS),
    ):  # fmt: skip
        assert ours["records"][part] == beams.own(name), part
    assert ours["records"]["dead_letters_by_reason"] == beams.dead_letters_by_reason()
    assert ours["tokens"]["real"] == beams.own(names.TOKENS)
    assert ours["tokens"]["padding"] == beams.own(names.PADDING_TOKENS)
    assert ours["tokens"][names.MICRO_BATCHES] == beams.own(names.MICRO_BATCHES)
    labelled, right = beams.own(names.LABELLED_TEXTS), beams.own(names.RIGHT_TEXTS)
    assert (
        labelled
        == ours["quality"]["labelled"]
        == sum(row["mood"] in ("0", "1", "2") for row in rows)
    )
    assert 0 < right < labelled
    assert right / labelled == ours["quality"]["accuracy"]
    if mode == "multi_processing":
        assert len(ours["workers"]) == 2


def test_rows_that_got_lost_fail_the_run(
    tmp_path: Path, distilbert: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = tmp_path / "a.txt"
    source.write_text("good\nbad\n")
    settings, _ = command_line.parse(
        [f"--input={source}", f"--output={tmp_path}/out", f"--model={distilbert}"]
    )
    (tmp_path / "out").mkdir()
    # A batch that forgets a text on its way to the predictions.
    monkeypatch.setattr(
        "runinference_metrics.inference.transform.ClassifyBatches.expand",
        lambda self, batches: batches | beam.FlatMap(lambda batch: []),
    )
    built = beam.Pipeline(runner=FnApiRunner())
    plan = pipeline.Plan(
        settings,
        listing.listed([str(source)]).patterns,
        row_fields(settings),
        format_options(settings),
        ClassifierHandler(spec_of(settings, 1)),
        False,
        {},
        None,
    )
    pipeline.build(built, plan)
    with pytest.raises(Exception, match="2 rows read, but 0 predicted"):
        built.run().wait_until_finish()
    assert not (tmp_path / "out" / "metrics.json").exists()
