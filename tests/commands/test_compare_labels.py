"""`compare` of labels, row by row, against a plain recomputation."""

import json
from pathlib import Path
from typing import Any

import pytest

from conftest import DEMO_MODEL, Program, Ran
from documents_for_tests import make_document
from runinference_metrics.__main__ import main
from runinference_metrics.commands import flips


def by_place(ran: Ran) -> dict[tuple[str, int], dict[str, Any]]:
    return {(one["source"], one["position"]): one for one in ran.lines("predictions")}


@pytest.mark.starts
@pytest.mark.timeout(240)
def test_flips_of_float32_and_int8_are_all_listed(
    program: Program, tmp_path: Path, sentences: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    rows = [{"text": f"{text} {at}", "right": at % 2} for at, text in enumerate(sentences * 4)]
    source = tmp_path / "in.jsonl"
    source.write_text("\n".join(map(json.dumps, rows[:872])))
    flags = (f"--input={source}", f"--model={DEMO_MODEL}", "--label_field=right")
    exact = program(*flags, "--precision=float32", output="exact")
    # Of eight bits alone hardly a label changes.
    coarse = program(*flags, "--precision=int8", "--max_length=6", output="coarse")
    assert (exact.code, coarse.code) == (0, 0), exact.err + coarse.err
    before, after = by_place(exact), by_place(coarse)
    expected = {key for key in before if before[key]["label"] != after[key]["label"]}
    listed, page = tmp_path / "flips.jsonl", tmp_path / "page.html"
    assert main([
        "compare", str(exact.folder), str(coarse.folder), f"--flips={listed}", f"--html={page}",
    ]) == 0  # fmt: skip
    out = " ".join(capsys.readouterr().out.split())
    found = [json.loads(line) for line in listed.read_bytes().splitlines()]
    assert {(one["source"], one["position"]) for one in found} == expected
    assert expected
    for one in found:
        key = one["source"], one["position"]
        for run, rows_of in (("first", before), ("other", after)):
            assert one[run] == {name: rows_of[key][name] for name in ("label", "score")}
        label = before[key]["label"]
        assert one["moved"] == abs(before[key]["score"] - after[key]["scores"][label])
        assert one["right_label"] == before[key]["right_label"]
    moves = [abs(before[key]["score"] - after[key]["scores"][before[key]["label"]])
             for key in before]  # fmt: skip
    right = {key: before[key]["right_label"] for key in before}
    became_right = sum(after[key]["label"] == right[key] for key in expected)
    became_wrong = sum(before[key]["label"] == right[key] for key in expected)
    assert f"rows of both {len(before):,}, by file and line (0 only in the first, 0 only in" in out
    assert f"with another label {len(expected)} ({len(expected) / len(before):.2%})" in out
    assert f"{became_right} became right, {became_wrong} became wrong" in out
    assert f"mean {sum(moves) / len(moves):.4f}" in out
    assert f"most {max(moves):.4f}" in out
    assert "accuracy" in out
    assert "population stability" not in out
    surest = min(expected, key=lambda key: (-min(before[key]["score"], after[key]["score"]), key))
    assert f"line {surest[1]:,}" in page.read_text()


def left_by(
    folder: Path, labels: list[str], ids: bool = False, source: str = "a.txt", turned: bool = False
) -> Path:
    """A folder with predictions of these labels."""
    folder.mkdir()
    document = make_document(batches=1, texts=len(labels))
    document["run"]["input"]["fingerprint"] = f"{folder.name}"
    (folder / "metrics.json").write_text(json.dumps(document))
    rows = [
        {"text": f"text {at}", "label": label, "score": 0.75, "scores": {label: 0.75, "no": 0.25},
         "source": source, "position": at + 1, **({"id": f"row {at}"} if ids else {})}
        for at, label in enumerate(labels)
    ]  # fmt: skip
    if turned:
        for at, row in enumerate(reversed(rows)):
            row["position"] = at + 1
    half = len(rows) // 2
    for number, some in enumerate((rows[:half], rows[half:])):
        path = folder / f"predictions-{number:05}-of-00002.jsonl"
        path.write_text("".join(json.dumps(row) + "\n" for row in some))
    return folder


def test_rows_that_moved_are_matched_by_their_ids(tmp_path: Path) -> None:
    first = left_by(tmp_path / "a", ["x", "y", "x", "y", "x"], ids=True)
    other = left_by(
        tmp_path / "b", ["x", "x", "x", "y", "z"], ids=True, source="b.txt", turned=True
    )
    found, rows = flips.changes(str(first), str(other))
    assert (found.by, found.matched, found.flipped) == ("id", 5, 2)
    assert [one["id"] for one in rows] == ["row 4", "row 1"]
    assert sorted(found.from_to) == [("x", "z", 1), ("y", "x", 1)]


def test_rows_of_one_run_alone_are_counted(tmp_path: Path) -> None:
    first = left_by(tmp_path / "a", ["x"] * 6)
    other = left_by(tmp_path / "b", ["x"] * 4)
    found, rows = flips.changes(str(first), str(other))
    assert (found.matched, found.only_first, found.only_other, found.flipped) == (4, 2, 0, 0)
    assert list(rows) == []
    none, _ = flips.changes(str(first), str(left_by(tmp_path / "c", ["x"] * 3, source="c")))
    assert (none.matched, none.only_first, none.only_other) == (0, 6, 3)


def test_other_texts_are_tested_for_drift(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    first = left_by(tmp_path / "a", ["x"] * 6)
    other = left_by(tmp_path / "b", ["y"] * 6, source="c")
    page = tmp_path / "page.html"
    assert main(["compare", str(first), str(other), f"--html={page}"]) == 0
    out = " ".join(capsys.readouterr().out.split())
    assert "rows of both 0, by file and line" in out
    assert "population stability index" in out
    assert "chi-squared" in page.read_text()


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (["--flips={tmp}/f"], "RUN takes output folders with their predictions; got"),
        (["--labels=yes"], "RUN takes output folders with their predictions; got"),
        (["--labels=perhaps"], "--labels"),
        (["--labels=no", "--flips={tmp}/f"], "--flips takes a file with two runs, whose labels"),
        (["{tmp}/b", "--flips={tmp}/f"], "--flips takes a file with two runs, whose labels"),
    ],
)
def test_labels_that_cannot_be_compared_are_refused(
    tmp_path: Path, more: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    left_by(tmp_path / "b", ["x"])
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "metrics.json").write_text(json.dumps(make_document(batches=1)))
    arguments = ["compare", f"{tmp_path}/a", f"{tmp_path}/b"]
    # Without being asked to, figures alone are compared.
    assert main(arguments) == 0
    capsys.readouterr()
    assert main([*arguments, *(one.replace("{tmp}", str(tmp_path)) for one in more)]) == 2
    assert message in capsys.readouterr().err


def test_a_line_that_is_no_prediction_is_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    first, other = left_by(tmp_path / "a", ["x"] * 4), left_by(tmp_path / "b", ["x"] * 4)
    shard = other / "predictions-00001-of-00002.jsonl"
    shard.write_text(shard.read_text() + '{"label": 1}\n')
    assert main(["compare", str(first), str(other)]) == 1
    assert f"{shard}, line 3 is no prediction" in capsys.readouterr().err
