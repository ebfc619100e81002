import json
import logging
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conftest import DEMO_MODEL
from documents_for_tests import PARAMETERS, make_document
from runinference_metrics.__main__ import main
from runinference_metrics.errors import FlagError, RunFailed, UserError
from runinference_metrics.redaction import RedactingFilter, redact, redact_values
from runinference_metrics.report import page
from runinference_metrics.report.table import print_table
from runinference_metrics.writing import documents
from runinference_metrics.writing.documents import write_metrics

SECRET = "s3cr3tV4lue"
SECRETS = [
    f"https://storage.googleapis.com/b/o.txt?X-Goog-Signature={SECRET}&X-Goog-Expires=60",
    f"https://b.s3.amazonaws.com/o?X-Amz-Credential={SECRET}%2F2026&x-amz-signature={SECRET}",
    f"https://h/o?Expires=1&GoogleAccessId={SECRET}&Signature={SECRET}",
    f"https://h/o?sv=2&sig={SECRET}&se=1",
    f"https://h/o?access_token={SECRET}",
    f"https://h/o?a=1&amp;token={SECRET}",
    f"https://h/o?key={SECRET}#part",
    f"https://h/o?client_secret={SECRET}",
    f"hdfs://user:{SECRET}@host:9000/folder",
    f"Authorization: Bearer {SECRET}",
    f"the token ya29.{SECRET} was refused",
]


@pytest.mark.parametrize("text", SECRETS)
@pytest.mark.parametrize("frame", ["{}", "got '{}': nothing", "{{'url': '{}'}}", "({}) \n next"])
def test_what_grants_access_is_taken_out(text: str, frame: str) -> None:
    found = redact(frame.format(text))
    assert SECRET not in found
    assert "REDACTED" in found
    # No more than that.
    before, after = frame.format("\0").split("\0")
    assert found.startswith(before)
    assert found.endswith(after)
    assert redact(found) == found


@pytest.mark.parametrize(
    "text",
    ["gs://bucket/a/*.jsonl", "tokenize_micro_secs", "key=5", "https://h/o?page=2&n=3", "a@b.c",
     "2026-11-24T09:00:00", "C:/signature=x", "max_batch_tokens=5", "gs://b/o?tokens=3", ""],
)  # fmt: skip
def test_everything_else_stays(text: str) -> None:
    assert redact(text) == text


PLAIN = st.text(st.characters(exclude_characters="=@."))


@given(st.recursive(st.none() | st.integers() | PLAIN, lambda inner: st.lists(inner)
                    | st.dictionaries(PLAIN, inner), max_leaves=9))  # fmt: skip
def test_any_value_of_json_passes_unchanged(value: object) -> None:
    assert redact_values(value) == value


@pytest.mark.parametrize("text", SECRETS)
def test_no_error_shows_it(text: str) -> None:
    for error in (UserError("input", "files", repr(text)), RunFailed(text), FlagError(text)):
        assert SECRET not in str(error)


def test_no_log_shows_it(caplog: pytest.LogCaptureFixture) -> None:
    caplog.handler.addFilter(RedactingFilter())
    try:
        logging.getLogger("a").error("Asked %s", SECRETS[0])
        try:
            raise ValueError(SECRETS[1])
        except ValueError:
            logging.getLogger("a").exception("Failed %d times", 2)
    finally:
        caplog.handler.filters.clear()
    assert SECRET not in caplog.text
    assert "Failed 2 times" in caplog.text
    assert "ValueError: https://b.s3.amazonaws.com/o?X-Amz-Credential=REDACTED" in caplog.text


def test_neither_metrics_nor_report_nor_table_show_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    document = make_document(batches=3, parameters=PARAMETERS | {"input": SECRETS, "prices": ""})
    document["run"]["job"] = SECRETS[0]
    assert SECRET in json.dumps(document)
    write_metrics(str(tmp_path), document)
    assert SECRET not in (tmp_path / "metrics.json").read_text()
    assert SECRET not in page.render(document)
    print_table(document, SECRETS[0])
    assert SECRET not in capsys.readouterr().out
    # Nor from a metrics.json that another program wrote.
    (tmp_path / "metrics.json").write_text(json.dumps(document))
    assert SECRET not in json.dumps(documents.read(str(tmp_path)))


def test_the_program_does_not_repeat_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for flag in ("input", "output", "model", "prices", "text_feild"):
        given = {"input": "samples/films.txt", "output": f"{tmp_path}/out", "model": DEMO_MODEL}
        given |= {flag: f"https://h/o?X-Goog-Signature={SECRET}"}
        assert main(["run", *(f"--{name}={value}" for name, value in given.items())]) == 2
        err = capsys.readouterr().err
        assert SECRET not in err
        assert err.count("\n") == 1
