"""Right labels through the whole program: one process, several, and a job of Prism."""

import json
from pathlib import Path
from typing import Any

import pytest

from conftest import DEMO_MODEL, Program, Ran
from engines_for_tests import Prism, prism  # noqa: F401
from runinference_metrics.__main__ import main
from runinference_metrics.writing import documents
from scikit_learn_for_tests import assert_as_by_scikit_learn, by_scikit_learn

pytestmark = [pytest.mark.starts, pytest.mark.timeout(240)]

NAMES = ("NEGATIVE", "POSITIVE")


@pytest.fixture
def source(tmp_path: Path, sentences: list[str]) -> Path:
    """Rows of several files, of which some have no label, and some one of their own."""
    folder = tmp_path / "in"
    folder.mkdir()
    rows = [
        {"text": f"{sentences[at % len(sentences)]} {at}", "stars": "unsure" if at % 50 == 7
         else None if at % 40 == 3 else at % 3 % 2 if at % 2 else NAMES[at % 3 % 2].title()}
        for at in range(600)
    ]  # fmt: skip
    for number in range(3):
        lines = [json.dumps(row) for row in rows[number::3]]
        (folder / f"{number}.jsonl").write_text("\n".join(lines))
    return folder


def expected(ran: Ran) -> dict[str, Any]:
    """The figures by plain arithmetic, of the predictions and the rows that they are of."""
    meant = {"0": "NEGATIVE", "1": "POSITIVE", "Negative": "NEGATIVE", "Positive": "POSITIVE"}
    pairs, unlabelled, unknown = [], 0, 0
    for one in ran.lines("predictions"):
        line = Path(one["source"]).read_text().splitlines()[one["position"] - 1]
        value = json.loads(line)["stars"]
        right = meant.get(str(value))
        assert one["right_label"] == (value if right is None else right)
        if right:
            pairs.append((right, one["label"]))
        unlabelled += value is None
        unknown += value == "unsure"
    labels = {}
    for name in NAMES:
        hits = sum(one == (name, name) for one in pairs)
        given = sum(label == name for _, label in pairs)
        right = sum(one == name for one, _ in pairs)
        labels[name] = (right, given, hits, 2 * hits / (right + given))
    return {"counts": (len(pairs), unlabelled, unknown), "labels": labels, "pairs": pairs}


def assert_right(ran: Ran) -> None:
    assert ran.code == 0, ran.err
    found, of_rows = ran.metrics["quality"], expected(ran)
    assert (found["labelled"], found["unlabelled"], found["unknown"]) == of_rows["counts"]
    assert of_rows["counts"][1] > 0
    assert of_rows["counts"][2] > 0
    right, given = (list(column) for column in zip(*of_rows["pairs"], strict=True))
    assert_as_by_scikit_learn(found, by_scikit_learn([{"right": right, "given": given}])[0])
    for one in found["labels"]:
        rows, texts, hits, f1 = of_rows["labels"][one["label"]]
        assert (one["right"], one["given"], one["hits"]) == (rows, texts, hits)
        assert one["f1"] == pytest.approx(f1)


def flags(source: Path) -> tuple[str, ...]:
    return (f"--input={source}/", f"--model={DEMO_MODEL}", "--label_field=stars",
            "--precision=float32", "--max_batch_size=64")  # fmt: skip


def test_quality_on_one_process_and_several(
    program: Program, source: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    one = program(*flags(source), output="one")
    assert_right(one)
    assert "accuracy" in one.out
    assert "F1 of POSITIVE" in one.out
    assert "with an unknown label" in one.out
    assert "rows looked at have none of the model's labels in 'stars'" in one.err
    assert "How right the labels are" in (one.folder / "report.html").read_text()
    several = program(
        *flags(source), "--direct_running_mode=multi_processing", "--direct_num_workers=2",
        output="several",
    )  # fmt: skip
    assert_right(several)
    # Other neighbours in a batch change the last digits of a score.
    exact = ("confusion", "labels", "accuracy", "unknown_labels")
    ours, theirs = (
        {name: ran.metrics["quality"][name] for name in exact} for ran in (several, one)
    )
    assert ours == theirs
    errors = [ran.metrics["quality"]["calibration"]["expected_error"] for ran in (several, one)]
    assert errors[0] == pytest.approx(errors[1], abs=1e-6)
    for name in ("certainty", "quality"):
        which = "least" if name == "certainty" else "wrong"
        places = [
            {(each["source"], each["position"]) for each in ran.metrics[name][which]}
            for ran in (several, one)
        ]
        assert places[0] == places[1]
        assert len(places[0]) == 20
    assert main(["verify", str(one.folder)]) == 0, capsys.readouterr()


def test_quality_of_a_job(program: Program, source: Path, prism: Prism) -> None:  # noqa: F811
    assert_right(program(*flags(source), *prism.flags, "--environment_type=LOOPBACK"))


def test_verify_counts_right_labels_again(
    program: Program, source: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    ran = program(*flags(source))
    assert ran.code == 0, ran.err
    shard = next(ran.folder.glob("predictions-*"))
    lines = shard.read_bytes().splitlines()
    at = next(n for n, line in enumerate(lines) if json.loads(line)["right_label"] == "POSITIVE")
    lines[at] = lines[at].replace(b'"right_label":"POSITIVE"', b'"right_label":"NEGATIVE"')
    shard.write_bytes(b"\n".join(lines) + b"\n")
    assert main(["verify", str(ran.folder)]) == 1
    said = capsys.readouterr()
    assert "rows whose right label is NEGATIVE: metrics.json says" in said.out + said.err


@pytest.mark.parametrize(
    ("rows", "more", "message"),
    [
        ([{"text": "good", "stars": "happy"}, {"text": "bad", "stars": "sad"}], (),
         "--label_field takes a field with the model's labels ('NEGATIVE', 'POSITIVE'), or their "
         "numbers; got 'stars', which has 'happy', 'sad'; --label_names gives the model's labels "
         "other names"),
        ([{"text": "good"}], (), "--label_field takes the name of a field that rows have; got "
         "'stars', which no row has of those looked at in"),
        ([{"text": "good"}], ("--text_field=stars",),
         "--label_field takes another field than those with the texts, or nothing; got 'stars'"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("command", ["run", "check"])
def test_what_is_no_field_with_labels_is_refused(
    program: Program, tmp_path: Path, rows: list[dict[str, str]], more: tuple[str, ...],
    message: str, command: str,
) -> None:  # fmt: skip
    path = tmp_path / "in.jsonl"
    path.write_text("\n".join(map(json.dumps, rows)))
    ran = program(
        f"--input={path}", f"--model={DEMO_MODEL}", "--label_field=stars", *more,
        command=("-m", "runinference_metrics", command),
    )  # fmt: skip
    assert ran.code == 2
    assert message in ran.err
    assert not (tmp_path / "out").exists()


def test_ids_and_labels_of_any_kind_are_written(
    program: Program, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = [
        {"text": "a good film", "id": 10**30, "right": 10**30},
        {"text": "a bad film", "id": {"a": [1]}, "right": [1, 2]},
        {"text": "a dull film", "id": 2.5, "right": False},
        {"text": "a fine film", "id": "é", "right": "POSITIVE "},
    ]
    path = tmp_path / "in.jsonl"
    path.write_text("\n".join(map(json.dumps, rows)))
    flags = (f"--input={path}", f"--model={DEMO_MODEL}", "--label_field=right", "--id_field=id")
    runs = [program(*flags, output=name) for name in ("one", "two")]
    for ran in runs:
        assert ran.code == 0, ran.err
        found = {one["position"]: one for one in ran.metrics["certainty"]["least"]}
        assert [found[at]["id"] for at in range(1, 5)] == [row["id"] for row in rows]
        assert (ran.metrics["quality"]["labelled"], ran.metrics["quality"]["unknown"]) == (2, 2)
        assert main(["report", str(ran.folder)]) == 0
    listed = tmp_path / "flips.jsonl"
    folders = [str(ran.folder) for ran in runs]
    assert main(["compare", *folders, f"--flips={listed}"]) == 0
    assert "by file and line" in " ".join(capsys.readouterr().out.split())
    assert listed.read_text() == ""


def test_label_names_can_be_those_of_the_rows(program: Program, tmp_path: Path) -> None:
    path = tmp_path / "in.csv"
    path.write_text("text,stars\na good film,happy\na bad film,sad\n")
    ran = program(
        f"--input={path}", f"--model={DEMO_MODEL}", "--label_field=stars",
        "--label_names=0=sad,1=happy",
    )  # fmt: skip
    assert ran.code == 0, ran.err
    assert ran.metrics["quality"]["labelled"] == 2
    assert documents.read(str(ran.folder))["quality"]["unknown"] == 0
