"""What became of the files: of parts in any order, in bounded memory, and which failures count."""

import json
import random
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import apache_beam as beam
import pytest
from apache_beam.runners.portability.fn_api_runner import FnApiRunner
from apache_beam.testing.util import assert_that, equal_to
from hypothesis import given
from hypothesis import strategies as st

from documents_for_tests import make_document, schema_faults
from runinference_metrics.errors import RunFailed, brief
from runinference_metrics.metrics import accounts, files
from runinference_metrics.metrics.accounts import Limits
from runinference_metrics.metrics.files import Files, WholeFiles, joined, why_failed
from runinference_metrics.metrics.summary import Summary
from runinference_metrics.records.events import DeadLettered, FileFound, PartRead
from runinference_metrics.writing.documents import write_metrics

SMALL = st.integers(0, 4)
REASONS = st.sampled_from(["", "corrupt_file", "unknown_format"])
PARTS = st.builds(
    lambda path, kept, blank, rejected, file_format, reason, detail: PartRead(
        path, kept + blank + rejected, blank, rejected, file_format, reason, detail,
        "bad_row" if rejected else "",
    ),
    st.sampled_from(["a", "b", "c"]), SMALL, SMALL, SMALL, st.sampled_from(["", "csv", "jsonl"]),
    REASONS, st.text(max_size=3),
)  # fmt: skip


@given(st.lists(PARTS, min_size=1, max_size=6), st.randoms())
def test_parts_are_joined_in_any_order_and_grouping(
    parts: list[PartRead], rng: random.Random
) -> None:
    def of_one_file(listed: list[PartRead]) -> PartRead:
        while len(listed) > 1:
            at = rng.randrange(len(listed) - 1)
            listed = [*listed[:at], joined(listed[at], listed[at + 1]), *listed[at + 2 :]]
        return listed[0]

    parts = [PartRead("a", *(getattr(part, name) for name in (
        "read", "blank", "rejected", "file_format", "reason", "detail", "first_reason",
    ))) for part in parts]  # fmt: skip
    whole = of_one_file(parts)
    assert whole == of_one_file(rng.sample(parts, len(parts)))
    assert (whole.read, whole.blank, whole.rejected) == (
        sum(part.read for part in parts),
        sum(part.blank for part in parts),
        sum(part.rejected for part in parts),
    )
    assert bool(whole.reason) == any(part.reason for part in parts)
    # What is said of a file is what was said of one of its parts.
    assert (whole.reason, whole.first_reason, whole.detail) in [
        (part.reason, part.first_reason, part.detail) for part in parts
    ]


@pytest.mark.parametrize(
    ("part", "expected"),
    [
        (PartRead("a", 5, 0), ""),
        (PartRead("a", 0, 0), ""),
        (PartRead("a", 5, 5), ""),
        (PartRead("a", 5, 2, 2, first_reason="x"), ""),
        # Blank rows save no file.
        (PartRead("a", 5, 2, 3, first_reason="x"), "x"),
        (PartRead("a", 1, 0, 1, first_reason="x"), "x"),
        # It broke off: what came before is no matter.
        (PartRead("a", 9, 0, 1, "csv", "corrupt_file", "d", "corrupt_file"), "corrupt_file"),
        (PartRead("a", 9, 0, 2, "csv", "corrupt_file", "d", "x"), "corrupt_file"),
        # One text a file: a bad one is a dead letter, as a bad line of a file is.
        (PartRead("a", 1, 0, 1, "document, utf-8", first_reason="x"), ""),
        (PartRead("a", 1, 0, 1, "document", "corrupt_file", "d", "corrupt_file"), "corrupt_file"),
    ],
)
def test_which_files_failed(part: PartRead, expected: str) -> None:
    assert why_failed(part) == expected


def test_a_big_file_is_one_file_in_a_pipeline() -> None:
    parts = [
        # Alone, the first would be a file of which every row was rejected.
        PartRead("big", 3, 0, 3, "csv", "", "d", "bad_row"), PartRead("big", 9, 1, 0, "csv"),
        PartRead("small", 2, 0, 0, "csv"), PartRead("big", 4, 4, 0, "csv"),
    ]  # fmt: skip
    with beam.Pipeline(runner=FnApiRunner()) as pipeline:
        found = pipeline | beam.Create(parts) | WholeFiles()
        assert_that(found, equal_to([
            PartRead("big", 16, 5, 3, "csv", "", "d", "bad_row"), PartRead("small", 2, 0, 0, "csv"),
        ]))  # fmt: skip


def added(whole: list[PartRead], skipped: Sequence[FileFound] = ()) -> Files:
    found = Files()
    for part in whole:
        found.add_found(FileFound(10))
        found.add_read(part)
    for file in skipped:
        found.add_found(file)
    return found


def unlike(number: int, rng: random.Random) -> PartRead:
    kept, blank, rejected = (rng.choice([0, rng.randint(0, 5)]) for _ in range(3))
    reason = rng.choice(["", "", "corrupt_file"])
    return PartRead(
        f"file-{number}", kept + blank + rejected, blank, rejected,
        rng.choice(["", f"csv of {rng.randint(1, 60)} columns"]), reason, "d" * number, "bad_row",
    )  # fmt: skip


@given(st.integers(0, 10**6), st.integers(0, 120), st.integers(1, 5))
def test_merging_gives_what_adding_all_gives(seed: int, number: int, groups: int) -> None:
    rng = random.Random(seed)
    whole = [unlike(one, rng) for one in range(number)]
    skipped = [FileFound(5, rng.choice("xy")) for _ in range(rng.randint(0, 5))]
    expected = added(whole, skipped).as_json()
    rng.shuffle(whole)
    parts = [added(whole[start::groups]) for start in range(groups)]
    merged = added([], skipped)
    for part in rng.sample(parts, groups):
        merged.merge(part)
    assert merged.as_json() == expected

    # Counted again, another way.
    failed = [one for one in whole if one.reason or 0 < one.read - one.blank == one.rejected]
    assert expected["found"] == number + len(skipped)
    assert expected["bytes"] == 10 * number + 5 * len(skipped)
    assert expected["failed"] == sum(expected["failed_by_reason"].values()) == len(failed)
    assert expected["read"] == number - len(failed)
    assert expected["skipped"] == sum(expected["skipped_by_reason"].values()) == len(skipped)
    assert expected["empty"] == sum(one.read == one.blank and not one.reason for one in whole)
    named = {one.path for one in whole if one.read > one.blank}
    assert expected["with_results"] == len(named)
    total = sum(zlib.crc32(one.encode()) for one in named)
    assert expected["fingerprint"] == f"{len(named)}-{total:016x}"
    described = [one.file_format for one in whole if one.file_format]
    assert sum(row["files"] for row in expected["formats"]) == len(described)
    assert len(expected["formats"]) <= files.MOST_FORMATS + 1
    lossy = [one for one in whole if one.reason or one.rejected]
    assert len(expected["worst"]) == min(files.MOST_WORST, len(lossy))
    assert [one["path"] for one in expected["worst"]] == [
        one.path
        for one in sorted(
            lossy, key=lambda one: (not one.reason, one not in failed, -one.rejected, one.path)
        )
    ][: files.MOST_WORST]


def test_what_is_said_of_a_file_is_bounded_and_fits_the_schema() -> None:
    events = [
        FileFound(7, "hidden"),
        *(FileFound(10) for _ in range(99)),
        *(
            PartRead(
                f"{number}.csv", 2, 0, 2, f"csv {number}", "", "x\x1b[31m\n" * 99_999, "bad_row"
            )
            for number in range(99)
        ),
        *(DeadLettered("bad_row") for _ in range(198)),
    ]
    document = make_document(files=events)
    found = document["files"]
    assert schema_faults(document) == []
    assert len(found["worst"]) == files.MOST_WORST
    assert all(len(one["detail"]) <= files.LONGEST_DETAIL for one in found["worst"])
    assert "\x1b" not in json.dumps(found, ensure_ascii=False)
    assert {"format": "others", "files": 79} in found["formats"]
    assert (found["found"], found["read"], found["skipped"], found["failed"]) == (100, 0, 1, 99)


@given(st.text(max_size=60), st.integers(1, 40))
def test_a_brief_text_is_one_printable_line(text: str, longest: int) -> None:
    shown = brief(text, longest)
    assert shown.isprintable()
    assert len(shown) <= longest
    if text.isprintable() and text == " ".join(text.split()) and len(text) <= longest:
        assert shown == text


def test_both_ends_of_a_long_name_are_shown() -> None:
    assert brief("gs://bucket/a/very/long/folder/a.csv", 20) == "gs://bucke…der/a.csv"


def lossy(number: int, failed: int) -> Files:
    return added(
        [
            *(PartRead(f"in/{n}.csv", 3, 0, 1, "csv", "corrupt_file", f"damage {n}", "corrupt_file")
              for n in range(failed)),
            *(PartRead(f"good-{n}.csv", 3, 0) for n in range(number - failed)),
        ]
    )  # fmt: skip


def test_failed_files_fail_the_run_by_name() -> None:
    accounts.check_failed_files(lossy(9, 0), 0)
    accounts.check_failed_files(lossy(9, 5), 5)
    with pytest.raises(RunFailed) as raised:
        accounts.check_failed_files(lossy(9, 1), 0)
    assert str(raised.value) == (
        "1 of 9 files could not be read to the end, or gave no row that could be read, more than "
        "--max_failed_files=0 allows: in/0.csv (corrupt_file: damage 0). All results are written: "
        "mend these files, or allow for them."
    )
    with pytest.raises(RunFailed, match=r"in/2.csv \(corrupt_file: damage 2\); and 2 more\."):
        accounts.check_failed_files(lossy(9, 5), 4)


def summary(*events: Any) -> Summary:
    found = Summary()
    for event in events:
        found.add(event)
    return found


@pytest.mark.parametrize("events", [[], [FileFound(9, "hidden")]])
def test_a_run_whose_files_are_gone_fails(events: list[FileFound]) -> None:
    gone = summary(*events)
    accounts.reconcile(gone)
    with pytest.raises(RunFailed, match="were there at the start, and none of them when"):
        accounts.check(gone, Limits(1, 9))


def test_a_run_that_predicted_nothing_of_its_rows_fails_whatever_is_allowed() -> None:
    all_bad = summary(
        FileFound(1), PartRead("a", 3, 1, 2, "csv", "", "d", "bad_row"),
        DeadLettered("bad_row"), DeadLettered("timed_out"),
    )  # fmt: skip
    with pytest.raises(RunFailed) as raised:
        accounts.check(all_bad, Limits(1, 9))
    assert str(raised.value) == (
        "Nothing was predicted: none of 2 rows got a prediction: bad_row 1, timed_out 1. See the "
        "dead letters."
    )
    assert accounts.nothing_to_predict(all_bad) == ""


def test_a_run_without_a_row_is_no_failure_and_says_so() -> None:
    nothing = summary(
        FileFound(1), FileFound(9), FileFound(0, "hidden"), PartRead("a", 0, 0), PartRead("b", 0, 0)
    )
    accounts.reconcile(nothing)
    accounts.check(nothing, Limits(0, 0))
    assert accounts.nothing_to_predict(nothing) == (
        "Nothing was predicted: of 3 files, 2 hold no row, and 1 were skipped as no data."
    )


def test_a_run_with_blank_rows_alone_fails() -> None:
    with pytest.raises(RunFailed, match="all 3 rows are blank"):
        accounts.check(summary(FileFound(9), PartRead("b", 3, 3)), Limits(1, 9))


@pytest.mark.parametrize(
    ("events", "message"),
    [
        (
            [FileFound(1), FileFound(1), PartRead("a", 0, 0)],
            "2 files found, but 1 read .* 1 too few",
        ),
        # Parts that were not joined.
        ([FileFound(1), PartRead("a", 0, 0), PartRead("a", 0, 0)], "1 files found.* 1 too many"),
        ([FileFound(1), PartRead("a", 1, 0)], "1 rows read, but 0 predicted"),
    ],
)
def test_a_lost_file_fails_the_run(events: list[Any], message: str) -> None:
    with pytest.raises(RunFailed, match=message):
        accounts.reconcile(summary(*events))


def test_secrets_in_names_are_not_written(tmp_path: Path) -> None:
    name = "https://host/a.csv?X-Goog-Signature=abcdef"
    document = make_document(
        files=[FileFound(1), PartRead(name, 1, 0, 1, "csv", "", f"of {name}", "x")],
    )
    write_metrics(str(tmp_path), document)
    written = (tmp_path / "metrics.json").read_text()
    assert "abcdef" not in written
    assert "X-Goog-Signature=REDACTED" in written
