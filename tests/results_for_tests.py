"""Output folders in every format as runs leave them, written without one."""

import json
import random
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa

from documents_for_tests import PARAMETERS, make_batch, make_document
from runinference_metrics.metrics.files import fingerprint, fingerprint_of
from runinference_metrics.options.output import output_fields
from runinference_metrics.records.classification import Classification
from runinference_metrics.records.kept_types import kept_types
from runinference_metrics.records.measured import BatchStats
from runinference_metrics.records.prediction import PredictionFields, PredictionTable, lines
from runinference_metrics.records.record import ClassifiedBatch, Record, RecordBatch, Rejected
from runinference_metrics.writing.formats import Output, has_columns

FORMATS = ("jsonl", "jsonl.gz", "csv", "csv.gz", "parquet", "avro")
_RUN = make_batch(random.Random(1)).run
_STATS = BatchStats(1, 1, 0, 0, 1, 1, 1, 1, {1: 1})


def classified(
    records: Sequence[Record], labels: Sequence[str], scores: Sequence[Sequence[float]]
) -> ClassifiedBatch:
    """Records with their scores, the highest of which wins."""
    winners: list[int | None] = [row.index(max(row)) for row in map(list, scores)]
    found = Classification(tuple(labels), [list(row) for row in scores], winners, _STATS)
    return ClassifiedBatch(RecordBatch.of(records), found, _RUN)


def output(name: str, fields: str = "", ids: pa.DataType | None = None, pairs: bool = False,
           labelled: bool = False) -> Output:  # fmt: skip
    """How predictions are written, with nothing kept."""
    found = output_fields(fields)
    wanted = PredictionFields(found.names, found.most_scores)
    if not has_columns(name):
        return Output(name, wanted)
    types = kept_types(None if ids is None else [ids], {})
    table = PredictionTable(wanted, types, (), pairs, labelled)
    return Output(name, wanted, table, schema=table.schema)


def write_shard(path: Path, how: Output, *batches: ClassifiedBatch) -> None:
    """Writes a shard."""
    shard = how.shard(path.open("wb"))
    for one in batches:
        shard.write(how.table.columns(one) if how.table else b"\n".join(lines(one, how.wanted)))
    shard.close()


def write_folder(
    folder: Path, how: Output, batches: Sequence[ClassifiedBatch], dead: Sequence[Rejected] = (),
    fields: str = "",
) -> Path:  # fmt: skip
    """Writes a folder with a shard a batch, and the metrics.json that fits it."""
    folder.mkdir()
    for at, batch in enumerate(batches):
        name = f"predictions-{at:05}-of-{len(batches):05}{how.suffix}"
        write_shard(folder / name, how, batch)
    letters = b"".join(one.json_line() + b"\n" for one in dead)
    (folder / "dead_letters-00000-of-00001.jsonl").write_bytes(letters)
    (folder / "metrics.json").write_text(json.dumps(document(batches, dead, fields)))
    return folder


def document(
    batches: Sequence[ClassifiedBatch], dead: Sequence[Rejected], fields: str
) -> dict[str, Any]:
    """What metrics.json says of these, as far as it can be counted again."""
    found = make_document(batches=1, parameters={**PARAMETERS, "output_fields": fields})
    labels: Counter[str] = Counter()
    sources = {one.source for one in dead}
    for batch in batches:
        winners = batch.classification.winners
        labels.update(batch.classification.label_names[one] for one in winners if one is not None)
        sources |= {*batch.batch.sources}
    predicted, files = labels.total(), len(sources)
    found["records"] |= {
        "read": predicted + len(dead), "predicted": predicted, "dead_lettered": len(dead),
        "blank": 0, "dead_letters_by_reason": Counter(one.reason for one in dead),
    }  # fmt: skip
    found["files"] |= {
        "found": files, "read": files, "skipped": 0, "failed": 0, "with_results": files,
        "fingerprint": fingerprint(files, sum(map(fingerprint_of, sources)) % 2**64),
    }  # fmt: skip
    found["labels"] = [
        {**found["labels"][0], "label": label, "texts": texts} for label, texts in labels.items()
    ]
    found["run"]["source"] = "pipeline"
    return found
