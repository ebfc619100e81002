import io
import sys
import time
from pathlib import Path

import pytest

from runinference_metrics.inference import progress
from runinference_metrics.inference.progress import ProgressCount, shown, texts_done


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_the_counts_of_all_processes_add_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(progress, "_WRITE_EVERY_SECS", 0.0)
    for process, texts in ((101, 5), (102, 7)):
        monkeypatch.setattr(progress.os, "getpid", lambda process=process: process)
        count = ProgressCount(str(tmp_path))
        count.add(texts)
        count.add(1)
    assert texts_done(str(tmp_path)) == 14


def test_a_file_that_is_just_being_written_counts_nothing(tmp_path: Path) -> None:
    (tmp_path / "7").write_text("")
    assert texts_done(str(tmp_path)) == 0


def test_a_folder_that_is_gone_does_not_stop_the_work(tmp_path: Path) -> None:
    ProgressCount(str(tmp_path / "none")).add(1)
    assert not (tmp_path / "none").exists()


@pytest.mark.parametrize("stream", [Terminal(), io.StringIO()])
def test_a_moving_line_on_a_terminal_and_plain_lines_elsewhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, stream: io.StringIO
) -> None:
    monkeypatch.setattr(progress, "_WRITE_EVERY_SECS", 0.0)
    monkeypatch.setattr(progress, "_SHOW_EVERY_SECS", 0.02)
    monkeypatch.setattr(progress, "_LOG_EVERY_SECS", 0.02)
    monkeypatch.setattr(sys, "stderr", stream)
    count = ProgressCount(str(tmp_path))
    with shown(lambda: texts_done(str(tmp_path))):
        for _ in range(10):
            count.add(1000)
            time.sleep(0.03)
    text = stream.getvalue()
    assert " texts classified, " in text
    assert " texts/s" in text
    if stream.isatty():
        assert "\n" not in text
        # At its end the line is wiped, for the table that follows.
        assert text.endswith("\r\033[K")
    else:
        assert "\033" not in text
        assert text.endswith("\n")
