"""Opening a range of a file: decompressed, understood and as UTF-8."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

from runinference_metrics.reading import encodings
from runinference_metrics.reading.compression import (
    BEGINNING_BYTES,
    ENDINGS,
    CorruptFile,
    codec_of,
    decompressed,
)
from runinference_metrics.reading.decoding import newline_chunks, utf8_chunks
from runinference_metrics.reading.files import FileRange, chunks_of
from runinference_metrics.reading.formats import AUTO, FileFormat, FormatOptions
from runinference_metrics.reading.sniffing import SNIFF_BYTES, Sample, sniffed

# Cloud Storage may hold a .gz file compressed once more (Content-Encoding); nobody does it thrice.
_MOST_CODECS = 2


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
        codecs, chunks = _decompressed(part.path, chunks, options.compression)
        sample, chunks = _sampled(chunks, SNIFF_BYTES)
        found = sniffed(part.path, sample, codecs, options, text_field)
    stored = chunks
    if found.encoding != "utf-8":
        chunks = utf8_chunks(chunks, found.encoding)
    if found.bare_returns:
        chunks = newline_chunks(chunks)
    return Opened(found, chunks, stored, sample)


def _decompressed(
    path: str, chunks: Iterator[bytes], compression: str
) -> tuple[tuple[str, ...], Iterator[bytes]]:
    if compression == "none":
        return (), chunks
    if compression != AUTO:
        beginning, chunks = _sampled(chunks, 1)
        # A file of no bytes holds no rows, whatever its name says.
        return (
            ((compression,), decompressed(chunks, compression)) if beginning.head else ((), chunks)
        )
    codecs: tuple[str, ...] = ()
    while len(codecs) < _MOST_CODECS:
        beginning, chunks = _sampled(chunks, BEGINNING_BYTES)
        codec = codec_of(beginning.head)
        if codec is None:
            break
        codecs += (codec,)
        chunks = decompressed(chunks, codec)
    said = next((codec for ending, codec in ENDINGS.items() if path.lower().endswith(ending)), None)
    if said and not codecs:
        # Named so by mistake, and plain text after all; or damaged.
        sample, chunks = _sampled(chunks, SNIFF_BYTES)
        if not encodings.is_text(sample.head):
            return (said,), decompressed(chunks, said)
    return codecs, chunks


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
