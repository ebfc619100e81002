"""That no result becomes input, on a disk and in a bucket."""

import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from buckets_for_tests import emulated
from runinference_metrics.errors import UserError
from runinference_metrics.running import input as running_input
from runinference_metrics.running.input import check_input

NAMES = ["in/a.txt", "in/out/predictions-00000-of-00001.jsonl", "in/out/mine.txt", "b.txt"]


@pytest.fixture(scope="module")
def places(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """The same files twice."""
    folder = tmp_path_factory.mktemp("input")
    for name in NAMES:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text("good\n")
    with emulated("bucket", dict.fromkeys(NAMES, b"good\n")):
        yield {"disk": f"{folder}/", "bucket": "gs://bucket/"}


@pytest.mark.parametrize("kind", ["disk", "bucket"])
@pytest.mark.parametrize("slash", ["", "/"])
@pytest.mark.parametrize(
    ("given", "output", "expected"),
    [
        ("in", "in/out", ["in/a.txt"]),
        ("in/", "in/out", ["in/a.txt"]),
        ("", "in/out", ["b.txt", "in/a.txt"]),
        ("in/*", "in/out", ["in/a.txt"]),
        ("in/out/mine.txt", "in/out", ["in/out/mine.txt"]),
        ("in/out", "in/new", ["in/out/mine.txt", "in/out/predictions-00000-of-00001.jsonl"]),
        # Not there yet, and none of its names begins as the input's folder does.
        ("in", "in/ou", ["in/a.txt", "in/out/mine.txt", "in/out/predictions-00000-of-00001.jsonl"]),
        ("in/a.txt", "in", ["in/a.txt"]),
        ("in/*.txt", "in", ["in/a.txt"]),
    ],
)
def test_what_is_input_beside_an_output(
    places: dict[str, str], kind: str, slash: str, given: str, output: str, expected: list[str]
) -> None:
    base = places[kind]
    found = check_input([base + given], base + output + slash)
    assert sorted(file.path for file in found.files) == [base + name for name in expected]


@pytest.mark.parametrize("kind", ["disk", "bucket"])
@pytest.mark.parametrize(
    ("given", "output", "why"),
    [
        ("in/out", "in/out", "which matches '{base}in/out/predictions-00000-of-00001.jsonl'"),
        ("in/**", "in/out", "which matches '{base}in/out/predictions-00000-of-00001.jsonl'"),
        ("in/out/*.jsonl", "in/out", "which matches '{base}in/out/pre"),
        ("in/{a.txt,out/pre*}", "in/out", "which matches '{base}in/out/pre"),
        ("in", "in", "which would match '{base}in/predictions-00000-of-00001.jsonl'"),
        ("**", "new", "which would match '{base}new/predictions-00000-of-00001.jsonl'"),
        ("*/*", "new", "which would match '{base}new/predictions-00000-of-00001.jsonl'"),
    ],
)
def test_results_are_no_input(
    places: dict[str, str], kind: str, given: str, output: str, why: str
) -> None:
    base = places[kind]
    with pytest.raises(UserError) as refused:
        check_input([base + given], base + output)
    assert str(refused.value).startswith(
        "--input takes patterns that match no results in --output; got "
        f"{base + given!r}, {why.format(base=base)}"
    )


def test_results_that_a_link_leads_to_are_no_input(tmp_path: Path) -> None:
    out = tmp_path / "elsewhere"
    for folder in (out, tmp_path / "in"):
        folder.mkdir()
        (folder / "a.txt").write_text("good\n")
    (tmp_path / "in" / "link").symlink_to(out)
    check_input([f"{tmp_path}/in"], str(out))
    (out / "predictions-00000-of-00001.jsonl").write_text("{}\n")
    with pytest.raises(UserError, match=r"which matches '.*/in/link/predictions-00000"):
        check_input([f"{tmp_path}/in"], str(out))
    with pytest.raises(UserError, match=r"got '.*link/\*', which matches"):
        check_input([f"{tmp_path}/in/link/*.tx?", f"{tmp_path}/in/link/*"], f"{tmp_path}/in/link")


def test_a_folder_that_is_shut_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "in" / "shut").mkdir(parents=True)
    scan = os.scandir

    def refusing(path: str) -> object:
        if path.endswith("shut/"):
            # Not by chmod: root, as whom the tests may run, may list every folder.
            raise PermissionError(13, "Permission denied", path)
        return scan(path)

    monkeypatch.setattr(os, "scandir", refusing)
    with pytest.raises(UserError) as refused:
        check_input([f"{tmp_path}/in"], "/elsewhere")
    assert str(refused.value) == (
        f"--input takes patterns that can be listed; got '{tmp_path}/in': '{tmp_path}/in/shut/': "
        "Permission denied"
    )


def test_a_bucket_that_does_not_answer_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "a.txt").write_text("good\n")
    monkeypatch.setattr(running_input, "PATIENCE_SECS", 0.05)
    listing = running_input.listed

    def slow(*given: object) -> object:
        time.sleep(0.5)
        return listing(*given)

    check_input([str(tmp_path)], "/elsewhere")
    assert capsys.readouterr().err == ""
    monkeypatch.setattr(running_input, "listed", slow)
    check_input([str(tmp_path)], "/elsewhere")
    assert capsys.readouterr().err == (
        "Input: still being listed. A bucket that does not answer is asked again for two minutes: "
        "is there a network?\n"
    )
