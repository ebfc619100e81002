"""Whole runs in this process, with a classifier that fails as it is told to."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import apache_beam as beam
from apache_beam.io.filesystems import FileSystems
from apache_beam.runners.portability.fn_api_runner import FnApiRunner

from fakes_for_tests import FakeHandler, FaultPlan
from runinference_metrics import pipeline
from runinference_metrics.inference.handler import ClassifierHandler
from runinference_metrics.metrics.beam_metrics import BeamMetrics
from runinference_metrics.options import command_line
from runinference_metrics.reading import listing
from runinference_metrics.reading.fields import RowFields
from runinference_metrics.reading.files import FileRange
from runinference_metrics.reading.rows import rows
from runinference_metrics.records import names
from runinference_metrics.records.record import Record, Rejected
from runinference_metrics.running.preview import format_options, row_fields

FACTS = {
    "job": None, "labels": {}, "runner": "DirectRunner", "version": "0", "beam_version": "2",
    "python_version": "3",
}  # fmt: skip
Key = tuple[str, int]


@dataclass(frozen=True)
class Outputs:
    """What a run left.

    Args:
        predictions: the predictions' lines as they are, by file name and position.
        letters: the dead letters, likewise.
        metrics: metrics.json.
    """

    predictions: dict[Key, bytes]
    letters: dict[Key, dict[str, Any]]
    metrics: dict[str, Any]

    def check(self) -> None:
        """Every row is accounted for, and the metrics are those of the rows."""
        found = self.metrics["records"]
        assert found["read"] == found["predicted"] + found["dead_lettered"] + found["blank"]
        assert found["predicted"] == len(self.predictions)
        assert found["dead_lettered"] == len(self.letters)
        assert not self.predictions.keys() & self.letters.keys()
        beams = self.metrics["runinference"]
        not_finite = found["dead_letters_by_reason"].get("score_not_finite", 0)
        assert beams["num_inferences"] == len(self.predictions) + not_finite
        assert beams["inference_request_batch_size"]["sum"] == beams["num_inferences"]


def run(
    patterns: str, output: str, handler: ClassifierHandler, *arguments: str, spread: bool = False
) -> Outputs:
    """Runs the pipeline and reads what it left; raises what it raises."""
    settings, _ = command_line.parse([f"--input={patterns}", f"--output={output}", *arguments])
    built = beam.Pipeline(runner=FnApiRunner())
    facts = {**FACTS, "parameters": settings.as_parameters()}
    found = listing.listed(settings.input, settings.output).patterns
    fields, options = row_fields(settings), format_options(settings)
    plan = pipeline.Plan(settings, found, fields, options, handler, spread, facts, None)
    pipeline.build(built, plan)
    result = built.run()
    result.wait_until_finish()
    found = read(output)
    _check_beams(found.metrics, BeamMetrics.of_result(result))
    return found


def _check_beams(ours: dict[str, Any], beams: BeamMetrics) -> None:
    """Holds metrics.json equal to the metrics that Beam kept of the same run."""
    for name in (names.NUM_INFERENCES, names.FAILED_BATCHES):
        assert ours["runinference"][name] == beams.counter(names.BEAM_NAMESPACE, name), name
    for name in names.BEAM_DISTRIBUTIONS:
        theirs = beams.distribution(names.BEAM_NAMESPACE, name).as_json()
        assert {part: ours["runinference"][name][part] for part in theirs} == theirs, name
    for name in names.FAULTS:
        assert ours["faults"][name] == beams.own(name), name


def read(output: str) -> Outputs:
    """What lies in an output folder; fails when a row is there twice."""
    predictions = {}
    for line in lines(output, "predictions"):
        predictions[_once(predictions, json.loads(line))] = line
    letters: dict[Key, dict[str, Any]] = {}
    for line in lines(output, "dead_letters"):
        letter = json.loads(line)
        letters[_once(letters, letter)] = letter
    with FileSystems.open(FileSystems.join(output, "metrics.json")) as stream:
        return Outputs(predictions, letters, json.loads(stream.read()))


def lines(output: str, name: str) -> list[bytes]:
    """The lines of all shards of a name."""
    (found,) = FileSystems.match([FileSystems.join(output, f"{name}-*")])
    content = []
    for one in found.metadata_list:
        with FileSystems.open(one.path) as stream:
            content += stream.read().splitlines()
    return content


def _once(seen: Mapping[Key, Any], row: dict[str, Any]) -> Key:
    key = (row["source"].rsplit("/", 1)[-1], row["position"])
    assert key not in seen, f"{key} is there twice"
    return key


def expected(folder: Path, plan: FaultPlan) -> tuple[set[Key], set[Key], int]:
    """What a run over a folder must predict, what it must dead-letter, and the blank rows."""
    predicted, letters, blank = set(), set(), 0
    for file in sorted(folder.iterdir()):
        for row in rows(FileRange(str(file)), RowFields("text", "", ())):
            if row is None:
                blank += 1
                continue
            key = (file.name, row.position)
            bad = isinstance(row, Rejected) or is_bad(plan, row)
            (letters if bad else predicted).add(key)
    return predicted, letters, blank


def is_bad(plan: FaultPlan, row: Record) -> bool:
    """Whether a text gets no prediction under a plan."""
    words = row.text.split()
    too_long = plan.capacity is not None and len(words) + 2 > plan.capacity
    hangs = bool(plan.hang) and plan.hang in row.text
    return plan.poisons(row.text) or too_long or hangs or bool(set(words) & set(plan.not_finite))


def handler(plan: FaultPlan, name: str, **changes: Any) -> FakeHandler:
    """A handler that fails by a plan."""
    return FakeHandler(plan, name, **changes)
