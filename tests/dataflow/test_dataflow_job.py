"""`report --job_id`, against a local fake that speaks the Dataflow API's HTTP protocol."""

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from google.auth import exceptions as auth_exceptions

from dataflow_for_tests import JOB, MARKUP, METRICS, OWN, Api, dataflow_api, spread, user
from documents_for_tests import PRICES, schema_faults
from runinference_metrics.__main__ import main
from runinference_metrics.report.page import render


@pytest.fixture
def api() -> Iterator[Api]:
    with dataflow_api() as found:
        yield found


def test_a_whole_job(api: Api) -> None:
    found = api.read(PRICES)
    assert schema_faults(found) == []
    beam = found["runinference"]
    assert beam["num_inferences"] == 1000
    assert beam["inference_request_batch_size"] == {
        "count": 6, "sum": 1000, "min": 100, "max": 250, "mean": 1000 / 6,
    }  # fmt: skip
    assert found["records"] == {
        "read": 1010, "blank": 2, "predicted": 1000, "dead_lettered": 8, "truncated": 0,
        "dead_letters_by_reason": {"malformed_json": 7, MARKUP: 1},
    }  # fmt: skip
    assert found["tokens"]["padding_share"] == 0.2
    assert found["derived"]["total_inference_secs"] == 3.0
    assert found["derived"]["texts_per_wall_sec"] == pytest.approx(1000 / 600)
    used = found["resources"]
    assert (used["vcpu_hours"], used["memory_gb_hours"]) == (2.0, 30.0)
    assert (used["disk_gb_hours"], used["gpu_hours"]) == (50.0, 0.5)
    # 2 vCPU hours at 0.5, 30 GB hours at 0.01, half a GPU hour at 2.
    assert found["cost"]["total"] == pytest.approx(1.0 + 0.3 + 1.0)
    assert found["cost"]["per_million_texts"] == pytest.approx(2300)
    assert used["shuffle_gb"] == 0.75
    run = found["run"]
    assert (run["job"], run["state"], run["beam_version"]) == (
        "reviews", "JOB_STATE_DONE", "2.77.0",
    )  # fmt: skip
    assert (run["wall_secs"], run["parameters"]) == (600.0, {"device": "GPU"})


def test_what_is_shuffled_costs_and_what_has_no_price_is_named(api: Api) -> None:
    without = api.read(PRICES)
    page = " ".join(render(without).split())
    assert "without standard disk, shuffle: no price is given." in page
    priced = api.read(replace(PRICES, shuffle_gb=4.0, disk_gb_hour=0.1))
    more = priced["cost"]["total"] - without["cost"]["total"]
    assert more == pytest.approx(0.75 * 4 + 50 * 0.1)
    assert "no price is given" not in render(priced)
    api.metrics = [one for one in METRICS if "Shuffle" not in one["name"]["name"]]
    assert api.read(PRICES)["resources"]["shuffle_gb"] is None


def test_tentative_or_committed_alone_is_enough_and_committed_wins(api: Api) -> None:
    api.metrics = [
        user("num_inferences", 5, tentative=True),
        user("inference_request_batch_size", spread(1, 7, 7, 7)),
        user("failed_batches_counter", 9, tentative=True),
        user("failed_batches_counter", 3),
        user("records_read", 4, **OWN),
        user("records_read", 99, tentative=True, **OWN),
    ]
    found = api.read()
    assert found["runinference"]["num_inferences"] == 5
    assert found["runinference"]["inference_request_batch_size"]["sum"] == 7
    assert found["runinference"]["failed_batches_counter"] == 3
    assert found["records"]["read"] == 4


def test_long_numbers_come_as_strings_and_unreadable_ones_are_named(
    api: Api, caplog: pytest.LogCaptureFixture
) -> None:
    api.metrics = [
        user("num_inferences", "12345678901"),
        user("model_byte_size", {"count": "1", "sum": "9", "min": "9", "max": "9", "mean": 9}),
        user("tokens", "many", **OWN),
    ]
    found = api.read()
    assert found["runinference"]["num_inferences"] == 12345678901
    assert found["runinference"]["model_byte_size"]["sum"] == 9
    assert "tokens" in caplog.text


def test_a_running_job_and_one_without_metrics(api: Api) -> None:
    api.job |= {"currentState": "JOB_STATE_RUNNING", "name": MARKUP}
    api.metrics = []
    found = api.read()
    assert schema_faults(found) == []
    assert (found["run"]["end"], found["run"]["wall_secs"]) == (None, None)
    assert found["runinference"]["num_inferences"] == 0
    page = render(found)
    assert MARKUP not in page
    assert "JOB_STATE_RUNNING" in page


def test_the_command(api: Api, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "job"
    arguments = ["report", f"--job_id={JOB['id']}", "--project=p", "--region=r",
                 f"--dataflow_endpoint={api.endpoint}", f"--output={out}"]  # fmt: skip
    assert main(arguments) == 0
    assert "1,000" in capsys.readouterr().out
    assert schema_faults(json.loads((out / "metrics.json").read_text())) == []
    page = (out / "report.html").read_text()
    assert "reviews" in page
    assert "malformed_json" in page
    assert MARKUP not in page
    assert main([*arguments[:1], "--job_id=none", *arguments[2:]]) == 2
    assert capsys.readouterr().err == (
        "error: --job_id takes the id of a job in this project and region; got 'none'\n"
    )


def test_a_hiccup_is_asked_again(api: Api) -> None:
    api.fails_with = [503, 429]
    assert api.read()["runinference"]["num_inferences"] == 1000


@pytest.mark.parametrize(("status", "message"), [(403, "refused"), (500, "gave no answer")])
def test_a_refusal_is_one_line(
    api: Api, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch,
    status: int, message: str,
) -> None:  # fmt: skip
    monkeypatch.setattr("runinference_metrics.dataflow.api.PATIENCE_SECS", 2.0)
    api.always = status
    assert main(["report", "--job_id=x", "--project=p", "--region=r",
                 f"--dataflow_endpoint={api.endpoint}"]) == 1  # fmt: skip
    err = capsys.readouterr().err
    assert message in err
    assert f"says {status}" in err
    assert err.count("\n") == 1


def test_nobody_there_is_one_line(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("runinference_metrics.dataflow.api.PATIENCE_SECS", 2.0)
    arguments = ["report", "--job_id=x", "--project=p", "--region=r"]
    assert main([*arguments, "--dataflow_endpoint=http://127.0.0.1:9"]) == 1
    err = capsys.readouterr().err
    assert "The Dataflow API cannot be reached" in err
    assert err.count("\n") == 1


def test_missing_credentials_say_what_to_do(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def none(*_: Any, **__: Any) -> Any:
        raise auth_exceptions.DefaultCredentialsError("none")

    monkeypatch.setattr("google.auth.default", none)
    assert main(["report", "--job_id=x", "--project=p", "--region=r"]) == 1
    assert "gcloud auth application-default login" in capsys.readouterr().err
