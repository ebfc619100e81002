"""What `report --job_id` shows of a job's messages and workers, against the API's fake."""

import datetime
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from dataflow_for_tests import JOB, MARKUP, OWN, Api, dataflow_api, event, message, user
from documents_for_tests import schema_faults
from runinference_metrics.__main__ import main
from runinference_metrics.dataflow import failures, messages, scaling
from runinference_metrics.dataflow.reasons import advice_on
from runinference_metrics.report import dataflow_job
from runinference_metrics.report.page import render

TARGET, CURRENT = "TARGET_NUM_WORKERS_CHANGED", "CURRENT_NUM_WORKERS_CHANGED"
# From ten o'clock on; the job runs from half a second after it for ten minutes.
EVENTS = [
    event(TARGET, 60, target=1, why="(fcfef6769cff802b): Starting a pool of 1 workers."),
    event(CURRENT, 120, current=1, target=1, why="Worker pool started."),
    event(TARGET, 240, current=1, target=3, why="Raised the number of workers."),
    event(CURRENT, 360, current=3, target=3),
    event("NO_CHANGE", 400, current=3, target=3, why="CPU is used well."),
    event(CURRENT, 600),
]
STOCKOUT = (
    "Startup of the worker pool in zone us-central1-a failed to bring up any of the desired 1 "
    "workers. ZONE_RESOURCE_POOL_EXHAUSTED: Instance 'a-job-11010300-harness-{}' creation failed."
)


@pytest.fixture
def api() -> Iterator[Api]:
    with dataflow_api() as found:
        yield found


def report(api: Api, *flags: str) -> list[str]:
    return ["report", f"--job_id={JOB['id']}", "--project=p", "--region=r",
            f"--dataflow_endpoint={api.endpoint}", *flags]  # fmt: skip


def test_workers_over_time(api: Api) -> None:
    api.events, api.page_size = EVENTS, 2
    found = api.read()
    assert schema_faults(found) == []
    scaled = found["job"]["scaling"]
    assert [(one["time"][14:19], one["workers"], one["target"]) for one in scaled["events"]] == [
        ("01:00", 0, 1), ("02:00", 1, 1), ("04:00", 1, 3), ("06:00", 3, 3), ("10:00", 0, 3),
    ]  # fmt: skip
    assert scaled["events"][0]["why"] == "Starting a pool of 1 workers."
    # One for four minutes, three for four.
    assert (scaled["most_workers"], scaled["mean_workers"]) == (3, pytest.approx(2.0))
    assert scaled["left_out"] == 0
    assert sum("/messages" in one for one in api.asked) == 6


def test_workers_of_several_pools_add_up() -> None:
    events = [event(CURRENT, 0, 2), event(CURRENT, 5, 1, pool="GPU"), event(CURRENT, 20)]
    found = scaling.scaling(events, _at(30))
    assert found is not None
    assert [one["workers"] for one in found["events"]] == [2, 3, 1]
    assert found["mean_workers"] == pytest.approx((2 * 5 + 3 * 15 + 1 * 10) / 30)


@pytest.mark.parametrize("number", [0, 1, 240, 241, 5000])
def test_too_many_changes_are_thinned_out(number: int) -> None:
    events = [event(CURRENT, at, 1 + at % 2 + 90 * (at == 77)) for at in range(number)]
    found = scaling.scaling(events, _at(number))
    if not number:
        assert found is None
        return
    assert found is not None
    kept = found["events"]
    assert len(kept) == number or 100 < len(kept) <= 240 < number
    assert len(kept) + found["left_out"] == number
    assert found["most_workers"] == max(one["workers"] for one in kept)
    assert found["most_workers"] == (92 if number > 77 else 1)
    assert kept[-1]["time"] == scaling.scaling(events[-1:], _at(0))["events"][0]["time"]  # type: ignore[index]


def _at(secs: int) -> datetime.datetime:
    start = datetime.datetime(2026, 11, 1, 10, 0, 0, 250_000, tzinfo=datetime.UTC)
    return start + datetime.timedelta(seconds=secs)


def test_a_job_that_goes_on_is_drawn_until_now(api: Api) -> None:
    api.job |= {"currentState": "JOB_STATE_RUNNING"}
    api.events = EVENTS[:2]
    found = api.read()
    until = datetime.datetime.fromisoformat(found["job"]["scaling"]["until"])
    assert abs(datetime.datetime.now(datetime.UTC) - until).total_seconds() < 60
    assert "The job goes on" in render(found)


def test_failures_are_counted_shown_once_and_advised(
    api: Api, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    secret = "https://storage.googleapis.com/b/o?X-Goog-Signature=" + "5ecre7" * 200
    api.messages = [
        message("BASIC", "Worker configuration: n1-standard-2."),
        *(
            message("WARNING", STOCKOUT.format(name), at)
            for at, name in enumerate(("a1b2", "c3d4"))
        ),
        message("ERROR", f"(fcfef6769cff802b): {MARKUP} of {secret}", 5),
        message("ERROR", f"(0123456789abcdef): {MARKUP} of {secret}", 6),
        message(
            "ERROR", "Traceback (most recent call last):\n" + "  File x\n" * 500 + "OSError: !", 4
        ),
    ]
    api.events = [event("ACTUATION_FAILURE", 9, 1, 3, "QUOTA_EXCEEDED: Quota 'CPUS' exceeded.")]
    assert main(report(api, f"--output={tmp_path}/job")) == 0
    out = " ".join(capsys.readouterr().out.split())
    document = json.loads((tmp_path / "job" / "metrics.json").read_text())
    assert schema_faults(document) == []
    failed = document["job"]["failures"]
    assert (failed["errors"], failed["warnings"], failed["left_out"]) == (3, 3, 0)
    assert [(one["kind"], one["times"]) for one in failed["messages"]] == [
        ("error", 2), ("error", 1), ("warning", 1), ("warning", 2),
    ]  # fmt: skip
    first, traceback, quota, stockout = failed["messages"]
    assert first["text"] == f"{MARKUP} of {secret[: secret.index('=') + 1]}REDACTED"
    assert (first["first"][17:19], first["last"][17:19]) == ("05", "06")
    assert traceback["text"].startswith("Traceback (most")
    assert traceback["text"].endswith("OSError: !")
    assert len(traceback["text"]) <= 600
    assert "on the console's page of quotas" in quota["advice"]
    assert "The zone has no such machine just now" in stockout["advice"]
    page = (tmp_path / "job" / "report.html").read_text()
    assert "5ecre7" not in page + out + json.dumps(document)
    assert MARKUP not in page
    assert "&lt;script&gt;alert(1)&lt;/script&gt; of https://" in page
    assert "3 errors, 3 warnings" in out
    assert "error (2 times): <script>" in out
    assert "The zone has no such machine just now" in out


def test_a_failed_job_is_told_to_look_there(api: Api) -> None:
    api.messages = [message("ERROR", "Workflow failed.")]
    assert "The job failed, with 1 error" not in render(api.read())
    api.job |= {"currentState": "JOB_STATE_FAILED"}
    assert "The job failed, with 1 error in its messages." in render(api.read())


def test_of_thousands_of_messages_the_newest_are_kept(api: Api) -> None:
    api.messages = [message("WARNING", f"slow step {at}", at) for at in range(3000)]
    api.messages.insert(0, message("ERROR", "the cause"))
    found = api.read()["job"]
    assert [one["text"] for one in found["failures"]["messages"]] == [
        "the cause", *(f"slow step {at}" for at in range(2999, 2980, -1)),
    ]  # fmt: skip
    assert (found["failures"]["warnings"], found["failures"]["left_out"]) == (3000, 2981)
    assert found["messages_complete"]


def test_a_job_that_says_too_much_is_read_in_part(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(messages, "_MOST_PAGES", 3)
    api.messages, api.page_size = [message("ERROR", str(at), at) for at in range(10)], 2
    found = api.read()
    assert found["job"]["failures"]["errors"] == 6
    assert not found["job"]["messages_complete"]
    assert "The job said more than is read" in render(found)


@pytest.mark.parametrize("status", [403, 404, 503])
def test_messages_that_are_refused_end_nothing(
    api: Api, status: int, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("runinference_metrics.dataflow.api.PATIENCE_SECS", 2.0)
    api.messages_status = status
    assert main(report(api)) == 0
    out = " ".join(capsys.readouterr().out.split())
    assert "Workers over time and messages of failure: " in out
    assert "num_inferences" in out
    found = api.read()
    assert schema_faults(found) == []
    assert (found["job"]["scaling"], found["job"]["failures"]) == (None, None)
    assert found["runinference"]["num_inferences"] == 1000


def test_what_the_api_does_not_know_is_said(api: Api, capsys: pytest.CaptureFixture[str]) -> None:
    options = {"device": "GPU", "output": "gs://b/out"}
    api.job["environment"] = {"sdkPipelineOptions": {"options": options}}
    assert main(report(api)) == 0
    out = " ".join(capsys.readouterr().out.split())
    page = render(api.read())
    for shown in (out, page):
        assert "does not say: percentiles and histograms, throughput over time" in shown
        assert "stands in gs://b/out, once it is done" in shown
        assert "Of workers over time it says nothing for this job." in shown


def test_accuracy_of_the_counters(api: Api, capsys: pytest.CaptureFixture[str]) -> None:
    assert api.read()["job"]["right_labels"] is None
    api.metrics += [user("labelled_texts", 80, **OWN), user("right_texts", 60, **OWN)]
    found = api.read()
    assert schema_faults(found) == []
    assert found["job"]["right_labels"] == {"labelled": 80, "right": 60, "accuracy": 0.75}
    assert "accuracy (of the counters)" in render(found)
    assert main(report(api, "--thresholds=accuracy>=0.8")) == 3
    shown = capsys.readouterr()
    assert "75.0% of 80 texts" in shown.out
    assert "accuracy>=0.8" in shown.err
    assert main(report(api, "--thresholds=accuracy>=0.7; labelled>=80")) == 0
    assert main(report(api, "--thresholds=macro_f1>=0.7")) == 3
    assert "not known" in capsys.readouterr().err


def test_a_document_of_the_api_is_read_again(api: Api, tmp_path: Path) -> None:
    api.events, api.messages = EVENTS, [message("ERROR", "no")]
    assert main(report(api, f"--output={tmp_path}/job")) == 0
    before = (tmp_path / "job" / "report.html").read_text()
    assert main(["report", f"{tmp_path}/job"]) == 0
    assert (tmp_path / "job" / "report.html").read_text() == before
    # As it was written before there was such a section.
    path = tmp_path / "job" / "metrics.json"
    document = json.loads(path.read_text())
    del document["job"], document["resources"]["shuffle_gb"]
    path.write_text(json.dumps(document))
    assert main(["report", f"{tmp_path}/job", "--prices=prices/us-central1.yaml"]) == 0
    assert main(["compare", f"{tmp_path}/job", f"{tmp_path}/job"]) == 0


@pytest.mark.parametrize(
    ("said", "advice"),
    [
        ("Workflow failed. Causes: Project p has insufficient quota(s) to execute this workflow "
         "with 1 instances in region us-central1.", "--max_num_workers"),
        ("Startup of the worker pool in zone z failed to bring up any of the desired 1 workers. "
         "The project quota may have been exceeded or access control policies may be preventing "
         "the operation", "an organisation's policy"),
        (STOCKOUT, "another --region"),
        ("Error syncing pod x, skipping: failed to start: ErrImagePull", "pull the image"),
        ("OSError: [Errno 28] No space left on device", "--disk_size_gb"),
        ("Root cause: Timed out waiting for an update from the worker.", "memory"),
        ("w@p.iam.gserviceaccount.com does not have storage.objects.get access to the Google Cloud "
         "Storage object.", "docs/launching.md"),
        ("Workflow failed.", ""),
        ("errors.UserError: --input takes files that are there; got 'gs://b/x'", ""),
    ],
)  # fmt: skip
def test_what_to_do_about_a_message(said: str, advice: str) -> None:
    assert (advice in advice_on(said)) if advice else advice_on(said) == ""


def test_a_message_without_text_or_time_is_no_error(api: Api) -> None:
    empty: list[dict[str, Any]] = [{"messageImportance": "JOB_MESSAGE_ERROR"}, {}]
    found = failures.failures(empty, [{"eventType": "ACTUATION_FAILURE"}])
    assert (found["errors"], found["warnings"]) == (1, 1)
    api.messages, api.events = [message("ERROR", "")], [{"eventType": CURRENT}]
    page = render(api.read())
    assert "(no text)" in page
    assert dataflow_job.scaling(api.read()) is None
