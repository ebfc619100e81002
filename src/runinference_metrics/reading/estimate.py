"""How many rows files hold, estimated from the first rows of some of them."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from runinference_metrics.reading.compression import CorruptFile, decompressed
from runinference_metrics.reading.files import open_raw
from runinference_metrics.reading.listing import Found
from runinference_metrics.reading.preview import Preview

# What is decompressed to see how much comes out: of bzip2, which has the largest blocks, one at
# least; and not more than that of a file that explodes.
_STORED_BYTES, _MOST_BYTES = 1 << 20, 16 << 20
# So much is given to the decompressor at once, to know what it needed for what it gave.
_BITE_BYTES = 1 << 12


@dataclass(frozen=True)
class Estimate:
    """How many rows there are.

    Args:
        rows: the number of them.
        exact: whether all were counted.
    """

    rows: int
    exact: bool

    def __str__(self) -> str:
        """The number, and whether it is one; two digits of an estimate are enough."""
        if self.exact:
            return f"{self.rows:,}"
        return f"about {float(f'{self.rows:.2g}'):,.0f}"


def estimated(previews: Sequence[Preview], files: Iterable[Found]) -> Estimate:
    """The rows of all files.

    Args:
        previews: the files that were looked at.
        files: all files.
    """
    paths = {one.path for one in previews}
    others = [file for file in files if file.path not in paths and file.size_bytes]
    rows = sum(_rows(one) for one in previews)
    size = sum(one.size_bytes for one in previews)
    if others and size:
        # Files of one input are much alike.
        rows += rows / size * sum(file.size_bytes for file in others)
    told = all(one.whole or one.num_rows is not None for one in previews)
    return Estimate(round(rows), not others and told)


def _rows(one: Preview) -> float:
    """The rows of a file."""
    if one.num_rows is not None:
        return one.num_rows
    if one.whole or not one.row_bytes or one.file_format is None:
        return one.rows
    stored = one.row_bytes * one.stored_share
    codecs = one.file_format.codecs
    growth = _growth(one.path, codecs) if codecs else 1.0
    return max(one.rows, one.rows / stored * one.size_bytes * growth)


def _growth(path: str, codecs: Sequence[str]) -> float:
    """How many bytes come out of one that is stored, at the beginning of a file."""
    taken = given = 0
    best = 1.0

    def bites() -> Iterator[bytes]:
        nonlocal taken
        with open_raw(path) as stream:
            data = stream.read(_STORED_BYTES)
        for start in range(0, len(data), _BITE_BYTES):
            taken = min(start + _BITE_BYTES, len(data))
            yield data[start : start + _BITE_BYTES]

    chunks: Iterator[bytes] = bites()
    for codec in codecs:
        chunks = decompressed(chunks, codec)
    try:
        for chunk in chunks:
            given += len(chunk)
            best = given / taken
            if given >= _MOST_BYTES:
                break
    except CorruptFile:
        # The file goes on where its beginning ends.
        pass
    return best
