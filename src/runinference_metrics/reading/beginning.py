"""The beginning of a file: what lies behind it is not read."""

import io
from typing import BinaryIO, cast

from runinference_metrics.reading.files import open_raw


class Enough(Exception):
    """More of a file is not read."""


class _Beginning(io.RawIOBase):
    """The first bytes of an opened file; reading beyond them raises Enough, if there is more."""

    def __init__(self, stream: BinaryIO, most: int) -> None:
        super().__init__()
        self._stream = stream
        self._left = most

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        wanted = max(1, self._left if size < 0 else min(size, self._left))
        data = self._stream.read(wanted)
        if data and not self._left:
            raise Enough
        self._left -= len(data)
        return data

    def close(self) -> None:
        self._stream.close()
        super().close()


def open_beginning(path: str, most: int) -> BinaryIO:
    """Opens a file as `open_raw` does, for so many bytes as they are stored.

    Args:
        path: the file.
        most: how many bytes; who asks for more, and there are more, gets `Enough` raised.
    """
    return cast(BinaryIO, _Beginning(open_raw(path), most))
