"""The lines of a file, plain or compressed, in memory that is bounded whatever the file holds."""

from collections.abc import Iterable, Iterator

from runinference_metrics.reading import limits

_BOM = b"\xef\xbb\xbf"
# Files that were put behind one another bring their marks along.
_BOM_WITHIN = b"\n" + _BOM
# No line has more marks than this before it; they count as no part of it.
_MOST_MARKS_BYTES = 16 * len(_BOM)


class Lines:
    """The lines of a stream of chunks, as bytes without their newline, in bounded memory.

    Of a line beyond the limit only the first `limits.ROW_PREFIX_BYTES` are given.

    Attributes:
        number: the number of the last line given.
        cut_from_bytes: the true length of the last line given, if it was cut; else 0.

    Args:
        chunks: the stream.
        first_line: the number of its first line, from 1.
        max_bytes: the limit.
    """

    def __init__(self, chunks: Iterable[bytes], first_line: int, max_bytes: int) -> None:
        self._chunks = chunks
        self._at_start = True
        self._max_bytes = max_bytes
        self._held: list[bytes] = []
        self._held_bytes = 0
        self.number = first_line - 1
        self.cut_from_bytes = 0

    @property
    def rest(self) -> bytes:
        """The beginning of what has no newline yet."""
        return b"".join(self._held)

    def __iter__(self) -> Iterator[bytes]:
        for chunk in self._chunks:
            while _BOM_WITHIN in chunk:
                chunk = chunk.replace(_BOM_WITHIN, b"\n")
            self._at_start = self._at_start or chunk.startswith(_BOM)
            *complete, last = chunk.split(b"\n")
            for piece in complete:
                self.number += 1
                if self._held or self._at_start or len(piece) > self._max_bytes:
                    yield self._joined(piece)
                    self.cut_from_bytes = 0
                else:
                    yield piece
            if last:
                self._hold(last)
        if self._held and (last := self._joined(b"")):
            self.number += 1
            yield last

    def _hold(self, piece: bytes) -> None:
        self._held_bytes += len(piece)
        self._held.append(piece)
        if self._held_bytes > self._max_bytes + _MOST_MARKS_BYTES:
            self._held = [self.rest[: limits.ROW_PREFIX_BYTES + _MOST_MARKS_BYTES]]

    def _joined(self, piece: bytes) -> bytes:
        """The line that ends with `piece`."""
        self._hold(piece)
        line = self.rest
        # Of a file's first line, and of one that lies across two chunks.
        while line.startswith(_BOM):
            line = line.removeprefix(_BOM)
            self._held_bytes -= len(_BOM)
        if self._held_bytes > self._max_bytes:
            self.cut_from_bytes = self._held_bytes
            line = line[: limits.ROW_PREFIX_BYTES]
        self._held, self._held_bytes, self._at_start = [], 0, False
        return line
