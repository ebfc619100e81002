"""Decompressing streams in memory that does not grow with what comes out of them."""

import bz2
import lzma
import zlib
from collections.abc import Iterable, Iterator
from typing import Any

import zstandard

# The most bytes that a decompressor gives at once.
_CHUNK_BYTES = 1 << 20
# So much compressed data is taken at once. What lies behind a member is copied, so a file of many
# tiny members costs time in proportion to this.
_READ_BYTES = 1 << 14
# zstandard's decompressor takes no limit on what it gives, so it is fed in small bites. Four bytes
# of a hostile file can become a block of 128 KiB: a bite becomes at most 16 MiB.
_ZSTD_BITE_BYTES = 512
# The strongest preset of xz needs 65 MiB, and its largest dictionaries more than a worker has.
_XZ_MEMORY_BYTES = 128 << 20


class CorruptFile(Exception):
    """Compressed data ends early or is damaged."""


class _Member:
    """One member of a file, and a decompressor of Python's own for it."""

    def __init__(self, decoder: Any) -> None:
        self._decoder = decoder

    @property
    def eof(self) -> bool:
        return self._decoder.eof

    @property
    def unused_data(self) -> bytes:
        return self._decoder.unused_data


class _Gzip(_Member):
    """One member of a gzip file."""

    def __init__(self) -> None:
        # 16 + MAX_WBITS tells zlib to expect gzip's header.
        super().__init__(zlib.decompressobj(16 + zlib.MAX_WBITS))

    def decompress(self, data: bytes) -> Iterator[bytes]:
        while data and not self._decoder.eof:
            yield self._decoder.decompress(data, _CHUNK_BYTES)
            data = self._decoder.unconsumed_tail


class _Blocks(_Member):
    """One member of a file in blocks, which the decompressor keeps until they were asked for."""

    def decompress(self, data: bytes) -> Iterator[bytes]:
        yield self._decoder.decompress(data, _CHUNK_BYTES)
        while not self._decoder.eof and not self._decoder.needs_input:
            yield self._decoder.decompress(b"", _CHUNK_BYTES)


class _Bzip2(_Blocks):
    """One member of a bzip2 file."""

    def __init__(self) -> None:
        super().__init__(bz2.BZ2Decompressor())


class _Xz(_Blocks):
    """One stream of an xz file; one that asks for more memory than its limit is refused."""

    def __init__(self) -> None:
        super().__init__(lzma.LZMADecompressor(lzma.FORMAT_XZ, memlimit=_XZ_MEMORY_BYTES))


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


CODECS: dict[str, Any] = {"gzip": _Gzip, "bzip2": _Bzip2, "zstd": _Zstd, "xz": _Xz}
# With what a file may be filled up behind its last member, as tapes and block devices do.
_PADDING = {"gzip": b"\0", "xz": b"\0"}
ENDINGS = {".gz": "gzip", ".bz2": "bzip2", ".zst": "zstd", ".xz": "xz"}
# A level from 1 to 9 stands between this and a block, or the end of the stream.
_BZIP2, _BZIP2_PARTS = b"BZh", (b"1AY&SY", b"\x17rE8P\x90")
_BEGINNINGS = {
    "gzip": (b"\x1f\x8b\x08",),
    "bzip2": tuple(
        b"%s%d%s" % (_BZIP2, level, part) for level in range(1, 10) for part in _BZIP2_PARTS
    ),
    # A frame, or one that is to be skipped.
    "zstd": (b"\x28\xb5\x2f\xfd", *(b"%c\x2a\x4d\x18" % first for first in range(0x50, 0x60))),
    "xz": (b"\xfd7zXZ\x00",),
}
_ANY_BEGINNING = tuple(one for known in _BEGINNINGS.values() for one in known)


def codec_of(head: bytes) -> str | None:
    """The compression that the first bytes of a file show, or None."""
    if not head.startswith(_ANY_BEGINNING):
        return None
    return next(codec for codec, known in _BEGINNINGS.items() if head.startswith(known))


def named_codec(path: str) -> str | None:
    """The compression that a file's name tells, or None."""
    return ENDINGS.get(path[path.rfind(".") :].lower())


def decompressed(chunks: Iterable[bytes], codec: str) -> Iterator[bytes]:
    """Decompresses a stream of one or several members, chunk by chunk.

    Raises:
        CorruptFile: a member is damaged, or the last one ends early.
    """
    padding = _PADDING.get(codec, b"")
    decoder: Any = None
    behind_member = False
    for bite in _bites(chunks):
        data = bite.lstrip(padding) if behind_member else bite
        while data:
            behind_member = False
            decoder = decoder or CODECS[codec]()
            try:
                yield from decoder.decompress(data)
            except (zlib.error, lzma.LZMAError, OSError, EOFError, zstandard.ZstdError) as error:
                raise CorruptFile(f"the {codec} data is damaged ({error})") from error
            data = b""
            if decoder.eof:
                data, decoder = decoder.unused_data.lstrip(padding), None
                behind_member = True
    if decoder is not None:
        raise CorruptFile(f"the {codec} data ends early")


def _bites(chunks: Iterable[bytes]) -> Iterator[bytes]:
    for chunk in chunks:
        for start in range(0, len(chunk), _READ_BYTES):
            yield chunk[start : start + _READ_BYTES]
