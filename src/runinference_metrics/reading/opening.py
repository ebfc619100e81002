"""Opening a range of a file: decompressed, understood and as UTF-8."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

from runinference_metrics.reading import encodings
from runinference_metrics.reading.compression import (
    CorruptFile,
    codec_of,
    decompressed,
    named_codec,
)
from runinference_metrics.reading.decoding import newline_chunks, utf8_chunks
from runinference_metrics.reading.files import FileRange, chunks_of
from runinference_metrics.reading.formats import AUTO, FileFormat, FormatOptions
from runinference_metrics.reading.sniffing import SNIFF_BYTES, Sample, sniffed

# Cloud Storage may hold a .gz file compressed once more (Content-Encoding); nobody does it thrice.
_MOST_CODECS = 2


_Sampled = tuple[tuple[str, ...], Sample, Iterator[bytes]]


@dataclass(frozen=True)
class Opened:
    """A range of a file, understood.

    Args:
        file_format: how it is written.
        chunks: its bytes as UTF-8, decompressed; asking for them may raise CorruptFile or OSError.
        stored: its bytes as they are stored, decompressed; instead of `chunks`, not besides.
        sample: its beginning, decompressed, if the format had to be found.
    """

    file_format: FileFormat
    chunks: Iterator[bytes]
    stored: Iterator[bytes]
    sample: Sample | None = None


def opened(stream: BinaryIO, part: FileRange, options: FormatOptions, text_field: str) -> Opened:
    """Finds how an opened file is written, if that is not known, and reads it so.

    Args:
        stream: the opened file.
        part: the range of it.
        options: what the user says of the files.
        text_field: the field or column with the text.

    Raises:
        Unclear: how it is written cannot be told safely.
        OSError: it cannot be read.
    """
    chunks = chunks_of(stream, part)
    found, sample = part.file_format, None
    if found is None:
        codecs, sample, chunks = _decompressed(part.path, chunks, options.compression)
        found = sniffed(part.path, sample, codecs, options, text_field)
    stored = chunks
    if found.encoding != "utf-8":
        chunks = utf8_chunks(chunks, found.encoding)
    if found.bare_returns:
        chunks = newline_chunks(chunks)
    return Opened(found, chunks, stored, sample)


def _decompressed(path: str, chunks: Iterator[bytes], compression: str) -> _Sampled:
    """The compressions, the beginning and the whole of what is in a file."""
    if compression not in (AUTO, "none"):
        beginning, chunks = _sampled(chunks, 1)
        # A file of no bytes holds no rows, whatever its name says.
        if beginning.head:
            return _sampled_as(compression, chunks)
    if compression != AUTO:
        return (), *_sampled(chunks, SNIFF_BYTES)
    found: tuple[str, ...] = ()
    sample, chunks = _sampled(chunks, SNIFF_BYTES)
    while len(found) < _MOST_CODECS and (codec := codec_of(sample.head)):
        found += (codec,)
        sample, chunks = _sampled(decompressed(chunks, codec), SNIFF_BYTES)
    said = named_codec(path)
    if said and not found and not encodings.is_text(sample.head):
        # Neither as it is named nor plain text that is named so by mistake.
        return _sampled_as(said, chunks)
    return found, sample, chunks


def _sampled_as(codec: str, chunks: Iterator[bytes]) -> _Sampled:
    sample, chunks = _sampled(decompressed(chunks, codec), SNIFF_BYTES)
    return (codec,), sample, chunks


def _sampled(chunks: Iterator[bytes], num_bytes: int) -> tuple[Sample, Iterator[bytes]]:
    """The beginning of a stream, and the whole of it."""
    held: list[bytes] = []
    size, error = 0, None
    try:
        for chunk in chunks:
            held.append(chunk)
            size += len(chunk)
            if size > num_bytes:
                break
    except CorruptFile as damage:
        # It is said where the rows end.
        error = damage
    head = held[0] if len(held) == 1 else b"".join(held)
    return Sample(head[:num_bytes], size <= num_bytes), _again(held, chunks, error)


def _again(
    held: list[bytes], chunks: Iterator[bytes], error: CorruptFile | None
) -> Iterator[bytes]:
    yield from held
    if error:
        raise error
    yield from chunks
