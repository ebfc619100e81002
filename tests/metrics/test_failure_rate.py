"""A run with too many dead letters fails, and all that it found is there to look at."""

import json
import re
from pathlib import Path

import pytest

from runinference_metrics.__main__ import main
from runinference_metrics.errors import RunFailed, UserError
from runinference_metrics.metrics import accounts
from runinference_metrics.metrics.accounts import Limits
from runinference_metrics.metrics.summary import Summary
from runinference_metrics.options import command_line
from runinference_metrics.records.events import DeadLettered, FileFound, PartRead
from runinference_metrics.writing.summary import _WriteSummaryFn

FACTS = {"runner": "r", "job": None, "version": "0", "beam_version": "2", "python_version": "3"}


def summary(rows: int, **dead_letters: int) -> Summary:
    found = Summary()
    found.add(FileFound(99))
    found.add(PartRead("a.jsonl", rows + 7, 7))
    for reason, count in dead_letters.items():
        for _ in range(count):
            found.add(DeadLettered(reason))
    return found


@pytest.mark.parametrize(
    ("rows", "dead", "rate", "fails"),
    [
        (1000, 50, 0.05, False),
        (1000, 51, 0.05, True),
        # Up to ten can be looked at one by one, whatever their share.
        (10, 10, 0.05, False),
        (11, 11, 0.05, True),
        (1000, 10, 0.001, False),
        (1000, 11, 0.001, True),
        # Off.
        (1000, 1000, 1.0, False),
        # None at all.
        (1000, 1, 0.0, True),
        (1000, 0, 0.0, False),
        (0, 0, 0.05, False),
    ],
)
def test_when_a_run_fails(rows: int, dead: int, rate: float, fails: bool) -> None:
    found = summary(rows, malformed_json=dead)
    if not fails:
        accounts.check_failure_rate(found, rate)
        return
    with pytest.raises(RunFailed, match="got no prediction, more than --max_failure_rate="):
        accounts.check_failure_rate(found, rate)


def test_the_commonest_reasons_are_named() -> None:
    found = summary(200, a=1, b=30, c=5, d=5, e=2)
    with pytest.raises(RunFailed) as caught:
        accounts.check_failure_rate(found, 0.05)
    assert str(caught.value) == (
        "43 of 200 rows (21.5%) got no prediction, more than --max_failure_rate=0.05 allows: b 30, "
        "c 5, d 5 and 2 more. All results are written; see the dead letters."
    )


def write_source(folder: Path) -> Path:
    source = folder / "a.jsonl"
    source.write_text('{"text": "a good film"}\n' * 80 + '{"text": 5}\n' * 20)
    return source


def test_a_run_fails_when_all_is_written(
    tmp_path: Path, distilbert: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source, out = write_source(tmp_path), tmp_path / "out"
    arguments = ["run", f"--input={source}", f"--output={out}", f"--model={distilbert}"]
    assert main(arguments) == 1
    err = capsys.readouterr().err.strip().splitlines()
    progress = re.compile(r"Input: |.* texts classified")
    assert [line for line in err if not progress.match(line)] == [
        "error: 20 of 100 rows (20.0%) got no prediction, more than --max_failure_rate=0.05 "
        "allows: text_not_a_string 20. All results are written; see the dead letters."
    ]
    assert sorted(path.name for path in out.iterdir()) == [
        "dead_letters-00000-of-00001.jsonl", "metrics.json", "predictions-00000-of-00001.jsonl",
        "report.html",
    ]  # fmt: skip
    records = json.loads((out / "metrics.json").read_text())["records"]
    assert (records["predicted"], records["dead_lettered"]) == (80, 20)
    assert main(["report", str(out)]) == 0
    assert main([*arguments, "--overwrite", "--max_failure_rate=0.2"]) == 0


def test_trying_the_last_step_again_spoils_nothing(tmp_path: Path) -> None:
    found = summary(100, malformed_json=100)
    writer = _WriteSummaryFn(
        str(tmp_path), {**FACTS, "parameters": {"device": "CPU"}}, None, (), Limits(0.05, 0)
    )
    contents = []
    for _ in range(4):
        with pytest.raises(RunFailed, match="100 of 100 rows"):
            writer.process(found)
        contents.append(json.loads((tmp_path / "metrics.json").read_text())["records"])
        assert sorted(path.name for path in tmp_path.iterdir()) == ["metrics.json", "report.html"]
    assert all(one == contents[0] for one in contents)


@pytest.mark.parametrize(
    ("flag", "message"),
    [
        ("--max_failure_rate=1.5", "a number from 0 to 1; got '1.5'"),
        ("--max_failure_rate=nan", "a number from 0 to 1; got 'nan'"),
        ("--max_failure_rate=5%", "a number from 0 to 1; got '5%'"),
        ("--inference_timeout_secs=-1", "a whole number from 0 (no limit) to 86400; got '-1'"),
        ("--inference_timeout_secs=1.5", "a whole number from 0 (no limit) to 86400; got '1.5'"),
    ],
)
def test_what_the_flags_take(flag: str, message: str) -> None:
    with pytest.raises(UserError) as caught:
        command_line.parse(["--input=a", "--output=b", flag])
    assert message in str(caught.value)


def test_the_defaults() -> None:
    settings, _ = command_line.parse(["--input=a", "--output=b"])
    assert settings.max_failure_rate == 0.05
    assert settings.inference_timeout_secs == 0
    assert settings.as_parameters()["inference_timeout_secs"] == 0
