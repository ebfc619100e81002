"""`check`, as a user runs it, beside `run` with the same command line."""

import gzip
import json
import re
import shutil
import sys
from pathlib import Path

import pytest
from transformers import AutoTokenizer

from buckets_for_tests import emulated
from conftest import DEMO_MODEL, ROOT
from runinference_metrics.__main__ import main

MODEL = f"--model={DEMO_MODEL}"


def put(folder: Path, files: dict[str, str | bytes]) -> Path:
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return folder


def check(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    code = main(["check", MODEL, *arguments])
    said = capsys.readouterr()
    return code, said.out, said.err


def test_files_are_shown_as_they_were_understood(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    put(tmp_path, {
        "in/a.csv": "id;text;stars\n" + "".join(f"{i};film {i};5\n" for i in range(7))
        + '8;"two\nlines \x1b[31m";1\n9;;1\n10\n',
        "in/b.jsonl.gz": gzip.compress(b'{"text": "g\xc3\xb6d"}\n'),
        "in/_SUCCESS": "", "in/.hidden": "x",
    })  # fmt: skip
    code, out, err = check(capsys, f"--input={tmp_path}/in/")
    assert (code, err) == (0, "")
    assert f"{tmp_path}/in/a.csv\n  csv, semicolons, utf-8; " in out
    assert "all 10 rows looked at\n  columns: id, text, stars\n    film 0\n    film 1\n" in out
    assert "film 4\n" in out
    assert "film 5\n" not in out
    assert "  8 with text, 1 blank, 1 malformed_csv\n    line 12: expected 3 cells" in out
    assert "  jsonl, utf-8, gzip; " in out
    assert "    göd\n" in out
    assert re.search(r"^Input: 2 files, \d+ bytes: csv \(semicolons, utf-8\) 1, "
                     r"jsonl \(utf-8, gzip\) 1; 2 skipped \(hidden 2\)$", out, re.M)  # fmt: skip
    assert "Rows: 11\n" in out
    assert out.endswith("A run would start.\n")


def test_texts_are_cut_and_obey_no_terminal(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "40")
    put(tmp_path, {"a.txt": "\x1b[2J\u202egood\n" + "x" * 500 + "\n"})
    _, out, _ = check(capsys, f"--input={tmp_path}/a.txt")
    assert "    \\x1b[2J\\u202egood\n" in out
    assert f"    {'x' * 35}…\n" in out
    assert "\x1b" not in out


def test_lengths_are_those_of_the_models_tokenizer(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    texts = ["good " * count for count in range(1, 101)]
    put(tmp_path, {"a.txt": "".join(f"{text}\n" for text in texts)})
    _, out, _ = check(capsys, f"--input={tmp_path}/a.txt", "--max_length=50")
    tokenizer = AutoTokenizer.from_pretrained(DEMO_MODEL)
    lengths = sorted(len(ids) for ids in tokenizer(texts)["input_ids"])
    assert (
        f"Tokens, of the same: median {lengths[49]}, 90 % up to {lengths[89]}, "
        f"longest {lengths[-1]}\n"
    ) in out
    assert f"  {sum(one > 50 for one in lengths)} have more than max_length, 50, and" in out
    assert "Characters, of 100 texts looked at: median 250, 90 % up to 450, longest 500" in out


def test_pairs_are_shown_and_counted(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    put(tmp_path, {"a.csv": "text,other\ngood,bad film\n"})
    code, out, _ = check(capsys, f"--input={tmp_path}/a.csv", "--text_pair_field=other")
    assert code == 0
    assert "    good | bad film\n" in out
    pair = AutoTokenizer.from_pretrained(DEMO_MODEL)("good", "bad film")["input_ids"]
    assert f"Tokens, of the same: median {len(pair)}," in out


def test_nothing_is_written_and_torch_is_not_needed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    put(tmp_path, {"in/a.txt": "good\n"})
    assert check(capsys, f"--input={tmp_path}/in/", f"--output={tmp_path}/out")[0] == 0
    assert [path.name for path in tmp_path.rglob("*")] == ["in", "a.txt"]


@pytest.mark.starts
def test_a_check_starts_without_torch(tmp_path: Path) -> None:
    import subprocess

    put(tmp_path, {"a.txt": "good\n"})
    code = (
        "import sys; from runinference_metrics.__main__ import main; "
        f"assert main(['check', '--input={tmp_path}/a.txt']) == 0; "
        "assert not {'torch', 'transformers'} & set(sys.modules)"
    )
    ran = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False,
        env={"PYTHONPATH": str(ROOT / "src"), "PATH": "/usr/bin:/bin"},
    )  # fmt: skip
    assert ran.returncode == 0, ran.stderr


# Files, flags, and the beginnings of the sentences.
REFUSED: dict[str, tuple[dict[str, str | bytes], list[str], list[str]]] = {
    "a name in other letters": (
        {"a.csv": "id;Text\n1;good\n"}, [],
        ["--text_field takes the name of a field or column that holds a text; got 'text', which "
         "'{tmp}/a.csv' has not: there are 'id', 'Text'; did you mean 'Text'?"],
    ),
    "no header": (
        {"a.csv": "5,good\n6,bad\n"}, [],
        ["--text_field takes * there are '5', 'good'; if these are data, since there is no header, "
         "say --header=no or name the columns, as --header=id,text"],
    ),
    "columns by number": (
        {"a.csv": "5,good\n6,bad\n"}, ["--header=no"],
        ["--text_field takes * without a header its columns are 1 ('5'), 2 ('good'); take one of"],
    ),
    "one file of two": (
        {"a.csv": "id,text\n1,good\n", "b.jsonl": '{"review": "a"}\n'}, [],
        ["--text_field takes * got 'text', which '{tmp}/b.jsonl' has not: there are 'review'"],
    ),
    "a row without any field": (
        {"a.jsonl": "{}\n"}, [],
        ["--text_field takes * got 'text', which '{tmp}/a.jsonl' has not: its rows have no fields"],
    ),
    "an id and fields that no row has": (
        {"a.jsonl": '{"text": "a", "key": 1}\n', "b.txt": "good\n"},
        ["--id_field=kye", "--keep_fields=key,stars"],
        ["--id_field takes the name of a field that rows have; got 'kye', which no row has of those"
         " looked at in 2 files, such as '{tmp}/a.jsonl': there are 'text', 'key'; did you mean "
         "'key'?",
         "--keep_fields takes names of fields that rows have; got 'stars', which no row has"],
    ),
    "an id of lines of text": (
        {"b.txt": "good\n"}, ["--id_field=id"],
        ["--id_field takes * a line of text has no fields, so leave it out"],
    ),
    "pairs of lines of text": (
        {"b.txt": "good\n"}, ["--text_pair_field=b"],
        ["--text_pair_field takes a field of files that have fields, and a line of text is one "
         "text; got 'b' with '{tmp}/b.txt'"],
    ),
    "a second text that is not there": (
        {"a.csv": "text,other\na,b\n"}, ["--text_pair_field=othre"],
        ["--text_pair_field takes * got 'othre', * did you mean 'other'?"],
    ),
    "a column twice": (
        {"a.csv": "id,text,text\n1,a,b\n2,a,b\n"}, [],
        ["--input takes files whose rows can be read; got '{tmp}/a.csv', of whose 3 rows none can "
         "be (malformed_csv, line 1: the header names the column 'text' twice)"],
    ),
    "a file that cannot be told": (
        {"a.orc": b"ORC" + bytes(40)}, [],
        ["--input takes files of text, JSON lines, CSV, Parquet or Avro; got '{tmp}/a.orc'"],
    ),
    "another encoding": (
        {"a.txt": "gut\nschön\n".encode("cp1252")}, [],
        ["--encoding takes the encoding of * got '{tmp}/a.txt', line 2 with 'sch\\\\xf6n'"],
    ),
    "damage": (
        {"a.txt.gz": gzip.compress(b"good\n" * 1000)[:-9]}, [],
        ["--input takes files that can be read to their end; got '{tmp}/a.txt.gz' (corrupt_file*"],
    ),
    "nothing but blanks": (
        {"a.csv": "body,text\ngood,\nbad,\n", "b.txt": "\n"}, [],
        ["--text_field takes the name of a field or column that holds a text; got 'text' with "
         "nothing but blanks in all 3 rows: there are 'body', 'text'"],
    ),
    "blank lines": (
        {"b.txt": "\n"}, [],
        ["--input takes files with texts; got nothing but blanks in the 1 row of '{tmp}/b.txt'"],
    ),
    "everything": (
        {"a.csv": "id;Text\n1;good\n", "b.txt": "sch\xf6n\n".encode("cp1252")},
        ["--id_field=key", "--model=/no/model", "--prices=/no/p.yaml"],
        ["--text_field takes *", "--encoding takes *", "--id_field takes *", "--model takes *",
         "--prices takes *"],
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_what_stops_a_run_is_said_by_check_too(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    files, flags, sentences = REFUSED[name]
    put(tmp_path / "in", files)
    expected = [
        re.escape(f"error: {one}".replace("{tmp}", f"{tmp_path}/in")).replace(r"\*", ".*")
        for one in sentences
    ]
    base = [f"--input={tmp_path}/in/", *([] if any("--model" in one for one in flags) else [MODEL])]
    assert main(["check", *base, *flags]) == 2
    checked = capsys.readouterr()
    lines = checked.err.splitlines()
    assert len(lines) == len(expected), checked.err
    for line, pattern in zip(lines, expected, strict=True):
        assert re.match(pattern, line), line
    assert "A run would start" not in checked.out
    # A run says the first of them, before anything is written.
    assert main(["run", *base, *flags, f"--output={tmp_path}/out"]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert re.match(expected[0], line), line
    assert not (tmp_path / "out").exists()


RUNS_RIGHT: dict[str, tuple[dict[str, str | bytes], list[str]]] = {
    "an empty file": ({"a.csv": "", "b.jsonl": ""}, ["--id_field=id"]),
    "a header alone": ({"a.csv": "id,review\n"}, []),
    "rows rejected in part": ({"a.jsonl": '[1]\n{"text": "a"}\nno\n'}, []),
    "NULLs left out": ({"a.jsonl": '{"id": 1}\n{"id": 2, "text": "a"}\n'}, ["--id_field=id"]),
    "an id in some files": (
        {"a.jsonl": '{"text": "a", "id": 1}', "b.txt": "x\n"}, ["--id_field=id"]
    ),
    "blank rows beside others": ({"a.txt": "\n\n", "b.txt": "good\n"}, []),
    "blank rows at the beginning": ({"a.txt": "\n" * 100_000 + "good\n"}, []),
    "a damaged row beside one in UTF-8": ({"a.txt": b"sch\xc3\xb6n\nsch\xf6n\n"}, []),
    "an encoding that is said": ({"a.txt": b"gut\nsch\xf6n\n"}, ["--encoding=cp1252"]),
    "a file that may be lost": (
        {"a.csv": "id,text\n1,a\n", "b.csv": "id,review\n1,a\n"}, ["--max_failed_files=1"]
    ),
    "all fields": ({"a.csv": "id,text\n1,a\n"}, ["--keep_fields=*"]),
    "columns that are named": ({"a.csv": "1,a\n2,b\n"}, ["--header=id,text", "--id_field=id"]),
}  # fmt: skip


@pytest.mark.parametrize("name", RUNS_RIGHT)
def test_what_runs_right_is_not_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    files, flags = RUNS_RIGHT[name]
    put(tmp_path / "in", files)
    code, out, err = check(capsys, f"--input={tmp_path}/in/", *flags)
    assert (code, err) == (0, ""), err
    assert "A run would start." in out


def test_a_run_says_in_a_line_what_it_reads_and_no_text(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], distilbert: Path
) -> None:
    put(tmp_path / "in", {
        "a.csv": "id;text\n1;secret film\n", "b.csv": "id;text\n2;secret film\n", "c.txt": "\n\n",
        "_SUCCESS": "",
    })  # fmt: skip
    arguments = [f"--input={tmp_path}/in/", f"--output={tmp_path}/out", f"--model={distilbert}"]
    assert main(["run", *arguments]) == 0
    said = capsys.readouterr()
    first, second, *_ = said.err.splitlines()
    assert re.fullmatch(r"Input: 3 files, \d+ bytes: csv \(semicolons, utf-8\) 2, "
                        r"text \(utf-8\) 1; 1 skipped \(hidden 1\)", first)  # fmt: skip
    assert second == f"Input: '{tmp_path}/in/c.txt': all of its 2 rows are blank"
    assert "secret" not in said.out + said.err
    found = json.loads((tmp_path / "out" / "metrics.json").read_text())
    assert found["records"]["predicted"] == 2


def test_of_many_files_some_are_looked_at(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    put(tmp_path, {f"{number:03}.txt": "good\nbad\n" for number in range(200)})
    _, out, _ = check(capsys, f"--input={tmp_path}/")
    assert "Input: 200 files, 1,800 bytes, 20 of them looked at: text (utf-8) 20\n" in out
    assert "Rows: about 400\n" in out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            [],
            "--input takes one or several comma-separated file patterns, a table, or a query",
        ),
        (["--input=x", "--precision=int7"], "--precision takes auto"),
        (["--input={tmp}/none*"], "--input takes patterns that match files"),
        (["--input={tmp}", "--colour=red"], "--colour is no parameter"),
        (["--input={tmp}", "--output={tmp}/a.txt"], "--output takes a folder; got"),
        (["--input={tmp}", "--model=a/b"], "for the hub's model of that name write a/b@main"),
        (["--input={tmp}", "--device=GPU"], "--device takes GPU only where one is usable"),
    ],
)
def test_wrong_parameters_are_said_as_by_run(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], message: str
) -> None:
    put(tmp_path, {"a.txt": "good\n"})
    assert main(["check", *(one.replace("{tmp}", str(tmp_path)) for one in arguments)]) == 2
    assert message in capsys.readouterr().err


def test_a_model_of_the_hub_is_not_fetched(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    put(tmp_path, {"a.txt": "good\n"})
    assert main(["check", f"--input={tmp_path}/a.txt", "--model=owner/name@main"]) == 0
    assert "Tokens: not known" in capsys.readouterr().out


def test_a_tokenizer_that_cannot_be_loaded_is_a_fault(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    put(tmp_path, {"a.txt": "good\n"})
    model = shutil.copytree(DEMO_MODEL, tmp_path / "model")
    tokenizer = json.loads((model / "tokenizer.json").read_text())
    tokenizer["normalizer"] = {"type": "of another library"}
    (model / "tokenizer.json").write_text(json.dumps(tokenizer))
    assert main(["check", f"--input={tmp_path}/a.txt", f"--model={model}"]) == 2
    assert "error: --model takes a model with a tokenizer.json" in capsys.readouterr().err


@pytest.mark.parametrize(
    "runner",
    [
        ["--runner=PrismRunner"],
        ["--runner=DataflowRunner", "--project=a-project", "--region=us-central1", "--dry_run=true",
         "--temp_location=gs://bucket/temp", "--sdk_container_image=x"],
    ],
)  # fmt: skip
def test_a_run_elsewhere_is_checked_without_an_output_too(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch,
    runner: list[str],
) -> None:  # fmt: skip
    # What an output would be if nothing counted as the working folder.
    put(tmp_path, {"metrics.json": "{}"})
    monkeypatch.chdir(tmp_path)
    with emulated("bucket", {"a.txt": b"good\n"}):
        code, out, err = check(capsys, "--input=gs://bucket/a.txt", *runner)
    assert "gs://bucket/a.txt\n" in out
    # The model alone is on this machine.
    faults = [line for line in err.splitlines() if line.startswith("error: ")]
    assert [line[:40] for line in faults] == ["error: --model takes an address in a buc"] * bool(
        code
    )


def test_help_names_the_command(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["check", "--help"])
    assert ended.value.code == 0
    out = capsys.readouterr().out
    assert "runinference_metrics check" in out
    assert "--text_field" in out


def test_files_in_a_bucket_are_looked_at_together(capsys: pytest.CaptureFixture[str]) -> None:
    objects = {f"in/{number:02}.txt": b"good\n" * number for number in range(1, 16)}
    objects["in/z.csv"] = b"id;text\n1;good\n"
    with emulated("bucket", objects):
        code, out, err = check(capsys, "--input=gs://bucket/in/")
        assert (code, err) == (0, "")
        assert "Input: 16 files, 615 bytes: text (utf-8) 15, csv (semicolons, utf-8) 1\n" in out
        assert f"Rows: {sum(range(1, 16)) + 1}\n" in out
        code, out, err = check(capsys, "--input=gs://bucket/in/", "--id_field=ID")
        assert code == 2
        assert "there are 'id', 'text'; did you mean 'id'?" in err
