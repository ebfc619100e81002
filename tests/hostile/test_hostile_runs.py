"""The whole program on hostile files with hostile names."""

import hashlib
import json
import os
from html.parser import HTMLParser
from pathlib import Path
from types import SimpleNamespace

import pytest
from files_for_tests import BLANK, COMPRESS, FILES, Dead

from conftest import Program, make_model
from runinference_metrics.__main__ import main
from runinference_metrics.errors import UserError
from runinference_metrics.models import remote as remote_model
from runinference_metrics.models.folder import ModelFolder
from runinference_metrics.models.heads import Head
from runinference_metrics.models.remote import RemoteModel
from runinference_metrics.reading import reading_rows
from runinference_metrics.reading import rows as reading
from runinference_metrics.records.events import PartRead
from runinference_metrics.running.input import check_input

MARKUP = "<img src=x onerror=alert(1)>"
NAMES = [
    "a, b.txt", " leading space.txt", "100% %s %2e%2e%2fevil.txt", f"{MARKUP}.txt", "-rf.txt",
    "$(id) `id`;ls.txt", "a..txt", "new\nline.txt", "quo'te\".txt", "\u202eright.txt", "a[1]*?.txt",
    "UPPER.TXT", "e\u0301.txt", "x" * 240 + ".txt",
]  # fmt: skip
# What a run may leave, whatever its input is called.
RESULTS = [
    "dead_letters-00000-of-00001.jsonl", "metrics.json", "predictions-00000-of-00001.jsonl",
    "report.html",
]  # fmt: skip


class Page(HTMLParser):
    """The tags and attributes of a page, and its text."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.attributes: set[str] = set()
        self.text = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes |= {name for name, _ in attrs}

    def handle_data(self, data: str) -> None:
        self.text += data


def test_all_hostile_files_in_one_run(program: Program, tmp_path: Path) -> None:
    folder = tmp_path / f"in, {MARKUP}"
    folder.mkdir()
    blank = 0
    for name, (content, _) in FILES.items():
        (folder / name).write_bytes(content)
    (folder / "bomb.txt.gz").write_bytes(COMPRESS[".gz"](b"x" * 100_000_000 + b"\ngood\n"))
    (folder / "blank.txt").write_bytes(b"\n" * 1_000_000)
    for name in NAMES:
        (folder / name).write_text("good film\n")
    # A folder is no file, whatever its name.
    (folder / "folder.txt").mkdir()
    (folder / "folder.txt" / "inside.txt").write_text("not asked for\n")
    model = make_model(tmp_path / "<u>model", "distilbert", labels=(MARKUP, "=1+1", "</style>"))
    ran = program(
        f"--input={folder.parent}/in? {MARKUP}/*",
        f"--model={model}",
        "--max_failure_rate=1",
        "--max_failed_files=999",
    )
    assert ran.code == 0, ran.err
    # Nothing of the data on the terminal.
    assert "good film" not in ran.out + ran.err
    said = [line for line in ran.err.splitlines() if " texts classified" not in line]
    assert said != []
    assert [line for line in said if not line.startswith("Input: ")] == []

    predictions = {(one["source"], one["position"]): one["text"]
                   for one in ran.lines("predictions")}  # fmt: skip
    letters = {(one["source"], one["position"]): Dead(one["reason"])
               for one in ran.lines("dead_letters")}  # fmt: skip
    assert len(predictions) == len(ran.lines("predictions"))
    assert len(letters) == len(ran.lines("dead_letters"))
    for name, (_, outcomes) in FILES.items():
        path = str(folder / name)
        # In the order of the file; how many lines a row takes is the readers' tests' matter.
        found = sorted((key, one) for key, one in {**predictions, **letters}.items()
                       if key[0] == path)  # fmt: skip
        assert [one for _, one in found] == [one for one in outcomes if one is not BLANK], name
        blank += outcomes.count(BLANK)
    for name in NAMES:
        assert predictions[str(folder / name), 1] == "good film"
    assert letters[str(folder / "bomb.txt.gz"), 1] == Dead("row_too_long")
    assert predictions[str(folder / "bomb.txt.gz"), 2] == "good"
    records = ran.metrics["records"]
    assert records["blank"] == blank + 1_000_000
    assert records["read"] == len(predictions) + len(letters) + records["blank"]
    files = ran.metrics["files"]
    assert ran.metrics["run"]["input"]["files"] == files["found"] == len(FILES) + len(NAMES) + 2
    assert files["found"] == files["read"] + files["failed"]
    assert files["failed"] > 0
    assert files["with_results"] == len({source for source, _ in {**predictions, **letters}})

    # The output folder holds the results, and nothing came to be beside it.
    assert sorted(path.name for path in ran.folder.iterdir()) == RESULTS
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(
        [folder.name, "<u>model", "out"]
    )
    page = Page((ran.folder / "report.html").read_text())
    assert not {"script", "img", "iframe", "object", "a", "u"} & page.tags
    assert not {one for one in page.attributes if one.startswith("on")}
    assert MARKUP in page.text
    assert main(["verify", str(ran.folder)]) == 0


def test_formulas_stay_text(tmp_path: Path, distilbert: Path) -> None:
    formulas = ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1+1", '=HYPERLINK("http://x","y")']
    source = tmp_path / "a.csv"
    quoted = ['"' + one.replace('"', '""') + '"' for one in formulas]
    source.write_text("text,=n\n" + "".join(f"{one},=2\n" for one in quoted))
    out = tmp_path / "out"
    assert main(["run", f"--input={source}", f"--output={out}", f"--model={distilbert}",
                 "--keep_fields=*"]) == 0  # fmt: skip
    lines = (out / "predictions-00000-of-00001.jsonl").read_bytes().splitlines()
    assert [json.loads(line)["text"] for line in lines] == formulas
    assert all(json.loads(line)["fields"] == {"=n": "=2"} for line in lines)


def run(tmp_path: Path, model: Path, given: str, *more: str) -> int:
    return main(["run", f"--input={given}", f"--output={tmp_path}/out", f"--model={model}", *more])


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("a?b.txt", ["a,b.txt"]),
        ("a[1].txt", ["a[1].txt"]),
        ("a1.txt", ["a1.txt"]),
        ("d[1]", ["c.txt"]),
        ("d[1]/", ["c.txt"]),
        ("*.txt", ["a,b.txt", "a1.txt", "a[1].txt"]),
        ("folder.txt", ["c.txt"]),
        ("**", ["a,b.txt", "a1.txt", "a[1].txt", "c.txt", "c.txt"]),
    ],
)
@pytest.mark.parametrize("absolute", [True, False])
def test_names_with_characters_of_patterns(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, given: str, expected: list[str],
    absolute: bool,
) -> None:  # fmt: skip
    # Beam alone would list nothing for a relative `*.txt`, nor for a name with brackets.
    monkeypatch.chdir(tmp_path)
    for name in ("a,b.txt", "a[1].txt", "a1.txt", "d[1]/c.txt", "folder.txt/c.txt"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("good")
    given = f"{tmp_path}/{given}" if absolute else given
    found = check_input([given], "/elsewhere/out")
    assert sorted(os.path.basename(file.path) for file in found.files) == expected


def refused(tmp_path: Path, capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    """The one line with which a run is refused at launch."""
    before = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")}
    assert main(["run", *arguments, f"--model={tmp_path}/none"]) == 2
    err = capsys.readouterr().err
    assert err.startswith("error: --")
    assert err.count("\n") == 1
    assert {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")} == before
    return err


def test_inputs_that_are_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = f"--output={tmp_path}/out"
    (tmp_path / "a,b.txt").write_text("good\n")
    assert "a comma parts patterns; in a file's name, write ? for it" in refused(
        tmp_path, capsys, f"--input={tmp_path}/a,b.txt", out
    )
    os.mkfifo(tmp_path / "pipe.txt")
    assert "--input takes files, not pipes or devices; got" in refused(
        tmp_path, capsys, f"--input={tmp_path}/pipe.txt", out
    )
    bad = Path(os.fsdecode(os.fsencode(tmp_path) + b"/n\xff.txt"))
    bad.write_text("good\n")
    assert "--input takes files whose names are UTF-8; got" in refused(
        tmp_path, capsys, f"--input={tmp_path}/n*.txt", out
    )
    assert "--output takes a folder without *, ? and [ in its name" in refused(
        tmp_path, capsys, f"--input={tmp_path}/a?b.txt", f"--output={tmp_path}/out[1]"
    )


@pytest.mark.parametrize("overwrite", ["true", "false"])
@pytest.mark.parametrize(
    "given", ["{out}", "{out}/", "{out}/*.jsonl", "{tmp}/**", "{link}/*.jsonl", "{shard}"]
)
def test_an_input_that_matches_the_results_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], given: str, overwrite: str
) -> None:
    out = tmp_path / "out"
    out.mkdir()
    (tmp_path / "link").symlink_to(out)
    shard = out / "predictions-00000-of-00002.jsonl"
    shard.write_text('{"text": "mine"}\n')
    given = given.format(tmp=tmp_path, out=out, link=tmp_path / "link", shard=shard)
    err = refused(
        tmp_path, capsys, f"--input={given}", f"--output={out}", f"--overwrite={overwrite}"
    )
    assert "--input takes patterns that match no results in --output; got" in err
    # Before there are any, too: a second run would be another one than the first.
    shard.unlink()
    (out / "a.jsonl").write_text('{"text": "mine"}\n')
    if not given.endswith("00002.jsonl"):
        err = refused(tmp_path, capsys, f"--input={given}", f"--output={out}")
        assert "which would match" in err


def test_a_run_into_a_folder_of_its_input_can_be_run_again(
    tmp_path: Path, distilbert: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source, out = tmp_path / "in", tmp_path / "in" / "out"
    (source / "sub").mkdir(parents=True)
    (source / "a.txt").write_text("good\n")
    (source / "sub" / "b.txt").write_text("bad\n")
    (source / "_SUCCESS").touch()
    arguments = ["run", f"--input={source}", f"--output={out}", f"--model={distilbert}"]
    for results, more in ((0, []), (4, ["--overwrite=true"])):
        assert main([*arguments, *more]) == 0
        metrics = json.loads((out / "metrics.json").read_text())
        assert metrics["records"]["read"] == metrics["records"]["predicted"] == 2
        reasons = f"output {results}, hidden 1" if results else "hidden 1"
        said = f"Input: 2 files, 9 bytes: text (utf-8) 2; {results + 1} skipped ({reasons})"
        assert said in capsys.readouterr().err.splitlines()


def test_a_file_that_vanishes_during_the_run(
    tmp_path: Path, distilbert: Path, capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    source = tmp_path / "a.txt"
    source.write_text("good\n")
    opened = reading.open_raw

    def vanish(path: str) -> object:
        source.unlink(missing_ok=True)
        return opened(path)

    monkeypatch.setattr(reading, "open_raw", vanish)
    assert run(tmp_path, distilbert, str(source)) == 1
    err = capsys.readouterr().err
    assert err == (
        "Input: 1 file, 5 bytes: text (utf-8) 1\n"
        f"error: The run failed while reading the input: [Errno 2] No such file or directory: "
        f"'{source}' (FileNotFoundError)\n"
    )
    assert list((tmp_path / "out").iterdir()) == []


def test_a_count_that_does_not_add_up_fails_the_run(
    tmp_path: Path, distilbert: Path, capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    source = tmp_path / "a.txt"
    source.write_text("good\n\nfine\n")
    # A row that reading counts, and that comes to nothing.
    monkeypatch.setattr(
        reading_rows, "PartRead", lambda path, read, *more: PartRead(path, read + 1, *more)
    )
    assert run(tmp_path, distilbert, str(source)) == 1
    assert capsys.readouterr().err == (
        "Input: 1 file, 11 bytes: text (utf-8) 1\n"
        "error: The run lost count: 4 rows read, but 2 predicted + 0 dead-lettered + 1 blank, "
        "1 too few.\n"
    )
    left = [path.name for path in (tmp_path / "out").iterdir()]
    assert not {"metrics.json", "report.html"} & set(left)


def test_no_name_of_a_models_file_leads_out_of_its_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    listed = [
        "m/config.json", "m/../../model-a.safetensors", "m//etc/model-b.safetensors", "m/..",
        "m/model/../../../etc/passwd", "m/tokenizer.json/../../config.json", "m/model.safetensors",
    ]  # fmt: skip
    blobs = [SimpleNamespace(name=one, size=1, crc32c="", generation=1) for one in listed]
    client = SimpleNamespace(list_blobs=lambda *_, **__: blobs)
    monkeypatch.setattr(remote_model, "_client", lambda: client)
    found = RemoteModel.find("gs://b/m")
    assert {one.name for one in found.files} == {
        "config.json", "model-a.safetensors", "model-b.safetensors", "model.safetensors",
    }  # fmt: skip
    assert set(found.key) <= set("0123456789abcdef")

    # A record of digests is not a way to read elsewhere either.
    outside, folder = tmp_path / "secret.txt", tmp_path / "model"
    outside.write_bytes(b"secret")
    folder.mkdir()
    digest = hashlib.sha256(b"secret").hexdigest()
    (folder / "digests.json").write_text(json.dumps({"files": {"../secret.txt": digest}}))
    with pytest.raises(UserError, match="with SHA-256 nothing"):
        ModelFolder(str(folder), None, None, Head(("a", "b"), "softmax"), 512, None).check_digests()
