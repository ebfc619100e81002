"""Output that cannot be written, and what a killed run left behind."""

import ctypes
import os
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from apache_beam.io.filesystems import FileSystems

from conftest import ROOT
from runinference_metrics.__main__ import main
from runinference_metrics.errors import RunFailed
from runinference_metrics.running.interruption import leaves_nothing
from servers_for_tests import QuietHandler, serving

MARKER = "a very private sentence"
RESULTS = [
    "dead_letters-00000-of-00001.jsonl", "metrics.json", "predictions-00000-of-00001.jsonl",
    "report.html",
]  # fmt: skip
# prctl's number for taking a right away from whatever is started, and the right to pass by a
# file's permissions: without it, root is refused like anybody else.
PR_CAPBSET_DROP, CAP_DAC_OVERRIDE = 24, 1
MAIN = "from runinference_metrics.__main__ import main; import sys; sys.exit(main(sys.argv[1:]))"
# The folder may be written to when the first run starts, and no longer when it writes; the second
# run finds it so.
REFUSE_LATER = """
import os, sys
from runinference_metrics.running import run
from runinference_metrics.__main__ import main
make_folder = run.make_folder
def then_refuse(folder):
    make_folder(folder)
    os.chmod(folder, 0o555)
run.make_folder = then_refuse
print(main(sys.argv[1:]), main(sys.argv[1:]))
"""
WITHOUT_CREDENTIALS = f"""
from apache_beam.internal.gcp import auth
auth._Credentials._credentials_init = True
auth._Credentials._credentials = None
{MAIN}
"""


def start(
    code: str, *arguments: str, limit: Callable[[], object] | None = None,
    env: dict[str, str] | None = None,
) -> "subprocess.CompletedProcess[str]":  # fmt: skip
    return subprocess.run(
        [sys.executable, "-c", code, "run", *arguments],
        cwd=ROOT, capture_output=True, text=True, preexec_fn=limit, timeout=200,
        env={**os.environ, **(env or {})},
    )  # fmt: skip


def said(err: str) -> list[str]:
    """What a run said, besides what it found and how far it came."""
    lines = err.splitlines()
    return [one for one in lines if " texts classified" not in one and one[:7] != "Input: "]


def one_line(done: "subprocess.CompletedProcess[str]", code: int = 1) -> str:
    """The one line with which a run failed; neither a traceback nor a text of the input."""
    assert done.returncode == code, done.stderr
    lines = said(done.stderr)
    assert len(lines) == 1, done.stderr
    assert MARKER not in done.stdout + done.stderr
    return lines[0]


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "a.txt"
    path.write_text(f"{MARKER}\n" * 3000)
    return path


def small_files() -> None:
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))


def ordinary_user() -> None:
    ctypes.CDLL(None).prctl(PR_CAPBSET_DROP, CAP_DAC_OVERRIDE, 0, 0, 0)


TOO_LARGE = "error: The run failed while writing predictions: [Errno 27] File too large (OSError)"


def test_files_that_may_not_grow(
    tmp_path: Path, source: Path, distilbert: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, before[1]))
    try:
        code = main(["run", f"--input={source}", f"--output={tmp_path}/out",
                     f"--model={distilbert}"])  # fmt: skip
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert code == 1
    assert said(capfd.readouterr().err) == [TOO_LARGE]
    assert list((tmp_path / "out").iterdir()) == []


@pytest.mark.starts
def test_files_that_may_not_grow_in_worker_processes(
    tmp_path: Path, source: Path, distilbert: Path
) -> None:
    done = start(
        MAIN, f"--input={source}", f"--output={tmp_path}/out", f"--model={distilbert}",
        "--direct_running_mode=multi_processing", "--direct_num_workers=2", limit=small_files,
    )  # fmt: skip
    assert one_line(done) == TOO_LARGE
    assert list((tmp_path / "out").iterdir()) == []


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=200k", "tmpfs", str(disk)]
    try:
        subprocess.run(mount, check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("no disk can be mounted here; files that may not grow are tested everywhere")
    yield disk
    # Lazily: a file that could not be written whole may be open until Python collects its garbage.
    subprocess.run(["umount", "--lazy", str(disk)], check=True)


def test_a_full_disk(
    small_disk: Path, source: Path, distilbert: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    arguments = [f"--input={source}", f"--output={small_disk}/out", f"--model={distilbert}"]
    assert main(["run", *arguments]) == 1
    assert said(capfd.readouterr().err) == [
        "error: The run failed while writing predictions: [Errno 28] No space left on device "
        "(OSError)"
    ]
    # What was half-written is gone, so that there is room again.
    assert list((small_disk / "out").iterdir()) == []


@pytest.mark.starts
def test_a_folder_that_refuses(tmp_path: Path, source: Path, distilbert: Path) -> None:
    arguments = (f"--input={source}", f"--output={tmp_path}/out", f"--model={distilbert}")
    done = start(REFUSE_LATER, *arguments, limit=ordinary_user)
    assert done.stdout == "1 2\n", done.stderr
    late, at_once = said(done.stderr)
    assert late.startswith("error: The run failed while writing ")
    assert "Permission denied" in late
    assert at_once == (
        f"error: --output takes a folder that can be written to; got '{tmp_path}/out'"
    )
    assert list((tmp_path / "out").iterdir()) == []


@pytest.fixture
def refusing_bucket() -> Iterator[str]:
    """The address of a bucket that can be listed, and that refuses every upload."""

    class Handler(QuietHandler):
        def do_GET(self) -> None:
            if "/o/" in self.path:
                self.answer_json(404, {"error": {"code": 404, "message": "no such object"}})
            else:
                self.answer_json(200, {"kind": "storage#objects", "items": []})

        def do_POST(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length", 0)))
            self.answer_json(403, {"error": {"code": 403, "message": "no right to create objects"}})

    with serving(Handler) as port:
        yield f"http://127.0.0.1:{port}"


@pytest.mark.starts
def test_a_bucket_that_refuses(source: Path, distilbert: Path, refusing_bucket: str) -> None:
    done = start(
        WITHOUT_CREDENTIALS, f"--input={source}", "--output=gs://results/run",
        f"--model={distilbert}",
        env={"STORAGE_EMULATOR_HOST": refusing_bucket, "GOOGLE_CLOUD_PROJECT": "test"},
    )  # fmt: skip
    line = one_line(done)
    assert line == "error: The run failed: the bucket answered 403 Forbidden (InvalidResponse)"


def test_what_ended_the_run_is_shown_when_nothing_can_be_deleted_either(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(paths: list[str]) -> None:
        raise OSError(30, f"Read-only file system: {paths}")

    monkeypatch.setattr(FileSystems, "delete", refuse)

    def fail() -> None:
        with leaves_nothing(str(tmp_path), str(tmp_path)):
            (tmp_path / "beam-temp-predictions-1f").mkdir()
            raise RunFailed("the cause")

    with pytest.raises(RunFailed, match="the cause"):
        fail()


@pytest.mark.starts
def test_a_killed_run_leaves_nothing_to_the_next(
    tmp_path: Path, distilbert: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source, out = tmp_path / "a.txt", tmp_path / "out"
    source.write_text("a fine film, and a long one, with many words to read\n" * 200_000)
    arguments = [f"--output={out}", f"--model={distilbert}"]
    process = subprocess.Popen(
        [sys.executable, "-m", "runinference_metrics", "run", f"--input={source}", *arguments],
        cwd=ROOT, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    deadline = time.monotonic() + 60
    while not any(one.stat().st_size for one in out.glob("beam-temp-predictions-*/*")):
        assert process.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.05)
    process.send_signal(signal.SIGKILL)
    process.wait()
    # As if it had been killed a little later, too.
    (out / ".metrics.json.0a1b2c3d.part").write_text("{")
    (out / ".report.html.0a1b2c3d.part").write_text("<")
    (out / "notes.md").write_text("mine")
    left = sorted(out.rglob("*"))
    assert not [path for path in left if path.name in RESULTS]

    # Not taken for results, and not touched unless asked: the other run may be going on.
    assert main(["verify", str(out)]) == 2
    assert "FOLDER takes a file that can be read" in capsys.readouterr().err
    source.write_text("a fine film\n")
    assert main(["run", f"--input={source}", *arguments]) == 2
    err = capsys.readouterr().err
    assert err.startswith("error: --output takes a folder in which no other run is writing "
                          "(or set --overwrite=true); got")  # fmt: skip
    assert "that is still going on or was killed" in err
    assert sorted(out.rglob("*")) == left
    assert main(["run", f"--input={source}", *arguments, "--overwrite=true"]) == 0
    assert sorted(path.name for path in out.iterdir()) == sorted([*RESULTS, "notes.md"])
    assert main(["verify", str(out)]) == 0


def test_results_are_not_overwritten_unless_asked(
    tmp_path: Path, distilbert: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source, out = tmp_path / "a.txt", tmp_path / "out"
    source.write_text("a fine film\n")
    arguments = ["run", f"--input={source}", f"--output={out}", f"--model={distilbert}"]
    # Looks like results, and is none of a run's.
    out.mkdir()
    (out / "predictions-mine.jsonl").write_text("mine")
    assert main(arguments) == 0
    before = {path.name: path.read_bytes() for path in out.iterdir()}
    source.write_text("another film\n")
    capsys.readouterr()
    assert main(arguments) == 2
    assert "or set --overwrite=true" in capsys.readouterr().err
    assert {path.name: path.read_bytes() for path in out.iterdir()} == before
    # Each single result is enough.
    for name in RESULTS:
        alone = tmp_path / f"alone-{name}"
        alone.mkdir()
        (alone / name).write_text("mine")
        assert main([*arguments, f"--output={alone}"]) == 2
        assert [path.read_text() for path in alone.iterdir()] == ["mine"]
    assert main([*arguments, "--overwrite=true"]) == 0
    assert (out / "predictions-mine.jsonl").read_text() == "mine"
    assert b"another film" in (out / "predictions-00000-of-00001.jsonl").read_bytes()
