"""A line at the end of a file to which others add lines too: once, whole, and nobody's lost."""

import contextlib
import fcntl
import os
import random
import time
from collections.abc import Callable, Iterable
from typing import BinaryIO

from apache_beam.io.filesystems import FileSystems
from apache_beam.io.gcp.gcsio import create_storage_client
from apache_beam.options.pipeline_options import PipelineOptions
from google.api_core.exceptions import NotFound, PreconditionFailed, TooManyRequests
from google.cloud import storage
from google.cloud.storage.retry import DEFAULT_RETRY

# Whether a line is there already, of the lines that are.
IsThere = Callable[[Iterable[bytes]], bool]

# Cloud Storage takes one write a second of an object: a hundred runs that end at once, and some.
PATIENCE_SECS = 180.0
# Long enough for a hiccup of the service, short enough for a person who waits.
_LOOK_WITHIN_SECS = 20.0
_FIRST_PAUSE_SECS, _LONGEST_PAUSE_SECS = 0.2, 8.0


def append(path: str, line: bytes, is_there: IsThere) -> bool:
    """Adds a line to the end of a file, local or gs://, which is made if there is none.

    Args:
        path: the file.
        line: with the byte that ends it.
        is_there: whether nothing is to be added.

    Returns:
        Whether it was added.
    """
    if path.startswith("gs://"):
        return _append_to_object(path, line, is_there)
    os.makedirs(os.path.dirname(path) or ".", exist_ok=True)
    while True:
        with open(path, "a+b") as stream:
            fcntl.flock(stream, fcntl.LOCK_EX)
            # Who moved the file away while this waited has left another one, or none.
            if _is_still_at(stream, path):
                return _append_to_locked(stream, line, is_there)


def _is_still_at(stream: BinaryIO, path: str) -> bool:
    try:
        return os.path.samestat(os.fstat(stream.fileno()), os.stat(path))
    except FileNotFoundError:
        return False


def _append_to_locked(stream: BinaryIO, line: bytes, is_there: IsThere) -> bool:
    stream.seek(0)
    if is_there(stream):
        return False
    size = stream.seek(0, os.SEEK_END)
    try:
        # Past the stream's buffer, which would try once more what failed.
        left = _mending(stream, size) + line
        while left:
            left = left[os.write(stream.fileno(), left) :]
        os.fsync(stream.fileno())
    except OSError:
        # A disk that is full takes half a line.
        with contextlib.suppress(OSError):
            os.truncate(stream.fileno(), size)
        raise
    return True


def _mending(stream: BinaryIO, size: int) -> bytes:
    """What ends a last line that nobody ended."""
    if not size:
        return b""
    stream.seek(size - 1)
    return b"" if stream.read(1) == b"\n" else b"\n"


def _append_to_object(path: str, line: bytes, is_there: IsThere) -> bool:
    """Writes the object anew with the line; another's write meanwhile makes it read again."""
    bucket, name = _bucket_and_name(path)
    end, pause = time.monotonic() + PATIENCE_SECS, _FIRST_PAUSE_SECS
    while True:
        try:
            content, generation = _content(bucket, name)
            if is_there(content.split(b"\n")):
                return False
            mending = b"\n" if content and not content.endswith(b"\n") else b""
            bucket.blob(name).upload_from_string(
                content + mending + line, "application/json", if_generation_match=generation
            )
            return True
        except (PreconditionFailed, TooManyRequests):
            if time.monotonic() > end:
                raise
        # Those that met here do not meet again.
        time.sleep(random.uniform(0, pause))
        pause = min(2 * pause, _LONGEST_PAUSE_SECS)


def _content(bucket: storage.Bucket, name: str) -> tuple[bytes, int]:
    """What an object holds, and which of its generations that is: 0 where there is none."""
    blob = bucket.get_blob(name)
    if blob is None:
        return b"", 0
    # Before the download, after which it is what the answer's head says, if that says it. Without
    # a number a write would replace whatever is there.
    generation = int(blob.generation)
    try:
        return blob.download_as_bytes(if_generation_match=generation), generation
    except NotFound:
        # Gone, or replaced, since it was asked for; if replaced, nothing will be written over it.
        return b"", 0


def beginning(path: str, most: int) -> tuple[bytes, int] | None:
    """The first bytes of a file, local or gs://, and its size; None where there is no file yet.

    Args:
        path: the file.
        most: how many bytes.

    Raises:
        Exception: it cannot be read, or there cannot be one.
    """
    if not path.startswith("gs://"):
        if not os.path.lexists(path):
            return None
        with open(path, "rb") as stream:
            return stream.read(most), os.fstat(stream.fileno()).st_size
    bucket, name = _bucket_and_name(path)
    retry = DEFAULT_RETRY.with_timeout(_LOOK_WITHIN_SECS)
    # To list says of a bucket, too, that it is not there.
    listed = bucket.list_blobs(prefix=name, max_results=1, timeout=_LOOK_WITHIN_SECS, retry=retry)
    blob = next(iter(listed), None)
    if blob is None or blob.name != name:
        return None
    return blob.download_as_bytes(end=most - 1, retry=retry) if blob.size else b"", blob.size


def _bucket_and_name(path: str) -> tuple[storage.Bucket, str]:
    bucket, _, name = path.removeprefix("gs://").partition("/")
    # With the credentials with which Beam reads and writes files here.
    client = create_storage_client(FileSystems._pipeline_options or PipelineOptions())
    return client.bucket(bucket), name
