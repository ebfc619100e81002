"""What other programs took of the processor, as the kernel counts it."""

import os
import time
from pathlib import Path

import pytest

from runinference_metrics.running import others
from runinference_metrics.running.others import Moment, share_since

TICKS = os.sysconf("SC_CLK_TCK")


def stat(file: Path, user_secs: float, idle_secs: float, steal_secs: float = 0.0) -> None:
    columns = [user_secs, 0, 0, idle_secs, 0, 0, 0, steal_secs, 99, 99]
    ticks = " ".join(str(round(one * TICKS)) for one in columns)
    file.write_text(f"cpu  {ticks}\ncpu0 1 2 3 4\n")


def test_what_is_not_ours_and_not_idle_is_theirs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "stat"
    monkeypatch.setattr(others, "_STAT", file)
    stat(file, user_secs=100, idle_secs=100)
    before = Moment.now()
    assert before is not None
    # Ten seconds of two cores: of twenty, five are idle, three were stolen; four are ours.
    stat(file, user_secs=112, idle_secs=105, steal_secs=3)
    mine = Moment(before.busy_secs, before.total_secs, before.own_secs - 4)
    assert share_since(mine) == pytest.approx((12 + 3 - 4) / 20, abs=0.02)


def test_own_work_is_no_disturbance(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "stat"
    monkeypatch.setattr(others, "_STAT", file)
    stat(file, user_secs=0, idle_secs=0)
    before = Moment.now()
    ended = time.process_time() + 0.2
    while time.process_time() < ended:
        pass
    stat(file, user_secs=0.2, idle_secs=0.2)
    found = share_since(before)
    assert found is not None
    assert found < 0.1


def test_a_kernel_that_tells_nothing_is_no_fault(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(others, "_STAT", tmp_path / "none")
    assert Moment.now() is None
    assert share_since(None) is None
    assert share_since(Moment(0, 0, 0)) is None


def test_this_kernel_tells_it() -> None:
    before = Moment.now()
    if before is None:
        pytest.skip("no /proc/stat: not Linux")
    time.sleep(0.1)
    found = share_since(before)
    assert found is not None
    assert 0 <= found <= 1
