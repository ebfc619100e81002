"""Files that are handed to what blames all errors on what it reads."""

import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, BinaryIO

# More than is read at once of files that are not damaged.
_PIECE_BYTES = 16 << 20


@dataclass
class Watched:
    """An opened file that remembers whether reading it failed, and not what it holds."""

    stream: BinaryIO
    error: BaseException | None = None
    closed: bool = field(default=False, init=False)

    def read(self, size: int = -1) -> bytes:
        # What a damaged file says of its size is not believed: so much memory is not there.
        return b"".join(self._pieces(size if size >= 0 else sys.maxsize))

    def _pieces(self, size: int) -> Iterator[bytes]:
        while size > 0 and (piece := self._noted(self.stream.read, min(size, _PIECE_BYTES))):
            yield piece
            size -= len(piece)

    def seek(self, offset: int, whence: int = 0) -> int:
        return self._noted(self.stream.seek, offset, whence)

    def tell(self) -> int:
        return self.stream.tell()

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def writable(self) -> bool:
        return False

    def flush(self) -> None:
        pass

    def close(self) -> None:
        pass

    def _noted(self, do: Any, *arguments: Any) -> Any:
        try:
            return do(*arguments)
        except BaseException as error:
            self.error = error
            raise
