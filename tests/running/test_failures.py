import pytest

from runinference_metrics.errors import RunFailed, UserError
from runinference_metrics.running.failures import raise_plainly

STEP = "[while running 'Predictions/Write/WriteImpl/WriteBundles']"
URL = "https://storage.googleapis.com/b/o?X-Goog-Signature=0123abc"


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (RuntimeError(f"Traceback:\n  x\nRuntimeError: OSError: [Errno 28] No space left {STEP}\n"),
         "The run failed while writing predictions: [Errno 28] No space left (OSError)"),
        (OSError(28, "No space left"), "The run failed: [Errno 28] No space left (OSError)"),
        (RuntimeError("x\nFileNotFoundError: [Errno 2] gone: 'a' [while running 'Read/Rows']"),
         "The run failed while reading the input: [Errno 2] gone: 'a' (FileNotFoundError)"),
        (RuntimeError(f"google.api_core.exceptions.Forbidden: 403 GET {URL}: no {STEP}"),
         "The run failed while writing predictions: 403 GET https://storage.googleapis.com/b/o"
         "?X-Goog-Signature=REDACTED no (Forbidden)"),
        (RuntimeError("google.cloud.storage.exceptions.InvalidResponse: (503, 'Expected one of')"),
         "The run failed: the bucket answered 503 Service Unavailable (InvalidResponse)"),
        (RuntimeError("Exception: Encountered exceptions in finalize_write: [OSError(13, 'no')]"),
         "The run failed: Encountered exceptions in finalize_write: [OSError(13, 'no')] "),
        (RuntimeError("runinference_metrics.errors.RunFailed: The run lost count: 10 rows read. "
                      "[while running 'Summary/Write/ParDo']"),
         "The run lost count: 10 rows read."),
    ],
)  # fmt: skip
def test_what_is_known_is_one_line(
    error: Exception, message: str, caplog: pytest.LogCaptureFixture
) -> None:
    with pytest.raises(RunFailed) as raised:
        raise_plainly(error)
    assert str(raised.value).startswith(message)
    assert "\n" not in str(raised.value)
    assert caplog.text == ""


def test_the_users_input_was_wrong() -> None:
    text = "runinference_metrics.errors.UserError: --model takes a; got b [while running 'C']"
    with pytest.raises(UserError, match=r"^--model takes a; got b$"):
        raise_plainly(RuntimeError(f"Traceback:\n{text}"))


def test_what_is_not_known_is_logged_with_all_that_was_said(
    caplog: pytest.LogCaptureFixture,
) -> None:
    # What it arose from is not what happened.
    text = "OSError: [Errno 2] gone\n\nTraceback:\nTypeError: no [while running 'Classify']"
    with pytest.raises(RunFailed, match=r"^The run failed: TypeError: no"):
        raise_plainly(RuntimeError(text), "a worker's last words")
    assert "a worker's last words" in caplog.text
    assert "OSError: [Errno 2] gone" in caplog.text


def test_a_job_elsewhere_has_its_cause_in_a_sentence(caplog: pytest.LogCaptureFixture) -> None:
    tried = f"failed to start environment {'of a long name ' * 40}"
    stack = "\n\ngoroutine 7\n\tx.go:3"
    go = f"Pipeline job-1 failed in state FAILED: {tried}err: no such image: a:1{stack}"
    with pytest.raises(RunFailed) as raised:
        raise_plainly(RuntimeError(go), job="Job 1 on PortableRunner.")
    said = str(raised.value)
    assert said.startswith("The run failed: failed to start environment of a long name ")
    assert said.endswith("err: no such image: a:1. Job 1 on PortableRunner.")
    assert len(said) < 500
    assert caplog.text == ""


@pytest.mark.parametrize(
    "said",
    [
        "bundle inst011 stage-011 failed:SDK worker disconnected: worker[a], 1 active instructions",
        "panic in stage.Execute: send on closed channel, stage: &{ID:stage-014}\ngoroutine 7",
    ],
)
def test_a_worker_of_prism_that_died(said: str) -> None:
    with pytest.raises(RunFailed, match=r"^The run failed: a worker died in the middle"):
        raise_plainly(RuntimeError(said), job="Job 1.")
