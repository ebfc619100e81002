"""Files that are not UTF-8 to UTF-8, chunk by chunk, so that what reads rows knows one encoding."""

import codecs
from collections.abc import Iterable, Iterator

# No UTF-8 has this byte: a row with it is rejected as a row that could not be decoded.
_INVALID = "\udcff"
_ERRORS = "runinference_metrics.invalid"


def _mark(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeDecodeError):
        raise error
    return _INVALID, error.end


codecs.register_error(_ERRORS, _mark)


def utf8_chunks(chunks: Iterable[bytes], encoding: str) -> Iterator[bytes]:
    """The same text as UTF-8; what is none in `encoding` becomes the byte 0xFF."""
    decoder = codecs.getincrementaldecoder(encoding)(_ERRORS)
    for chunk in chunks:
        yield decoder.decode(chunk).encode(errors="surrogateescape")
    yield decoder.decode(b"", final=True).encode(errors="surrogateescape")


def keeps_line_ends(encoding: str) -> bool:
    """Whether a line of a file in this encoding ends with the byte of a newline and nothing more.

    So it is where ASCII stands for itself; then a file can be cut at its line ends.
    """
    ascii_only = bytes(range(128))
    try:
        return ascii_only.decode(encoding) == ascii_only.decode("ascii")
    except UnicodeDecodeError:
        return False


def newline_chunks(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """UTF-8 whose lines end with a carriage return alone, with newlines instead."""
    for chunk in chunks:
        yield chunk.replace(b"\r", b"\n")
