"""Which files a user's patterns match, on a disk and in a bucket alike."""

import os
import pickle
from collections.abc import Iterator, Sequence
from itertools import product
from pathlib import Path

import apache_beam as beam
import pytest
from apache_beam.io.filesystems import FileSystems
from apache_beam.testing.util import assert_that, equal_to
from hypothesis import given
from hypothesis import strategies as st

from buckets_for_tests import emulated
from runinference_metrics.errors import UserError
from runinference_metrics.reading import hints, listing, patterns
from runinference_metrics.reading.fields import RowFields
from runinference_metrics.reading.formats import FormatOptions
from runinference_metrics.reading.listing import CannotList, Found, Listed, found, listed
from runinference_metrics.reading.patterns import Pattern, alternatives
from runinference_metrics.reading.transform import ReadBatches

TREE = [
    "in/a.txt", "in/b,c.txt", "in/B.csv", "in/sub/c.txt", "in/sub/deep/d.txt", "in/v[2]/e.txt",
    "in/v2/f.txt", "in/{x,y}.txt", "in/star*.txt", "other/g.txt",
]  # fmt: skip
# What the tools of data leave beside it.
NO_DATA = {
    "in/_SUCCESS": "hidden",
    "in/.hidden.txt": "hidden",
    "in/sub/.a.txt.crc": "checksum",
    "in/x.crc": "checksum",
    "in/_temporary/0/part-0": "hidden",
    "in/sub/.ipynb_checkpoints/a-checkpoint.txt": "hidden",
    "in/_delta_log/0.json": "hidden",
    "in/sub_$folder$": "folder",
}


def make(folder: Path, names: list[str]) -> None:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text("good film\n")


@pytest.fixture(scope="module")
def places(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """The same files twice."""
    folder = tmp_path_factory.mktemp("listing")
    names = [*TREE, *NO_DATA]
    make(folder, names)
    # What the console makes for a folder: an object.
    objects = dict.fromkeys(names, b"good film\n") | {"in/": b"", "in/sub/": b""}
    with emulated("bucket", objects):
        yield {"disk": f"{folder}/", "bucket": "gs://bucket/"}


BELOW_IN = [name for name in TREE if name.startswith("in/")]


@pytest.mark.parametrize("kind", ["disk", "bucket"])
@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ("in", BELOW_IN),
        ("in/", BELOW_IN),
        ("", TREE),
        ("in/sub", ["in/sub/c.txt", "in/sub/deep/d.txt"]),
        ("in/*/", ["in/sub/c.txt", "in/sub/deep/d.txt", "in/v[2]/e.txt", "in/v2/f.txt"]),
        ("in/*.txt", ["in/a.txt", "in/b,c.txt", "in/{x,y}.txt", "in/star*.txt"]),
        ("in/**c.txt", ["in/b,c.txt", "in/sub/c.txt"]),
        ("in/*/*.txt", ["in/sub/c.txt", "in/v[2]/e.txt", "in/v2/f.txt"]),
        ("in/{a.txt,B.csv}", ["in/a.txt", "in/B.csv"]),
        ("in/{a,q,b?c}*", ["in/a.txt", "in/b,c.txt"]),
        ("{in/{sub,v2},other}/?.txt", ["in/sub/c.txt", "in/v2/f.txt", "other/g.txt"]),
        ("in/[ab]*.txt", ["in/a.txt", "in/b,c.txt"]),
        ("in/[!ab]*.txt", ["in/star*.txt", "in/{x,y}.txt"]),
        # By their names first.
        ("in/v[2]", ["in/v[2]/e.txt"]),
        ("in/v[2]/*.txt", ["in/v[2]/e.txt"]),
        ("in/{x,y}.txt", ["in/{x,y}.txt"]),
        ("in/star*.txt", ["in/star*.txt"]),
        ("in/v[2-]/*.txt", ["in/v2/f.txt"]),
        # What is no data, by its own name.
        ("in/_SUCCESS", ["in/_SUCCESS"]),
        ("in/_S*", ["in/_SUCCESS"]),
        ("in/_temporary", ["in/_temporary/0/part-0"]),
        ("in/_temporary/*/*", ["in/_temporary/0/part-0"]),
        ("in/**/_temporary/**", None),
        ("in/*/_temp*", None),
        ("in/{.h,_S}*", ["in/.hidden.txt", "in/_SUCCESS"]),
        ("in/*.crc", ["in/x.crc"]),
    ],
)
def test_what_a_pattern_takes(
    places: dict[str, str], kind: str, pattern: str, expected: list[str] | None
) -> None:
    base = places[kind]
    if expected is None:
        with pytest.raises(UserError, match="takes patterns that match"):
            listed([base + pattern])
        return
    taken = listed([base + pattern])
    assert sorted(file.path for file in taken.files) == sorted(base + name for name in expected)
    assert all(file.size_bytes == len("good film\n") for file in taken.files)
    # Workers find the same, from what travels to them.
    sent = pickle.loads(pickle.dumps(taken.patterns))
    again = {file for one in sent for file in found(one, sent) if not file.skipped}
    assert again == set(taken.files)


@pytest.mark.parametrize("kind", ["disk", "bucket"])
def test_what_is_no_data_is_counted_by_reason(places: dict[str, str], kind: str) -> None:
    taken = listed([places[kind] + "in"])
    marks = 2 if kind == "bucket" else 0
    assert taken.skipped == {"hidden": 5, "checksum": 2, "folder": 1 + marks}
    number = 8 + marks
    assert str(taken).startswith(f"9 files, 90 bytes; {number} skipped (hidden 5, ")


def test_a_file_that_one_pattern_names_is_skipped_by_none(places: dict[str, str]) -> None:
    base = places["disk"]
    for asked in ([f"{base}in", f"{base}in/_S*"], [f"{base}in/_SUCCESS", f"{base}in"]):
        taken = listed(asked)
        assert f"{base}in/_SUCCESS" in {file.path for file in taken.files}
        assert taken.skipped["hidden"] == 4
        all_found = [file for one in taken.patterns for file in found(one, taken.patterns)]
        # All patterns say the same of a file.
        assert len(set(all_found)) == len({file.path for file in all_found}) < len(all_found)


def test_the_transform_reads_each_file_once_and_tells_of_the_skipped(
    places: dict[str, str],
) -> None:
    base = places["bucket"]
    taken = listed([f"{base}in/sub", f"{base}in/sub/c.txt"])
    with beam.Pipeline() as pipeline:
        read = pipeline | ReadBatches(
            taken.patterns, RowFields("text", "", ()), FormatOptions(), 8, False
        )
        sources = read.batches | beam.FlatMap(lambda batch: batch.sources)
        reasons = read.events[1] | beam.Map(lambda event: event.skipped)
        assert_that(sources, equal_to([f"{base}in/sub/c.txt", f"{base}in/sub/deep/d.txt"]), "rows")
        assert_that(reasons, equal_to(["", "", "checksum", "hidden", "folder"]), "reasons")


def test_a_hint_that_cannot_be_had_is_left_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(_: str) -> list[str]:
        raise RuntimeError("403 storage.objects.list")

    make(tmp_path, ["a.txt"])
    monkeypatch.setattr(hints, "_below", refused)
    with pytest.raises(UserError, match=r"b\*': nothing matches$"):
        listed([f"{tmp_path}/b*"])


def test_a_file_that_grows_while_it_is_listed_is_read_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make(tmp_path, ["a.txt"])
    taken = listed([str(tmp_path), f"{tmp_path}/a.txt"])

    def growing(pattern: Pattern, patterns: Sequence[Pattern]) -> Iterator[Found]:
        yield from (one._replace(size_bytes=10 + pattern.exact) for one in found(pattern, patterns))

    monkeypatch.setattr(listing, "found", growing)
    with beam.Pipeline() as pipeline:
        read = pipeline | ReadBatches(
            taken.patterns, RowFields("text", "", ()), FormatOptions(), 8, False
        )
        sources = read.batches | beam.FlatMap(lambda batch: batch.sources)
        sizes = read.events[1] | beam.Map(lambda event: event.size_bytes)
        assert_that(sources, equal_to([f"{tmp_path}/a.txt"]), "rows")
        assert_that(sizes, equal_to([11]), "sizes")


@pytest.mark.parametrize("kind", ["disk", "bucket"])
@pytest.mark.parametrize(
    ("pattern", "hint"),
    [
        ("in/A.txt", "'{base}in/a.txt' would, with upper and lower case as it has them"),
        ("IN/*.txt", "'{base}in/a.txt' would, with upper and lower case as it has them"),
        ("in/*e.txt", "write '{base}in/**e.txt' for files such as '{base}in/v[2]/e.txt'"),
        ("in/d.txt", "write '{base}in/**/d.txt' for files such as '{base}in/sub/deep/d.txt'"),
        ("in/**/b*.txt", "write '{base}in/**b*.txt' for files such as '{base}in/b,c.txt'"),
        ("other/g.csv", "'{base}other/' holds 1 file, such as '{base}other/g.txt'"),
        ("other/sub/g", "there is no '{base}other/sub/', and '{base}other/' holds 1 file, such as"),
        ("in/{a,q}.txt", "nothing matches '{base}in/q.txt'; "),
        ("in/{1..3}.txt", "{{1..3}} is no range here, write {{1,…,3}}"),
        ("in/_temporary/x", "such as '{base}in/_temporary/0/part-0'"),
    ],
)
def test_what_would_match_is_said(
    places: dict[str, str], kind: str, pattern: str, hint: str
) -> None:
    base = places[kind]
    with pytest.raises(UserError) as refused:
        listed([base + pattern])
    assert str(refused.value).startswith(
        f"--input takes patterns that match files; got {base + pattern!r}: nothing matches"
    )
    assert hint.format(base=base) in str(refused.value)


def test_a_hint_looks_at_one_page_of_a_bucket(
    places: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = 0

    def endless(prefix: str) -> Iterator[listing.places.Stored]:
        nonlocal asked
        while prefix in ("gs://huge/", "gs://huge/in/"):
            asked += 1
            yield listing.places.Stored(f"gs://huge/in/{asked}.txt", 1)

    monkeypatch.setattr(listing.places, "objects", endless)
    monkeypatch.setattr(FileSystems, "exists", lambda path: False)
    with pytest.raises(UserError, match=r"'gs://huge/in/' holds 1,000 files or more, such as"):
        listed(["gs://huge/in/no/such/file"])
    assert asked < 1100
    assert hints._LOOKED_AT == 1000


def test_nothing_but_what_is_skipped_is_refused(places: dict[str, str]) -> None:
    base = places["bucket"]
    with pytest.raises(UserError) as refused:
        listed([f"{base}in/*_S*", f"{base}in/*.cr?"])
    assert str(refused.value) == (
        f"--input takes patterns that match data; got '{base}in/*_S*', '{base}in/*.cr?' with "
        f"nothing but files that are skipped (hidden 1, checksum 1), such as '{base}in/_SUCCESS'; "
        "name a file itself to have it read"
    )


def test_an_output_folder_inside_the_input_is_no_input(tmp_path: Path) -> None:
    make(tmp_path, ["in/a.txt", "in/out/predictions-00000-of-00001.jsonl", "in/outer.txt",
                    "in/out/beam-temp-predictions-1f/x.txt"])  # fmt: skip
    (tmp_path / "link").symlink_to(tmp_path / "in")
    for asked in ("in", "in/", "link"):
        taken = listed([f"{tmp_path}/{asked}"], f"{tmp_path}/in/out")
        assert [Path(file.path).name for file in taken.files] == ["a.txt", "outer.txt"]
        assert taken.skipped == {"output": 2}
    # A pattern that asks for them is not this room's to judge.
    assert "output" not in listed([f"{tmp_path}/in/**"], f"{tmp_path}/in/out").skipped
    assert "output" not in listed([f"{tmp_path}/in/out"], f"{tmp_path}/in/out").skipped
    assert "output" not in listed([f"{tmp_path}/in"], f"{tmp_path}/in").skipped


def test_an_output_folder_inside_the_input_in_a_bucket(places: dict[str, str]) -> None:
    taken = listed(["gs://bucket/in"], "gs://bucket/in/sub/")
    assert taken.skipped["output"] == 4
    assert not any("/sub/" in file.path for file in taken.files)


def test_links(tmp_path: Path) -> None:
    make(tmp_path, ["in/a.txt", "in/sub/b.txt", "far/c.txt", "far/deep/d.txt"])
    (tmp_path / "in/far").symlink_to(tmp_path / "far")
    (tmp_path / "in/e.txt").symlink_to(tmp_path / "far/c.txt")
    # Loops: to itself, to a folder above, through another folder and back, and in a file's place.
    (tmp_path / "in/self").symlink_to(tmp_path / "in")
    (tmp_path / "in/sub/up").symlink_to(tmp_path)
    (tmp_path / "far/deep/back").symlink_to(tmp_path / "in/sub")
    (tmp_path / "in/round").symlink_to(tmp_path / "in/round")
    (tmp_path / "in/gone.txt").symlink_to(tmp_path / "nowhere.txt")
    os.mkfifo(tmp_path / "in/pipe.txt")
    taken = listed([f"{tmp_path}/in"])
    assert [os.path.relpath(file.path, tmp_path) for file in taken.files] == [
        "in/a.txt", "in/e.txt", "in/far/c.txt", "in/far/deep/d.txt", "in/far/deep/back/b.txt",
        "in/sub/b.txt",
    ]  # fmt: skip
    assert taken.skipped == {"loop of links": 3, "broken link": 2, "no file": 1}
    with pytest.raises(UserError, match="it is a link that leads nowhere"):
        listed([f"{tmp_path}/in/gone.txt"])
    with pytest.raises(UserError, match="takes files, not pipes or devices; got"):
        listed([f"{tmp_path}/in/pipe.txt"])


def test_a_folder_that_cannot_be_listed_is_not_lost(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make(tmp_path, ["in/a.txt", "in/shut/b.txt", "in/.shut/c.txt"])
    scan = os.scandir

    def refusing(path: str) -> object:
        if path.rstrip("/").endswith("shut"):
            # Whoever runs the tests may be root, who may read all.
            raise PermissionError(13, "Permission denied", path)
        return scan(path)

    monkeypatch.setattr(os, "scandir", refusing)
    with pytest.raises(CannotList) as refused:
        listed([f"{tmp_path}/in"])
    assert str(refused.value.__cause__).endswith(f"Permission denied: '{tmp_path}/in/shut/'")
    # Where nothing of it is asked for, nothing is missed; nor of what is hidden.
    assert len(listed([f"{tmp_path}/in/*.txt"]).files) == 1
    (tmp_path / "in/shut").rename(tmp_path / "shut")
    assert len(listed([f"{tmp_path}/in"]).files) == 1


def test_a_file_that_was_named_and_is_gone_ends_the_run(tmp_path: Path) -> None:
    make(tmp_path, ["a.txt", "in/a.txt"])
    taken = listed([f"{tmp_path}/a.txt", f"{tmp_path}/in"]).patterns
    (tmp_path / "a.txt").unlink()
    (tmp_path / "in").rename(tmp_path / "moved")
    for pattern in taken:
        with pytest.raises(FileNotFoundError):
            list(found(pattern, taken))


def test_a_skipped_name_that_is_no_utf8_travels(tmp_path: Path) -> None:
    make(tmp_path, ["a.txt"])
    Path(os.fsdecode(os.fsencode(tmp_path) + b"/_\xff")).write_text("x")
    taken = listed([str(tmp_path)])
    assert taken.skipped == {"hidden": 1}
    for file in found(taken.patterns[0], taken.patterns):
        file.path.encode()


@pytest.mark.parametrize("glob", ["[z-a]*", "x[b-a]"])
def test_a_set_that_means_nothing_is_refused(tmp_path: Path, glob: str) -> None:
    make(tmp_path, ["a.txt"])
    with pytest.raises(UserError, match=r"write \? for any letter"):
        listed([f"{tmp_path}/{glob}"])


@pytest.mark.filterwarnings("error")
def test_sets_that_python_warns_of(tmp_path: Path) -> None:
    make(tmp_path, ["a[b.txt", "ac.txt"])
    assert len(listed([f"{tmp_path}/a[[]b*"]).files) == 1
    assert len(listed([f"{tmp_path}/[a||b]c*"]).files) == 1


def test_braces() -> None:
    assert alternatives("a{b,c{d,e}f,}g{h}") == ["abg{h}", "acdfg{h}", "acefg{h}", "ag{h}"]
    assert alternatives("{a,b") == ["{a,b"]
    assert alternatives("{a,b}}{") == ["a}{", "b}{"]
    assert alternatives("{x{a,b}}") == ["{xa}", "{xb}"]
    with pytest.raises(UserError, match="up to 1,000 others"):
        alternatives("{a,b}" * 10)
    assert len(alternatives("{a,b}" * 9)) == 512
    assert patterns.MOST_ALTERNATIVES == 1000


texts = st.text("ab/._-", max_size=4)


@given(st.lists(st.one_of(texts, st.lists(texts, min_size=2, max_size=3)), max_size=4))
def test_braces_are_all_combinations(pieces: list[str | list[str]]) -> None:
    written = "".join(
        piece if isinstance(piece, str) else f"{{{','.join(piece)}}}" for piece in pieces
    )
    choices = [[piece] if isinstance(piece, str) else piece for piece in pieces]
    assert alternatives(written) == ["".join(one) for one in product(*choices)]


@given(st.text("ab_.*?/[]", max_size=8), st.lists(st.text("ab_.", min_size=1), min_size=1))
def test_what_is_hidden_is_hidden_by_a_name_of_its_own(glob: str, names: list[str]) -> None:
    """Against the plain rule: no name below the root begins so, but for those in the pattern."""
    pattern = Pattern("in", "in/", (glob,))
    path = "in/" + "/".join(names)
    own = [one for one in patterns_names(glob) if one[:1] in (".", "_") and one]
    hidden = any(name[0] in "._" and not any(name.startswith(one) for one in own) for name in names)
    assert (pattern.skips(path) == "hidden") == (hidden and glob != "")


def patterns_names(glob: str) -> list[str]:
    names = []
    for name in glob.split("/"):
        for at, letter in enumerate(name):
            if letter in "*?[":
                name = name[:at]
                break
        names.append(name)
    return names


def test_how_much_there_is_is_said() -> None:
    one = listing.Found("a", 1234, "")
    assert str(Listed((), (one,), {})) == "1 file, 1,234 bytes"
    assert str(Listed((), (one, one), {"hidden": 3, "folder": 1})) == (
        "2 files, 2,468 bytes; 4 skipped (hidden 3, folder 1)"
    )
