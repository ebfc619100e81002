"""Lines and archives that are far larger than they look: memory stays bounded."""

import subprocess
import sys
from pathlib import Path

import pytest
from files_for_tests import COMPRESS

from conftest import ROOT

pytestmark = pytest.mark.starts

# Reads files; prints for each how many rows there were and how many were dead letters for their
# length; at last, by how many MiB the process's peak memory grew.
READ = """
import os, resource, sys
from runinference_metrics.reading.files import FileRange
from runinference_metrics.reading.formats import FormatOptions
from runinference_metrics.reading.ranges import ranges
from runinference_metrics.reading.fields import RowFields
from runinference_metrics.reading.rows import rows
from runinference_metrics.records.record import Rejected
# A file of zeros is no text unless somebody says so.
SAID = FormatOptions(encoding="utf-8")
peak = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
before = peak()
for path in sys.argv[1:]:
    count = long = 0
    for part in ranges(path, os.path.getsize(path), SAID, RowFields("text", "", ())):
        for row in rows(part, RowFields("text", "", ()), SAID):
            count += 1
            long += isinstance(row, Rejected) and row.reason == "row_too_long"
    print(count, long)
print(peak() - before)
"""
# Some chunks of 1 MiB and a row of 4 MiB, each a few times, as bytes and as text.
BOUND_MIB = 64


def read(*paths: Path) -> list[tuple[int, int]]:
    # The import of Beam takes longer than all the reading, hence one process for many files.
    done = subprocess.run(
        [sys.executable, "-c", READ, *map(str, paths)],
        cwd=ROOT, capture_output=True, text=True, check=True, timeout=120,
    )  # fmt: skip
    *counts, grown_mib = done.stdout.splitlines()
    assert int(grown_mib) < BOUND_MIB
    return [(int(count), int(long)) for count, long in map(str.split, counts)]


def test_a_line_of_100_mb(tmp_path: Path) -> None:
    paths = [tmp_path / f"a{ending}" for ending in (".txt", ".jsonl", ".csv")]
    for path in paths:
        with path.open("wb") as stream:
            stream.write(b"text\n" if path.suffix == ".csv" else b"")
            # A hole in the file, read as NULs.
            stream.seek(100_000_000, 1)
            stream.write(b"\n\n")
    assert read(*paths) == [(2, 1)] * 3


# One member is larger than what a reader takes at once; the file is many of them.
BOMBS: dict[str, tuple[bytes, tuple[int, int]]] = {
    "one line": (b"x" * (64 << 20), (1, 1)),
    "long lines": ((b"x" * (8 << 20) + b"\n") * 8, (16, 16)),
    "blank lines": (b"\n" * (1 << 20), (2 << 20, 0)),
}


def hand_made_zstd() -> bytes:
    """A frame in which every four bytes say "128 KiB of x"; no compressor writes one."""
    # Magic number, no options, a window of 128 KiB (RFC 8878, 3.1.1).
    header = b"\x28\xb5\x2f\xfd\x00\x38"
    # The block's size, and its type: 1, one byte repeated. The lowest bit marks the last block.
    block = ((1 << 17) << 3 | 1 << 1).to_bytes(3, "little") + b"x"
    last = ((1 << 17) << 3 | 1 << 1 | 1).to_bytes(3, "little") + b"x"
    return header + block * 2047 + last


def test_archives_that_explode(tmp_path: Path) -> None:
    expected, paths = [(1, 1)], [tmp_path / "hand-made.txt.zst"]
    # 256 MiB in 8 KiB.
    paths[0].write_bytes(hand_made_zstd())
    for kind, (content, counts) in BOMBS.items():
        for codec in (".gz", ".bz2", ".zst"):
            path = tmp_path / f"{kind}.txt{codec}"
            path.write_bytes(COMPRESS[codec](content) * 2)
            assert path.stat().st_size < 1 << 20
            paths.append(path)
            expected.append(counts)
    assert read(*paths) == expected


def test_a_quote_that_is_never_closed_in_a_large_file(tmp_path: Path) -> None:
    path = tmp_path / "a.csv.gz"
    line = b"n" * 999_999 + b"\n"
    path.write_bytes(COMPRESS[".gz"](b'text\n"' + line * 100))
    # The fifth line makes the row too long; the others are rows again, below a header that is gone.
    assert read(path) == [(96, 1)]
