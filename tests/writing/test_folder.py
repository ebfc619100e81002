"""The output folder: files appear whole or not at all, and what is left there is found."""

import json
from pathlib import Path

import pytest
from apache_beam.io.filesystems import FileSystems

from documents_for_tests import make_document
from runinference_metrics.errors import RunFailed, UserError
from runinference_metrics.writing import documents, folder


def test_a_file_is_replaced_whole(tmp_path: Path) -> None:
    path = tmp_path / "report.html"
    path.write_text("an older and longer page")
    folder.write_whole(str(path), b"new", "text/html")
    assert path.read_bytes() == b"new"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("step", ["create", "rename"])
def test_what_cannot_be_written_leaves_the_old_file_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    path = tmp_path / "report.html"
    path.write_text("old")
    monkeypatch.setattr(FileSystems, step, refuse)
    with pytest.raises(OSError, match="No space left"):
        folder.write_whole(str(path), b"new", "text/html")
    with pytest.raises(RunFailed, match=r"report.html cannot be written: .*No space left"):
        documents.write_page(str(path), "new")
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_results_and_what_is_unfinished_are_told_from_all_else(tmp_path: Path) -> None:
    results = {"predictions-00000-of-00002.jsonl", "dead_letters-00000-of-00001.jsonl",
               "metrics.json", "report.html"}  # fmt: skip
    unfinished = {"beam-temp-predictions-1a", ".metrics.json.12345678.part"}
    for name in results | unfinished | {"predictions.jsonl", "notes.txt", "my-metrics.json"}:
        (tmp_path / name).write_text("")
    place = str(tmp_path)
    assert {Path(one).name for one in folder.matching(place, folder.RESULT_PATTERNS)} == results
    assert {Path(one).name for one in folder.unfinished_in(place)} == unfinished


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    folder.make_folder(str(tmp_path / "a" / "b"))
    assert (tmp_path / "a" / "b").is_dir()
    (tmp_path / "file").write_text("")
    with pytest.raises(
        UserError, match=r"--output takes a folder that can be made; got '.*/file/b'"
    ):
        folder.make_folder(str(tmp_path / "file" / "b"))
    # A bucket has no folders.
    folder.make_folder("gs://bucket/folder")


def test_metrics_are_read_back_without_their_secrets(tmp_path: Path) -> None:
    document = make_document(batches=2)
    document["run"]["parameters"]["prices"] = "https://host/prices.yaml?token=secret"
    documents.write_metrics(str(tmp_path), document)
    assert "secret" not in (tmp_path / "metrics.json").read_text()
    document["run"]["parameters"]["prices"] = "https://host/prices.yaml?token=REDACTED"
    expected = json.loads(json.dumps(document))
    assert documents.read(str(tmp_path)) == documents.read(str(tmp_path / "metrics.json"))
    assert documents.read(str(tmp_path)) == expected
