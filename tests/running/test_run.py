"""The whole program, as a user runs it."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
from apache_beam.io.filesystem import BeamIOError
from google.api_core import exceptions
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from transformers import pipeline

from conftest import DEMO_MODEL, ROOT, Program
from models_for_tests import GPT2, make
from runinference_metrics.__main__ import main
from runinference_metrics.errors import RunFailed, UserError
from runinference_metrics.metrics.accounts import reconcile_rows
from runinference_metrics.reading import places
from runinference_metrics.reading.fields import RowFields
from runinference_metrics.reading.files import FileRange
from runinference_metrics.reading.rows import rows
from runinference_metrics.records.record import Record, Rejected
from runinference_metrics.running import preview
from runinference_metrics.running.input import check_input


def rows_of(folder: Path, name: str) -> list[dict]:
    shards = sorted(folder.glob(f"{name}-*.jsonl"))
    return [json.loads(line) for shard in shards for line in shard.read_bytes().splitlines()]


def test_the_samples_end_to_end(program: Program) -> None:
    ran = program("--input=samples/")
    assert ran.code == 0, ran.err
    predictions, letters = ran.lines("predictions"), ran.lines("dead_letters")
    assert {one["reason"] for one in letters} == {"malformed_csv", "malformed_json"}
    found = ran.metrics
    assert found["records"] == {
        "read": 52, "blank": 2, "predicted": 48, "dead_lettered": 2, "truncated": 0,
        "dead_letters_by_reason": {"malformed_csv": 1, "malformed_json": 1},
    }  # fmt: skip
    assert len(predictions) == 48
    beam = found["runinference"]
    assert beam["num_inferences"] == beam["inference_request_batch_size"]["sum"] == 48
    text_bytes = sum(len(one["text"].encode()) for one in predictions)
    assert beam["inference_request_batch_byte_size"]["sum"] == text_bytes
    latency = beam["inference_batch_latency_micro_secs"]
    assert found["derived"]["total_inference_secs"] == pytest.approx(latency["sum"] / 1e6)
    assert found["run"]["effective"][0]["model_architecture"].startswith("DistilBert")
    by_text = {one["text"]: one for one in predictions}
    assert by_text["A catchy, joyful song."]["label"] == "POSITIVE"
    assert by_text["Flat, noisy and far too long."]["position"] == 6
    # The table fits a terminal, and standard error has no noise.
    assert "num_inferences" in ran.out
    assert max(map(len, ran.out.splitlines())) <= 80
    (line,) = [line for line in ran.err.splitlines() if " texts classified" not in line]
    assert re.fullmatch(
        r"Input: 5 files, [\d,]+ bytes: text \(utf-8\) 1, csv \(commas, utf-8\) 1, "
        r"text \(utf-8, gzip\) 1, jsonl \(utf-8\) 1, text \(utf-8, zstd\) 1",
        line,
    )
    assert sorted(path.name for path in ran.folder.iterdir()) == [
        "dead_letters-00000-of-00001.jsonl", "metrics.json", "predictions-00000-of-00001.jsonl",
        "report.html",
    ]  # fmt: skip


def test_the_launchers_entry_point_takes_the_same_flags(
    program: Program, tmp_path: Path, distilbert: Path
) -> None:
    source = tmp_path / "a.jsonl"
    source.write_text(
        '{"key": 5, "review": "a good film", "stars": 3}\n'
        '{"key": 6, "review": null, "missing": 0}\n'
    )
    ran = program(
        f"--input={source}", f"--model={distilbert}", "--text_field=review", "--id_field=key",
        "--keep_fields=stars,missing", command=("src/main.py",),
    )  # fmt: skip
    assert ran.code == 0, ran.err
    (prediction,) = ran.lines("predictions")
    assert prediction["id"] == 5
    assert prediction["fields"] == {"stars": 3, "missing": None}


def test_several_processes_share_the_work_and_lose_nothing(
    program: Program, tmp_path: Path, distilbert: Path
) -> None:
    for number in range(8):
        (tmp_path / f"in-{number}.txt").write_text("".join(f"good {i}\n" for i in range(50)))
    ran = program(
        f"--input={tmp_path}/in-*.txt", f"--model={distilbert}", "--direct_num_workers=2",
        "--direct_running_mode=multi_processing", "--min_batch_size=1", "--max_batch_size=10",
    )  # fmt: skip
    assert ran.code == 0, ran.err
    keys = {(one["source"], one["position"]) for one in ran.lines("predictions")}
    assert len(ran.lines("predictions")) == len(keys) == 400
    beam = ran.metrics["runinference"]
    assert beam["num_inferences"] == 400
    assert beam["inference_request_batch_size"]["count"] == 40
    assert beam["load_model_latency_milli_secs"]["count"] == 2
    assert {one["threads"] for one in ran.metrics["run"]["effective"]} == {
        max(1, len(os.sched_getaffinity(0)) // 2)
    }


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "a.txt"
    path.write_text("a good film\n")
    return path


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--input={tmp}/none*"], "--input takes patterns that match files; got '{tmp}/none*'"),
        (
            ["--input={tmp}/b.orc"],
            "--input takes files of text, JSON lines, CSV, Parquet or Avro; got",
        ),
        (["--device=GPU"], "--device takes GPU only where one is usable (else CPU); got GPU, but"),
        (["--model={tmp}"], "--model takes a folder with a sequence-classification model; got"),
        (["--max_length=5000"], "--max_length takes auto or a whole number from 3 to 512"),
        (["--output={tmp}/a.txt"], "--output takes a folder; got '{tmp}/a.txt', which is a file"),
        (
            ["--max_batchsize=3"],
            "--max_batchsize is no parameter of this program and no flag of Beam's; did you mean",
        ),
        (["--output={tmp}/old"], "--output takes a folder without results of an earlier run"),
        (["--direct_num_workers=many"], "--direct_num_workers takes a whole number from 0 (one a"),
        (["--direct_num_workers=-1"], "--direct_num_workers takes a whole number from 0 (one a"),
        (["--setup_file={tmp}/none/setup.py"], "--setup_file takes a file named setup.py or pypro"),
        (["--input=s3://b/a.txt"], "--input takes local paths and addresses such as gs://bucket/"),
        (["--output=gs//b/out"], "got 'gs//b/out': write gs://b/out"),
        (["--model=https://example.com/m"], "got 'https://example.com/m': download it, or copy it"),
        (["--prices=hdfs://b/p.yaml"], "--prices takes local paths and addresses such as gs://bu"),
        (["--pickle_library=dill"], "--pickle_library=dill requires dill==0.3.1.1"),
        (["--input"], "--input: expected one argument"),
        (["--text_pair_field=text"], "--text_pair_field takes another field than --text_field"),
        (["--text_pair_field=b"], "--text_pair_field takes a field of files that have fields"),
        (["--output=/proc/none/x"], "--output takes a folder that can be made; got '/proc/none/x'"),
    ],
)
def test_wrong_input_ends_with_code_2_and_one_line(
    tmp_path: Path,
    source: Path,
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
    message: str,
) -> None:
    (tmp_path / "b.orc").write_bytes(b"ORC" + bytes(40))
    (tmp_path / "old").mkdir()
    (tmp_path / "old" / "predictions-00000-of-00001.jsonl").write_text("mine\n")
    filled = [one.replace("{tmp}", str(tmp_path)) for one in arguments]
    base = [f"--input={source}", f"--output={tmp_path}/out", f"--model={DEMO_MODEL}"]
    given_flags = {one.split("=")[0] for one in filled}
    base = [one for one in base if one.split("=")[0] not in given_flags]
    assert main(["run", *base, *filled]) == 2
    err = capsys.readouterr().err
    assert message.replace("{tmp}", str(tmp_path)) in err
    assert err.startswith("error: --")
    assert err.count("\n") == 1
    assert not (tmp_path / "out").exists()
    assert (tmp_path / "old" / "predictions-00000-of-00001.jsonl").read_text() == "mine\n"


def test_a_runner_that_does_not_exist_is_one_line(
    tmp_path: Path, source: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = [f"--input={source}", f"--output={tmp_path}/out", f"--model={DEMO_MODEL}"]
    assert main(["run", *arguments, "--runner=FlinkishRunner"]) == 2
    err = capsys.readouterr().err
    assert "FlinkishRunner" in err
    assert err.count("\n") == 1
    assert main(["run", *arguments, "--runner=DataflowRunner"]) == 2
    assert "project" in capsys.readouterr().err


def test_no_command_and_a_wrong_one(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 2
    assert main(["walk"]) == 2
    assert "'walk'" in capsys.readouterr().err
    assert main(["--help"]) == 0


def test_a_model_that_breaks_on_loading_is_one_line_too(
    program: Program, tmp_path: Path, source: Path, distilbert: Path
) -> None:
    model = tmp_path / "model"
    model.mkdir()
    for path in distilbert.iterdir():
        (model / path.name).write_bytes(path.read_bytes())
    config = json.loads((model / "config.json").read_text())
    (model / "config.json").write_text(json.dumps({**config, "n_layers": 3}))
    # In a process of its own: what Beam logs of the failure must not be seen either.
    ran = program(f"--input={source}", f"--model={model}")
    assert ran.code == 2
    found, error = ran.err.splitlines()
    assert found.startswith("Input: 1 file, ")
    assert error.startswith("error: --model takes a trained sequence classifier; got")
    assert list(ran.folder.iterdir()) == []


def test_overwrite_replaces_all_old_shards_and_nothing_else(
    tmp_path: Path, source: Path, distilbert: Path
) -> None:
    out = tmp_path / "out"
    out.mkdir()
    for name in ("predictions-00001-of-00002.jsonl", "dead_letters-00000-of-00003.jsonl",
                 "report.html", "notes.md"):  # fmt: skip
        (out / name).write_text("old")
    arguments = [f"--input={source},{source}", f"--output={out}", f"--model={distilbert}"]
    assert main(["run", *arguments, "--overwrite=true"]) == 0
    assert sorted(path.name for path in out.iterdir()) == [
        "dead_letters-00000-of-00001.jsonl", "metrics.json", "notes.md",
        "predictions-00000-of-00001.jsonl", "report.html",
    ]  # fmt: skip
    assert (out / "report.html").read_text() != "old"
    # Two patterns that match the same file read it once.
    assert len(rows_of(out, "predictions")) == 1


def test_a_run_without_any_text(tmp_path: Path, distilbert: Path) -> None:
    source = tmp_path / "empty.txt"
    source.write_bytes(b"")
    out = tmp_path / "out"
    assert main(["run", f"--input={source}", f"--output={out}", f"--model={distilbert}"]) == 0
    found = json.loads((out / "metrics.json").read_text())
    assert found["records"]["read"] == 0
    assert found["derived"]["texts_per_inference_sec"] is None
    assert rows_of(out, "predictions") == []


def test_a_run_that_lost_count_fails_and_says_by_how_much() -> None:
    reconcile_rows(10, 7, 2, 1)
    with pytest.raises(RunFailed, match=r"10 rows read, but 6 predicted .* 1 too few"):
        reconcile_rows(10, 6, 2, 1)
    with pytest.raises(RunFailed, match="2 too many"):
        reconcile_rows(10, 9, 2, 1)


HOSTILE = st.one_of(
    st.binary(max_size=20),
    st.text(max_size=20).map(lambda text: text.encode()),
    st.sampled_from([
        b"", b" ", b'{"text": "good"}', b'{"text": "\\ud800"}', b'{"text": 1}', b'"', b"a,b", b"x",
        "\u202e\u0301\U0001f468\u200d\U0001f469".encode(), b"\x00", b"\xff", b"text", b"n,text",
        b'1,"two', b'{"text":' + b"[" * 2000, b"\xef\xbb\xbf", b"[CLS] [SEP] [PAD]",
    ]),
)  # fmt: skip


@pytest.mark.starts
@settings(
    max_examples=12,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(
    st.lists(
        st.tuples(st.sampled_from([".txt", ".jsonl", ".csv"]), st.lists(HOSTILE, max_size=15)),
        min_size=1,
        max_size=4,
    )
)
def test_every_row_is_in_exactly_one_output(
    tmp_path_factory: pytest.TempPathFactory,
    distilbert: Path,
    monkeypatch: pytest.MonkeyPatch,
    files: list[tuple[str, list[bytes]]],
) -> None:
    # What is refused before a run is another test's matter.
    monkeypatch.setattr(preview, "chosen", lambda files: [])
    folder = tmp_path_factory.mktemp("hostile")
    for number, (ending, lines) in enumerate(files):
        (folder / f"{number}{ending}").write_bytes(b"\n".join(lines))
    out = folder / "out"
    code = main([
        "run", f"--input={folder}/*.*", f"--output={out}", f"--model={distilbert}",
        "--max_batch_size=4", "--min_batch_size=2", "--max_failure_rate=1", "--max_failed_files=4",
    ])  # fmt: skip
    # What reading alone says is the reference for what must come out at the far end.
    expected = [
        row
        for number, (ending, _) in enumerate(files)
        for row in rows(FileRange(str(folder / f"{number}{ending}")), RowFields("text", "", ()))
    ]
    # No limit allows a run that predicts nothing of its rows.
    kept = any(isinstance(row, Record) for row in expected)
    assert code == (1 if expected and not kept else 0)
    key = ("source", "position")
    predicted = sorted(tuple(one[name] for name in key) for one in rows_of(out, "predictions"))
    letters = sorted(tuple(one[name] for name in key) for one in rows_of(out, "dead_letters"))
    assert predicted == sorted((r.source, r.position) for r in expected if isinstance(r, Record))
    assert letters == sorted((r.source, r.position) for r in expected if isinstance(r, Rejected))
    assert not set(predicted) & set(letters)
    document = json.loads((out / "metrics.json").read_text())
    found, accounts = document["records"], document["files"]
    assert found["read"] == len(expected)
    assert accounts["found"] == len(files) == accounts["read"] + accounts["failed"]
    assert accounts["with_results"] == len({source for source, _ in predicted + letters})
    assert main(["verify", str(out)]) == 0
    assert found["blank"] == expected.count(None)
    texts = {(r.source, r.position): r.text for r in expected if isinstance(r, Record)}
    for one in rows_of(out, "predictions"):
        assert one["text"] == texts[(one["source"], one["position"])]


@pytest.mark.starts
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("mode", ["in_memory", "multi_processing"])
def test_an_interrupted_run_ends_cleanly(tmp_path: Path, number: int, mode: str) -> None:
    source = tmp_path / "a.txt"
    source.write_text("a fine film, and a long one, with many words to read\n" * 300_000)
    out = tmp_path / "out"
    workers = "2" if mode == "multi_processing" else "1"
    process = subprocess.Popen(
        [sys.executable, "-m", "runinference_metrics", "run", f"--input={source}",
         f"--output={out}", f"--direct_running_mode={mode}", f"--direct_num_workers={workers}"],
        cwd=ROOT, stderr=subprocess.PIPE, text=True, start_new_session=True,
    )  # fmt: skip
    try:
        deadline = time.monotonic() + 120
        # Wait until a shard is being written.
        while not list(out.glob("beam-temp-predictions-*/*")):
            assert process.poll() is None, process.communicate()[1]
            assert time.monotonic() < deadline
            time.sleep(0.2)
        process.send_signal(number)
        _, err = process.communicate(timeout=30)
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
    assert process.returncode == 130
    assert err.strip().splitlines()[-1] == "Interrupted: no half-written shard is left."
    assert "Traceback" not in err
    assert list(out.iterdir()) == []
    # Nobody of the process group is left behind.
    deadline = time.monotonic() + 10
    while _is_alive(process.pid):
        assert time.monotonic() < deadline
        time.sleep(0.1)


def _is_alive(group: int) -> bool:
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    return True


def test_a_bucket_that_cannot_be_listed_says_why(monkeypatch: pytest.MonkeyPatch) -> None:
    def objects(prefix: str) -> None:
        no = exceptions.Forbidden("GET https://storage.googleapis.com/b: me@x has no access to it.")
        raise BeamIOError("List operation failed", {prefix: no})

    monkeypatch.setattr(places, "objects", objects)
    with pytest.raises(UserError) as raised:
        check_input(["gs://b/in/"], "/tmp/out")
    assert str(raised.value).startswith(
        "--input takes patterns that can be listed; got 'gs://b/in/': Google Cloud refused "
        "permission: me@x has no access to it."
    )


def test_labels_named_in_a_file_and_a_model_without_padding(
    program: Program, tmp_path: Path, sentences: list[str]
) -> None:
    """What a user of GPT-2 has: no padding token, and labels that are called LABEL_0 and so on."""
    model = make(tmp_path / "model", "gpt2", {"pad_token": None}, **GPT2)
    (tmp_path / "in.txt").write_text("".join(f"{text}\n" for text in sentences[:30]))
    (tmp_path / "names.json").write_text('["bad", "fair", "good"]')
    ran = program(
        f"--input={tmp_path}/in.txt", f"--model={model}",
        f"--label_names={tmp_path}/names.json",
        "--precision=float32",
    )  # fmt: skip
    assert ran.code == 0, ran.err
    first, *others = ran.err.splitlines(keepends=True)
    assert first.startswith("Input: 1 file, ")
    assert "".join(others) == (
        "WARNING Padding changes this model's answers: texts of one length share a forward pass.\n"
    )
    assert "only texts of one length" in ran.out
    pipe = pipeline("text-classification", model=str(model), dtype=torch.float32, device="cpu")
    names = {"LABEL_0": "bad", "LABEL_1": "fair", "LABEL_2": "good"}
    found = {row["text"]: row["scores"] for row in ran.lines("predictions")}
    assert len(found) == len(set(sentences[:30]))
    for text, scores in found.items():
        expected = {names[one["label"]]: one["score"] for one in pipe(text, top_k=None)}
        assert scores == pytest.approx(expected, abs=1e-5)
    (effective,) = ran.metrics["run"]["effective"]
    assert effective["grouping"] == "equal_lengths"
