import subprocess
import sys
import time
from pathlib import Path

import pytest

from conftest import ROOT, Program
from runinference_metrics.inference.process import process_age_milli_secs
from runinference_metrics.records.startup import Startup


@pytest.mark.starts
def test_a_process_knows_its_age() -> None:
    script = (
        "import time; time.sleep(0.3)\n"
        "from runinference_metrics.inference.process import process_age_milli_secs as age\n"
        "print(age())"
    )
    started = time.monotonic()
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, cwd=ROOT)
    whole = (time.monotonic() - started) * 1000
    # The kernel counts a process's start in hundredths of a second.
    assert 290 <= int(done.stdout) <= whole + 10


def test_without_proc_the_age_counts_from_the_import(monkeypatch: pytest.MonkeyPatch) -> None:
    def unreadable(_: Path) -> str:
        raise FileNotFoundError

    monkeypatch.setattr(Path, "read_text", unreadable)
    assert 0 <= process_age_milli_secs() < 3_600_000


def test_the_parts_of_a_start_add_up() -> None:
    assert Startup(100, 20, 3).by_name() == {
        "before_load_milli_secs": 100, "first_pass_milli_secs": 3, "to_first_pass_milli_secs": 123,
    }  # fmt: skip


def test_every_process_reports_its_start_once(program: Program) -> None:
    ran = program(
        "--input=samples/", "--direct_num_workers=2", "--direct_running_mode=multi_processing",
        "--min_batch_size=1", "--max_batch_size=2",
    )  # fmt: skip
    assert ran.code == 0, ran.err
    document = ran.metrics
    startup = document["startup"]
    load = document["runinference"]["load_model_latency_milli_secs"]
    counts = {values["count"] for values in startup.values()}
    assert counts == {load["count"]} == {len(document["workers"])}
    parts = startup["before_load_milli_secs"]["sum"] + startup["first_pass_milli_secs"]["sum"]
    assert startup["to_first_pass_milli_secs"]["sum"] == parts + load["sum"]
    # Importing torch, transformers and Beam takes its time.
    assert startup["before_load_milli_secs"]["min"] > 200
    assert document["gpu"] is None
