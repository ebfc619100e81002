"""The local runner's worker processes, and Beam's threads that wait for them, keep quiet."""

import threading
from pathlib import Path

import pytest

from runinference_metrics.running.local_runner import LocalRunner


@pytest.fixture
def others(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What threads raised that is none of the runner's business."""
    found: list[str] = []
    monkeypatch.setattr(threading, "excepthook", lambda raised: found.append(str(raised.exc_value)))
    return found


def raise_in(name: str, message: str) -> None:
    def run() -> None:
        raise RuntimeError(message)

    thread = threading.Thread(target=run, name=name)
    thread.start()
    thread.join()


def test_a_worker_s_exit_code_stands_in_the_workers_log(
    tmp_path: Path, others: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "run"
    folder.mkdir()
    runner = LocalRunner(str(folder))
    raise_in("run_worker", "Worker subprocess exited with return code 134")
    assert "RuntimeError: Worker subprocess exited with return code 134" in runner.said()
    raise_in("another", "something else")
    assert others == ["something else"]
    # After the run its folder is gone.
    (folder / "workers.log").unlink()
    folder.rmdir()
    raise_in("run_worker", "Worker subprocess exited with return code 134")
    assert runner.said() == ""
    assert others == ["something else"]
    assert capsys.readouterr().err == ""
