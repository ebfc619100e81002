import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from runinference_metrics.__main__ import main
from runinference_metrics.commands import recount as verify
from runinference_metrics.commands import shard_rows
from runinference_metrics.commands.recount import _twice
from runinference_metrics.commands.shard_rows import Shard

PREDICTIONS = "predictions-00000-of-00001.jsonl"
DEAD_LETTERS = "dead_letters-00000-of-00001.jsonl"


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory, distilbert: Path) -> Path:
    folder = tmp_path_factory.mktemp("verify")
    source = folder / "in"
    source.mkdir()
    (source / "a.txt").write_bytes(b"good\n" * 19 + b"b\xff\n" * 3 + b"\n" * 4)
    (source / "b.txt").write_bytes(b"good\n")
    (source / "empty.txt").write_bytes(b"")
    out = folder / "out"
    arguments = [f"--input={source}/", f"--output={out}", f"--model={distilbert}"]
    # Bytes that are no UTF-8 alone would be taken for another encoding.
    assert main(["run", *arguments, "--encoding=utf-8"]) == 0
    # A run promises no order; the tests name rows by their place.
    change(out / PREDICTIONS, lambda lines: sorted(lines, key=place))
    return out


@pytest.fixture
def folder(whole: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(whole, tmp_path / "out"))


def test_a_whole_folder(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["verify", str(folder)]) == 0
    assert capsys.readouterr().out == (
        "metrics.json: 3 files found = 3 read + 0 skipped + 0 failed\n"
        "metrics.json: 27 rows read = 20 predicted + 3 dead-lettered + 4 blank\n"
        "shards: 20 predictions in 1, 3 dead letters in 1, of 2 input files\n"
        "The shards are complete, agree with metrics.json, and hold no row twice.\n"
    )


def place(line: bytes) -> tuple[str, int]:
    row = json.loads(line)
    return row["source"], row["position"]


def change(path: Path, change: Callable[[list[bytes]], list[bytes]]) -> None:
    path.write_bytes(b"".join(change(path.read_bytes().splitlines(keepends=True))))


def rename(folder: Path, name: str) -> None:
    """Gives the one row of b.txt another source and position."""

    def of_b(line: bytes) -> bytes:
        row = json.loads(line)
        if row["source"].endswith("/b.txt"):
            row |= {"source": row["source"].replace("b.txt", name), "position": 99}
        return json.dumps(row).encode() + b"\n"

    change(folder / PREDICTIONS, lambda lines: [of_b(line) for line in lines])


def change_metrics(folder: Path, section: str, **values: object) -> None:
    document = json.loads((folder / "metrics.json").read_text())
    document[section] |= values
    (folder / "metrics.json").write_text(json.dumps(document))


CHANGES: dict[str, tuple[Callable[[Path], object], list[str]]] = {
    "a line is lost": (
        lambda out: change(out / PREDICTIONS, lambda lines: lines[1:]),
        ["predictions: metrics.json says 20, the shards have 19",
         "predictions of * metrics.json says 20, the shards have 19"],
    ),
    "a line is there twice": (
        lambda out: change(out / PREDICTIONS, lambda lines: [lines[4], *lines]),
        ["row 5 of '*/a.txt' is there 2 times",
         "predictions: metrics.json says 20, the shards have 21",
         "predictions of * metrics.json says 20, the shards have 21"],
    ),
    "one is lost and one is there twice": (
        lambda out: change(out / PREDICTIONS, lambda lines: [lines[4], *lines[1:]]),
        ["row 5 of '*/a.txt' is there 2 times"],
    ),
    "a row is predicted and dead": (
        lambda out: change(out / DEAD_LETTERS, lambda lines: [
            lines[0].replace(b'"position":20', b'"position":7'), *lines[1:]]),
        ["row 7 of '*/a.txt' is there 2 times"],
    ),
    "a shard is cut in a line": (
        lambda out: (out / PREDICTIONS).write_bytes((out / PREDICTIONS).read_bytes()[:-9]),
        [f"{PREDICTIONS}, line 20 cannot be used: unexpected end of data*",
         "predictions: metrics.json says 20, the shards have 19",
         "predictions of * metrics.json says 20, the shards have 19",
         "input files with results: metrics.json says 2, the shards have 1"],
    ),
    "lines are something else": (
        lambda out: change(out / PREDICTIONS, lambda lines: [
            *lines, b"[]\n", b"\n", b"\xff\n", b'{"label": 5}\n', b"null\n", b"5\n", b"6\n"]),
        [f"{PREDICTIONS}, line 21 cannot be used: it is no JSON object with label, source and "
         "position",
         f"{PREDICTIONS}, line 22 cannot be used:*", f"{PREDICTIONS}, line 23 cannot be used:*",
         f"{PREDICTIONS}, line 24 cannot be used:*", f"{PREDICTIONS}, line 25 cannot be used:*",
         f"{PREDICTIONS} has 2 more such lines"],
    ),
    "another reason": (
        lambda out: change(out / DEAD_LETTERS, lambda lines: [
            lines[0].replace(b"invalid_utf8", b"blank_text"), *lines[1:]]),
        ["dead letters for blank_text: metrics.json says 0, the shards have 1",
         "dead letters for invalid_utf8: metrics.json says 3, the shards have 2"],
    ),
    "no predictions": (
        lambda out: (out / PREDICTIONS).unlink(),
        ["there is no shard of predictions",
         "predictions: metrics.json says 20, the shards have 0",
         "predictions of * metrics.json says 20, the shards have 0",
         "input files with results: metrics.json says 2, the shards have 1"],
    ),
    "a shard is missing": (
        lambda out: (out / PREDICTIONS).rename(out / "predictions-00001-of-00003.jsonl"),
        ["missing: predictions-00000-of-00003.jsonl, predictions-00002-of-00003.jsonl"],
    ),
    "shards of another run": (
        lambda out: shutil.copy(out / DEAD_LETTERS, out / "dead_letters-00001-of-00002.jsonl"),
        ["there are shards of dead_letters of several runs: of 00001 and 00002",
         "missing: dead_letters-00000-of-00002.jsonl",
         "row 20 of '*/a.txt' is there 2 times", "row 21 of '*/a.txt' is there 2 times",
         "row 22 of '*/a.txt' is there 2 times",
         "dead letters: metrics.json says 3, the shards have 6",
         "dead letters for invalid_utf8: metrics.json says 3, the shards have 6"],
    ),
    "a name that is none": (
        lambda out: (out / "predictions-1-of-2.jsonl").write_bytes(b""),
        ["predictions-1-of-2.jsonl is not named as a shard"],
    ),
    "a killed run": (
        lambda out: (out / "beam-temp-predictions-0a").mkdir(),
        ["beam-temp-predictions-0a is there: another run is going on, or was killed"],
    ),
    "metrics that do not add up": (
        lambda out: change_metrics(out, "records", read=28),
        ["metrics.json does not add up: 28 rows read, 1 too few accounted for"],
    ),
    "metrics of other files": (
        lambda out: change_metrics(out, "files", found=4),
        ["metrics.json does not add up: 4 files found, 1 too few accounted for"],
    ),
    "a file is missing": (
        lambda out: rename(out, "a.txt"),
        ["input files with results: metrics.json says 2, the shards have 1"],
    ),
    "a file took another's place": (
        lambda out: rename(out, "c.txt"),
        ["input files with results: the shards name other files than metrics.json knows"],
    ),
    "metrics that say less": (
        lambda out: change_metrics(out, "records", predicted=19, read=26),
        ["predictions: metrics.json says 19, the shards have 20"],
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", CHANGES)
def test_every_difference_is_named(
    folder: Path, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    spoil, expected = CHANGES[name]
    spoil(folder)
    assert main(["verify", str(folder)]) == 1
    printed = capsys.readouterr()
    found = [line.removeprefix("difference: ") for line in printed.out.splitlines()[3:]]
    assert len(found) == len(expected), found
    for line, pattern in zip(found, expected, strict=True):
        start, _, end = pattern.partition("*")
        assert line.startswith(start)
        assert line.endswith(end)
    count = "1 difference" if len(found) == 1 else f"{len(found)} differences"
    assert printed.err == f"error: {folder} is not what its metrics.json says: {count}\n"


def test_what_an_older_document_does_not_know_is_no_difference(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    document = json.loads((folder / "metrics.json").read_text())
    for one in document["run"]["effective"]:
        del one["instruction_sets"], one["quantised"]
    (folder / "metrics.json").write_text(json.dumps(document | {"schema_version": 4}))
    assert main(["report", str(folder)]) == 0
    assert "the processor has" not in capsys.readouterr().out
    assert main(["compare", str(folder), str(folder)]) == 0
    del document["files"]
    (folder / "metrics.json").write_text(json.dumps(document | {"schema_version": 3}))
    assert main(["verify", str(folder)]) == 0
    assert "files found" not in capsys.readouterr().out
    assert main(["report", str(folder)]) == 0
    assert "Files" not in capsys.readouterr().out
    page = (folder / "report.html").read_text()
    assert '<h2>Files</h2>\n<p class="soft">Not known for this run.</p>' in page
    assert main(["compare", str(folder), str(folder)]) == 0
    assert "files read" not in capsys.readouterr().out


def test_a_folder_that_is_none(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["verify", str(tmp_path)]) == 2
    assert main(["verify"]) == 2
    assert main(["verify", str(tmp_path), "--fast"]) == 2
    assert capsys.readouterr().err.count("\n") == 3


def test_a_line_of_any_length_does_not_fill_the_memory(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shard_rows, "_MAX_LINE_BYTES", 100_000)
    with (folder / PREDICTIONS).open("ab") as stream:
        stream.write(b"x" * 200_000)
    assert main(["verify", str(folder)]) == 1
    assert f"{PREDICTIONS}, line 21 cannot be used" in capsys.readouterr().out


ROWS = st.lists(st.tuples(st.sampled_from(["a", "b"]), st.integers(1, 6)), max_size=12)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(ROWS, st.integers(1, 3))
def test_equal_hashes_of_different_rows_are_no_difference(
    tmp_path: Path, rows: list[tuple[str, int]], hashes: int
) -> None:
    path = tmp_path / PREDICTIONS
    path.write_text("".join(
        json.dumps({"label": "A", "source": source, "position": position}) + "\n"
        for source, position in rows
    ))  # fmt: skip
    with pytest.MonkeyPatch.context() as patch:
        # As many rows as there may be share a hash.
        patch.setattr(verify, "hash", lambda key: key[1] % hashes, raising=False)
        found = verify.Recount()
        shards = [Shard("predictions", str(path))]
        differences = _twice(shards, verify._count(shards, found), found)
    assert found.predictions == len(rows)
    repeated = sorted({row for row in rows if rows.count(row) > 1})
    named = [f"row {position} of {source!r} is there {rows.count((source, position))} times"
             for source, position in repeated]  # fmt: skip
    assert differences[: len(named[:5])] == named[:5]
    assert len(differences) == min(len(named), 6)
