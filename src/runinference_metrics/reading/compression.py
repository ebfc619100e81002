"""Decompressing streams in memory that does not grow with what comes out of them."""

import bz2
import zlib
from collections.abc import Iterator
from typing import Any, BinaryIO

import zstandard

# The most bytes that a decompressor gives at once.
_CHUNK_BYTES = 1 << 20
# One read of a compressed file. What lies behind a member is copied, so a file of many tiny members
# costs time in proportion to this.
_READ_BYTES = 1 << 14
# zstandard's decompressor takes no limit on what it gives, so it is fed in small bites. Four bytes
# of a hostile file can become a block of 128 KiB: a bite becomes at most 16 MiB.
_ZSTD_BITE_BYTES = 512


class CorruptFile(Exception):
    """Compressed data ends early or is damaged."""


class _Gzip:
    """One member of a gzip file."""

    def __init__(self) -> None:
        # 16 + MAX_WBITS tells zlib to expect gzip's header.
        self._decoder = zlib.decompressobj(16 + zlib.MAX_WBITS)

    def decompress(self, data: bytes) -> Iterator[bytes]:
        while data and not self._decoder.eof:
            yield self._decoder.decompress(data, _CHUNK_BYTES)
            data = self._decoder.unconsumed_tail

    @property
    def eof(self) -> bool:
        return self._decoder.eof

    @property
    def unused_data(self) -> bytes:
        # gzip files may be padded with zeros, which are no further member.
        return self._decoder.unused_data.lstrip(b"\0")


class _Bzip2:
    """One member of a bzip2 file."""

    def __init__(self) -> None:
        self._decoder = bz2.BZ2Decompressor()

    def decompress(self, data: bytes) -> Iterator[bytes]:
        yield self._decoder.decompress(data, _CHUNK_BYTES)
        while not self._decoder.eof and not self._decoder.needs_input:
            yield self._decoder.decompress(b"", _CHUNK_BYTES)

    @property
    def eof(self) -> bool:
        return self._decoder.eof

    @property
    def unused_data(self) -> bytes:
        return self._decoder.unused_data


class _Zstd:
    """One frame of a zstd file; one that asks for a window beyond 128 MiB is refused by zstd."""

    def __init__(self) -> None:
        self._decoder = zstandard.ZstdDecompressor().decompressobj()
        self.unused_data = b""

    def decompress(self, data: bytes) -> Iterator[bytes]:
        for start in range(0, len(data), _ZSTD_BITE_BYTES):
            bite = data[start : start + _ZSTD_BITE_BYTES]
            given = self._decoder.decompress(bite)
            for at in range(0, len(given), _CHUNK_BYTES):
                yield given[at : at + _CHUNK_BYTES]
            if self._decoder.eof:
                self.unused_data = self._decoder.unused_data + data[start + len(bite) :]
                return

    @property
    def eof(self) -> bool:
        return self._decoder.eof


CODECS: dict[str, Any] = {".gz": _Gzip, ".bz2": _Bzip2, ".zst": _Zstd}


def decompressed(stream: BinaryIO, codec: str) -> Iterator[bytes]:
    """Decompresses a stream of one or several members, chunk by chunk.

    Raises:
        CorruptFile: a member is damaged, or the last one ends early.
    """
    decoder: Any = None
    while data := stream.read(_READ_BYTES):
        while data:
            decoder = decoder or CODECS[codec]()
            try:
                yield from decoder.decompress(data)
            except (zlib.error, OSError, EOFError, zstandard.ZstdError) as error:
                raise CorruptFile(f"the {codec} data is damaged ({error})") from error
            data = b""
            if decoder.eof:
                data, decoder = decoder.unused_data, None
    if decoder is not None:
        raise CorruptFile(f"the {codec} data ends early")
