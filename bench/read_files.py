"""One reader, in a process of its own: reads files as the pipeline does, and says how fast.

PYTHONPATH=CHECKOUT/src python bench/read_files.py PATTERN

`reading.py` starts it, once for each checkout and round. Beam has no part in what is timed: the
files are matched, cut into ranges and read into batches by the functions that the pipeline calls.
"""

import inspect
import json
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from apache_beam.io.filesystems import FileSystems

from runinference_metrics.options.command_line import AUTO_BATCH_SIZES
from runinference_metrics.reading import files, transform
from runinference_metrics.reading.fields import RowFields
from runinference_metrics.records.record import RecordBatch

FIELDS = RowFields("text", "id", ())


def resolved(pattern: str) -> Sequence[Any]:
    """The patterns that the workers get; this is a launch's work, and not timed."""
    try:
        from runinference_metrics.reading import listing

        return listing.listed([pattern]).patterns
    except ImportError:
        # Before files were looked at for how they are written.
        return [pattern]


def elements(patterns: Sequence[Any]) -> Iterator[Any]:
    """What reading emits: batches, and rejected rows and events as tagged outputs.

    All that differs between checkouts is in here and in the functions beside it.
    """
    have: dict[str, Any] = {"fields": FIELDS, "max_batch_size": AUTO_BATCH_SIZES["CPU"][1]}
    try:
        from runinference_metrics.reading import listing
        from runinference_metrics.reading.formats import FormatOptions

        have["options"] = FormatOptions()
        found: Any = [one for pattern in patterns for one in listing.found(pattern, patterns)]
        cut: Callable[..., Any] = transform._ranges
    except ImportError:
        found = FileSystems.match(list(patterns))[0].metadata_list
        cut = getattr(files, "ranges")  # noqa: B009
    reader = asked(transform._ReadRange, have)
    for file in found:
        size_bytes = getattr(file, "size_bytes", None) or file.size_in_bytes
        for part in asked(cut, {**have, "file": file, "path": file.path, "size_bytes": size_bytes}):
            yield from reader.process(part)


def asked(function: Callable[..., Any], have: dict[str, Any]) -> Any:
    """Calls it with what it asks for by name."""
    return function(**{name: have[name] for name in inspect.signature(function).parameters
                       if name in have})  # fmt: skip


def main() -> None:
    """Reads, and prints the records and the seconds of processor time as JSON."""
    patterns = resolved(sys.argv[1])
    started = time.process_time()
    records = sum(len(one) for one in elements(patterns) if isinstance(one, RecordBatch))
    print(json.dumps({"records": records, "cpu_secs": time.process_time() - started}))


if __name__ == "__main__":
    main()
