"""`model` as a user calls it, and the model's name in `run`."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from buckets_for_tests import emulated
from conftest import ROOT
from hub_for_tests import COMMIT, Hub, serving_hub
from runinference_metrics.__main__ import main
from runinference_metrics.models import remote

pytestmark = pytest.mark.starts

NAME = "owner/name"


@pytest.fixture
def hub(distilbert: Path) -> Iterator[Hub]:
    with serving_hub(Hub({NAME: distilbert})) as served:
        yield served


def start(hub: Hub, folder: Path, *arguments: str) -> subprocess.Popen[str]:
    env = {**os.environ, **hub.environment, "HF_HOME": str(folder / "home"),
           "RUNINFERENCE_METRICS_CACHE": str(folder / "cache")}  # fmt: skip
    return subprocess.Popen(
        [sys.executable, "-m", "runinference_metrics", *arguments],
        cwd=ROOT, env=env, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip


def test_a_model_of_the_hub_becomes_a_folder(hub: Hub, tmp_path: Path) -> None:
    output = tmp_path / "deeper" / "out"
    done = start(hub, tmp_path, "model", f"https://huggingface.co/{NAME}/tree/main",
                 f"--output={output}")  # fmt: skip
    out, err = done.communicate(timeout=120)
    assert done.returncode == 0, err
    lines = out.splitlines()
    assert lines[0].startswith(f"{NAME}@main is {NAME}@{COMMIT} today")
    assert lines[1].startswith("compared with transformers: the tokens of 300 texts are the same")
    assert lines[2].startswith(f"{output}: 4 files, ")
    record = json.loads((output / "digests.json").read_text())
    assert lines[3:] == [f"  {digest}  {name}" for name, digest in record["files"].items()]
    assert [one.name for one in output.parent.iterdir()] == ["out"]


def test_ranges_are_found_from_a_file(distilbert: Path, hub: Hub, tmp_path: Path) -> None:
    texts = tmp_path / "reviews.txt"
    texts.write_text("\ufeff" + "\n\n".join(["a good film", "dull , bad acting !"] * 15) + "\n")
    output = tmp_path / "out"
    done = start(hub, tmp_path, "model", str(distilbert), f"--output={output}",
                 f"--calibrate={texts}")  # fmt: skip
    out, err = done.communicate(timeout=120)
    assert done.returncode == 0, err
    said = "int8 by ranges of 27 texts (reviews.txt), 9 of 9 layers: of 3 other texts "
    assert out.splitlines()[1].startswith(said)
    assert "  int8.safetensors\n" in out


def test_texts_and_model_may_lie_in_a_bucket(
    distilbert: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.setenv("RUNINFERENCE_METRICS_CACHE", str(tmp_path / "cache"))
    objects = {f"m/{file.name}": file.read_bytes() for file in distilbert.iterdir()}
    with emulated("bucket", objects | {"reviews.txt": b"a good film\n" * 30}):
        output = f"--output={tmp_path}/out"
        assert main(["model", "gs://bucket/m", output, "--calibrate=gs://bucket/reviews.txt"]) == 0
    assert "int8 by ranges of 27 texts (reviews.txt), 9 of 9 layers" in capsys.readouterr().out
    made = {f"m/{file.name}": file.read_bytes() for file in (tmp_path / "out").iterdir()}
    assert "m/int8.safetensors" in made
    # A run fetches what it needs, the ranges too; so does the command.
    with emulated("bucket", made):
        fetched = Path(remote.local_folder("gs://bucket/m"))
        assert main(["model", "gs://bucket/m", f"--output={tmp_path}/again"]) == 0
    for folder in (fetched, tmp_path / "again"):
        assert (folder / "int8.safetensors").read_bytes() == made["m/int8.safetensors"]


@pytest.mark.parametrize(
    ("texts", "said"),
    [
        ("none.txt", "none.txt': "),
        ("latin.txt", "'latin.txt', which is no UTF-8 ("),
        ("s3://bucket/a.txt", "copy the files there first"),
    ],
)
def test_texts_that_cannot_be_used_are_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], texts: str, said: str
) -> None:
    (tmp_path / "latin.txt").write_bytes(b"caf\xe9\n")
    address = texts if "://" in texts else str(tmp_path / texts)
    assert main(["model", "models/demo", f"--output={tmp_path}/o", f"--calibrate={address}"]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("error: --calibrate takes ")
    assert said in line
    assert not (tmp_path / "o").exists()


def test_a_refusal_names_the_source(hub: Hub, tmp_path: Path) -> None:
    done = start(hub, tmp_path, "model", "owner/other", f"--output={tmp_path / 'out'}")
    _, err = done.communicate(timeout=120)
    assert done.returncode == 2
    assert err.startswith("error: SOURCE takes a sequence classifier with its weights and its voca")
    assert "got 'owner/other', which is no folder here, and on the hub is not to be seen" in err
    assert len(err.splitlines()) == 1


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT])
def test_ended_in_the_middle_it_leaves_nothing(hub: Hub, tmp_path: Path, how: int) -> None:
    hub.stalls = True
    (tmp_path / "out").mkdir()
    done = start(hub, tmp_path, "model", NAME, f"--output={tmp_path / 'out' / 'model'}")
    assert hub.stalled.wait(60)
    asked = time.monotonic()
    done.send_signal(how)
    _, err = done.communicate(timeout=60)
    assert time.monotonic() - asked < 10
    assert done.returncode == 130
    assert err.splitlines()[-1].endswith("out/model is not made.")
    assert "Traceback" not in err
    assert list((tmp_path / "out").iterdir()) == []


def test_a_run_takes_a_model_by_its_name(hub: Hub, tmp_path: Path) -> None:
    (tmp_path / "in.txt").write_text("a good film\n")
    done = start(hub, tmp_path, "run", f"--input={tmp_path}/in.txt", f"--output={tmp_path}/out",
                 f"--model={NAME}@main")  # fmt: skip
    _, err = done.communicate(timeout=120)
    assert done.returncode == 0, err
    folder = tmp_path / "cache" / f"owner--name@{COMMIT}"
    assert err.count(f"{NAME}@main is {NAME}@{COMMIT} today") == 1
    assert f"The model is in {folder}" in err
    metrics = json.loads((tmp_path / "out" / "metrics.json").read_text())
    assert metrics["run"]["parameters"]["model"] == str(folder)
