"""How many rows a second a core reads and writes in each format, beside JSON lines.

    python bench/formats.py [--rows=100000] [--rounds=5]

Rows are sentences with an id and four more typed columns that are kept. Reading is what the
pipeline's reading step does, to batches of records; writing is what its writing step does, from
classified batches to finished files. Neither Beam nor a model has a part. What is told is processor
time, of all threads, in turns; the file system's share is in it.
"""

import argparse
import datetime
import decimal
import random
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa

from runinference_metrics.reading.fields import RowFields
from runinference_metrics.reading.files import FileRange
from runinference_metrics.reading.formats import AS_FOUND
from runinference_metrics.reading.rows import rows
from runinference_metrics.records.classification import Classification
from runinference_metrics.records.kept_types import KeptTypes
from runinference_metrics.records.measured import NO_WORK
from runinference_metrics.records.prediction import ALL, PredictionTable, lines
from runinference_metrics.records.record import ClassifiedBatch, RecordBatch
from runinference_metrics.writing.formats import Output, has_columns

FORMATS = ("jsonl", "csv", "parquet", "avro")
BATCH = 512
WORDS = "the film is a good bad dull fine story with great poor acting and very little else".split()  # noqa: SIM905
KEPT = pa.schema([
    ("stars", pa.int64()),
    ("price", pa.decimal128(10, 2)),
    ("at", pa.timestamp("us", "UTC")),
    ("tags", pa.list_(pa.string())),
])  # fmt: skip
START = datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)


def batches(number: int) -> Iterator[ClassifiedBatch]:
    """Classified batches of random sentences, always the same."""
    chance = random.Random(20261128)
    from runinference_metrics.records.kept import Kept

    run: Any = None
    for start in range(0, number, BATCH):
        size = min(BATCH, number - start)
        texts: list[Any] = [
            " ".join(chance.choices(WORDS, k=chance.randint(4, 30))) for _ in range(size)
        ]
        kept = [{"stars": chance.randint(1, 5),
                 "price": decimal.Decimal(chance.randint(0, 99999)) / 100,
                 "at": START + datetime.timedelta(microseconds=chance.randint(0, 10**13)),
                 "tags": chance.sample(["a", "b", "c"], chance.randint(0, 3))}
                for _ in range(size)]  # fmt: skip
        scores = [[share, 1 - share] for share in (chance.random() for _ in range(size))]
        found = Classification(
            ("NEGATIVE", "POSITIVE"), scores, [int(one[1] > 0.5) for one in scores], NO_WORK
        )
        places = list(range(start + 1, start + size + 1))
        batch = RecordBatch(texts, ["in.jsonl"] * size, places, [*places],
                            Kept.of(kept, KEPT), [None] * size)  # fmt: skip
        yield ClassifiedBatch(batch, found, run)


def output(name: str) -> Output:
    """How a format is written."""
    table = PredictionTable(ALL, KeptTypes(pa.int64(), KEPT), tuple(KEPT.names))
    if not has_columns(name):
        return Output(name)
    return Output(name, ALL, table, schema=table.schema)


def write(name: str, found: list[ClassifiedBatch], path: Path) -> None:
    """Writes all batches into one shard."""
    written = output(name)
    shard = written.shard(path.open("wb"))
    for one in found:
        shard.write(written.table.columns(one) if written.table else b"\n".join(lines(one)))
    shard.close()


def read(path: Path, name: str, fields: RowFields) -> int:
    """Reads a file into batches; how many rows it had."""
    count, records = 0, []
    for one in rows(FileRange(str(path)), fields, AS_FOUND, BATCH):
        if isinstance(one, RecordBatch):
            count += len(one)
            continue
        records.append(one)
        if len(records) == BATCH:
            count += len(RecordBatch.of(records))  # type: ignore[arg-type]
            records = []
    return count + len(records)


def timed(do: Callable[[], Any]) -> float:
    """The processor time of something."""
    started = time.process_time()
    do()
    return time.process_time() - started


def main() -> None:
    """Measures in turns, and prints rows a second of a core, and how that is beside JSON lines."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=5)
    given = parser.parse_args()
    found = list(batches(given.rows))
    cases = {
        "text and id": RowFields("text", "id", ()),
        "and four kept columns": RowFields("text", "id", tuple(KEPT.names)),
    }
    times: dict[tuple[str, str], list[float]] = {}
    with tempfile.TemporaryDirectory() as folder:
        paths = {name: Path(folder) / f"rows.{name}" for name in FORMATS}
        for _ in range(given.rounds):
            for name, path in paths.items():
                taken = timed(lambda: write(name, found, path))  # noqa: B023
                times.setdefault((name, "written"), []).append(taken)
            for what, fields in cases.items():
                for name, path in paths.items():
                    if name == "jsonl":
                        named = tuple(f"fields.{one}" for one in fields.keep_fields)
                        fields = RowFields("text", "id", named)
                    taken = timed(lambda: read(path, name, fields))  # noqa: B023
                    times.setdefault((name, f"read, {what}"), []).append(taken)
    for what in ("written", *(f"read, {one}" for one in cases)):
        for name in FORMATS:
            ratios = [
                first / one
                for first, one in zip(times["jsonl", what], times[name, what], strict=True)
            ]
            a_second = given.rows / statistics.median(times[name, what])
            print(f"{what:30} {name:8} {a_second:12,.0f} rows/s "
                  f"{statistics.median(ratios):6.2f} times JSON lines "
                  f"({min(ratios):.2f} to {max(ratios):.2f})")  # fmt: skip


if __name__ == "__main__":
    main()
