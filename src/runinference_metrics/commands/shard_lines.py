"""The lines of an output folder's shards."""

from collections.abc import Iterator

from runinference_metrics.reading import limits
from runinference_metrics.reading.files import CHUNK_BYTES, open_raw
from runinference_metrics.reading.lines import Lines

# Characters become up to six in JSON, and a long field may be there as id and under fields.
_MAX_LINE_BYTES = 16 * limits.MAX_ROW_BYTES


def lines_of(path: str) -> Iterator[tuple[int, bytes]]:
    """The lines of a shard, with their numbers from 1."""
    with open_raw(path) as stream:
        lines = Lines(iter(lambda: stream.read(CHUNK_BYTES), b""), 1, _MAX_LINE_BYTES)
        for line in lines:
            yield lines.number, line
