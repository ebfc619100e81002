"""`estimate`, as a user runs it, beside the run that it foretells."""

import json
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from buckets_for_tests import emulated
from conftest import DEMO_MODEL, ROOT, WORDS, Program, Ran
from runinference_metrics.__main__ import main

MODEL = f"--model={DEMO_MODEL}"
COMMAND = ("-m", "runinference_metrics", "estimate")
PRICES = """currency: EUR
region: r
date: d
vcpu_hour: 1
memory_gb_hour: 0
machines:
  mine: {vcpus: 1, memory_gb: 4, instruction_set: %s}
  unknown: {vcpus: 1, memory_gb: 4, instruction_set: neon_i8mm}
  g2: {vcpus: 4, memory_gb: 16, gpu: nvidia-l4, gpu_hour: 1}
"""


def write_rows(folder: Path) -> Path:
    path = folder / "a.jsonl"
    rows = [{"words": " ".join(WORDS[: 1 + at % 19]), "id": at} for at in range(3_000)]
    lines = [json.dumps(row) for row in rows]
    path.write_text("\n".join([*lines, "", "", "no JSON", '{"words": ""}']) + "\n")
    return path


def estimated(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> tuple[int, str, str]:
    code = main(["estimate", MODEL, *arguments])
    said = capsys.readouterr()
    return code, said.out, said.err


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> tuple[Ran, Ran, dict[str, Any]]:
    """A run; an estimate of it that classifies a sample and knows the run; and its document."""
    folder = tmp_path_factory.mktemp("estimated")
    program, path = Program(folder), write_rows(folder)
    given = (MODEL, f"--input={path}", "--text_field=words", "--max_length=12")
    run = program(*given, "--keep_fields=*", "--id_field=id")
    assert run.code == 0, run.err
    sets = run.metrics["run"]["effective"][0]["instruction_sets"]
    best = "amx_bf16" if "amx_bf16" in sets else sets[-1]
    (folder / "p.yaml").write_text(PRICES % best)
    found = program(
        *given, "--classify=1000", f"--prices={folder}/p.yaml", f"--json={folder}/e.json",
        "--max_num_workers=3", f"--runs={folder}/out", f"--history={folder}/h.jsonl",
        command=COMMAND, output="unused",
    )  # fmt: skip
    assert found.code == 0, found.err
    return run, found, json.loads((folder / "e.json").read_text())


@pytest.mark.starts
def test_rows_and_tokens_are_those_of_the_run(both: tuple[Ran, Ran, dict[str, Any]]) -> None:
    run, _, document = both
    found, records = document["input"], run.metrics["records"]
    for name, actual in (
        ("rows", records["read"]), ("texts", records["predicted"]), ("blank", records["blank"]),
        ("rejected", records["dead_lettered"]), ("truncated", records["truncated"]),
        ("tokens", run.metrics["tokens"]["real"]),
    ):  # fmt: skip
        assert found[name] == {"low": actual, "likely": actual, "high": actual}, name


@pytest.mark.starts
def test_a_sample_is_classified_and_the_whole_foretold(
    both: tuple[Ran, Ran, dict[str, Any]],
) -> None:
    _, found, document = both
    # The few texts that there are take no time that tells.
    assert document["sample"]["texts"] == 3_000
    assert "Classifying 1,000 texts\n" in found.err
    assert "too short to tell: classifying 3,000\n" in found.err
    here, mine, unknown, gpu = document["machines"]
    assert here["name"] == "this machine"
    assert here["secs"]["low"] < here["secs"]["likely"] < here["secs"]["high"]
    assert (mine["name"], mine["machines"]) == ("mine", 3)
    assert mine["basis"].startswith("the run in ")
    # Three machines with a virtual CPU each, at one EUR an hour.
    assert mine["cost"]["likely"] == pytest.approx(3 * mine["secs"]["likely"] / 3600)
    assert unknown["secs"] is None
    assert gpu["secs"]["likely"] is None
    for shown in ("3 x mine", "over ", "not known", "cost, EUR", "Not in it: the minutes"):
        assert shown in found.out


@pytest.mark.starts
def test_nothing_is_left_of_the_sample(both: tuple[Ran, Ran, dict[str, Any]]) -> None:
    run, found, _ = both
    assert not found.folder.exists()
    assert sorted(one.name for one in run.folder.parent.iterdir()) == [
        "a.jsonl", "e.json", "out", "p.yaml",
    ]  # fmt: skip


@pytest.mark.starts
def test_the_sample_goes_away_with_the_program(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "tmp"
    folder.mkdir()
    monkeypatch.setenv("TMPDIR", str(folder))
    path = write_rows(tmp_path)
    given = [f"--input={path}", "--text_field=words", MODEL, "--classify=3000"]
    process = subprocess.Popen(
        [sys.executable, *COMMAND, *given], cwd=ROOT, stderr=subprocess.PIPE, text=True
    )
    assert process.stderr is not None
    while not list(folder.glob("*/sample.jsonl")):
        assert process.poll() is None
        time.sleep(0.05)
    time.sleep(0.5)
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=60)
    # Beam leaves an empty folder of its own.
    assert [one for one in folder.iterdir() if not one.name.startswith("beam-")] == []


def test_without_a_sample_nothing_is_said_of_time(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = write_rows(tmp_path)
    code, out, _ = estimated([f"--input={path}", "--text_field=words"], capsys)
    assert code == 0
    assert "rows                                 3,004" in out
    assert "--classify=2000" in out
    assert "The whole" not in out


def test_a_bucket_is_surveyed_as_a_disk_is(capsys: pytest.CaptureFixture[str]) -> None:
    content = b"".join(b"good film\n" for _ in range(500))
    with emulated("b", {f"in/{at}.txt": content for at in range(5)}):
        code, out, err = estimated(["--input=gs://b/in/"], capsys)
    assert (code, err.startswith("Input: 5 files")) == (0, True)
    assert "2,500" in out


@pytest.mark.parametrize(
    ("arguments", "fault"),
    [
        (["--classify=many"], "--classify takes a number of texts from 0 to 1,000,000; got 'many'"),
        (["--classify=-1"], "--classify takes a number of texts"),
        (["--classify=2000000"], "--classify takes a number of texts"),
        (["--runs={folder}"], "--runs takes a file that can be read"),
        (["--runs=nowhere"], "--runs takes"),
        (["--prices={folder}/a.jsonl"], "--prices takes"),
        (["--text_field=none"], "--text_field takes"),
        (["--device=TPU"], "--device takes"),
        (["--colour=red"], "--colour"),
        (["--device=GPU", "--classify=5"], "--device takes"),
    ],
)
def test_what_cannot_be_is_refused_by_name(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], fault: str
) -> None:
    path = write_rows(tmp_path)
    filled = [one.format(folder=tmp_path) for one in arguments]
    given = [f"--input={path}", "--text_field=words", *filled]
    code, out, err = estimated(given, capsys)
    assert code == 2
    assert out == ""
    assert fault in err.splitlines()[-1]


def test_files_without_texts_are_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "a.txt").write_text("\n\n")
    code, _, err = estimated([f"--input={tmp_path}/a.txt"], capsys)
    assert (code, err.count("\n")) == (2, 1)


@pytest.mark.starts
def test_a_run_of_another_model_tells_nothing(
    tmp_path: Path, distilbert: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = write_rows(tmp_path)
    given = (f"--model={distilbert}", f"--input={path}", "--text_field=words")
    assert Program(tmp_path)(*given).code == 0
    code, _, err = estimated(
        [f"--input={path}", "--text_field=words", f"--runs={tmp_path}/out"], capsys
    )
    assert code == 2
    assert "--runs takes folders of runs of the same model; got " in err


@pytest.mark.starts
def test_an_api_document_tells_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], both: tuple[Ran, Ran, dict[str, Any]]
) -> None:
    document = {**both[0].metrics, "workers": []}
    (tmp_path / "m.json").write_text(json.dumps(document))
    path = write_rows(tmp_path)
    code, _, err = estimated(
        [f"--input={path}", "--text_field=words", f"--runs={tmp_path}/m.json"], capsys
    )
    assert code == 2
    assert "folders of runs whose processes are known and alike" in err
