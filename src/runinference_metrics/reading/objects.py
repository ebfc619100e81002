"""Objects of a bucket that are not read from one end to the other, or cannot be."""

import shlex
import tempfile
from typing import Any, BinaryIO

from apache_beam.io.filesystems import FileSystems
from apache_beam.io.gcp.gcsio import parse_gcs_path

from runinference_metrics.errors import RunFailed, one_line
from runinference_metrics.reading.places import is_remote

# Columns lie apart. Beam asks for 16 MiB whenever a place is looked up, most of which nobody reads
# then: this is a tenth of a second's worth of a bucket's answers.
_TABLE_BUFFER_BYTES = 1 << 20


def open_table(path: str) -> BinaryIO:
    """Opens a file in which places are looked up, local or gs://."""
    if not is_remote(path):
        return open(path, "rb")
    system: Any = FileSystems.get_filesystem(path)
    return system._gcsIO().open(path, read_buffer_size=_TABLE_BUFFER_BYTES)


def downloaded(path: str) -> BinaryIO:
    """An object as it is stored, in a file that is gone when it is closed.

    Cloud Storage answers requests for ranges of an object that says twice that it is gzip, as its
    type and as its encoding, without an end: Beam refuses it. One request without ranges gives it.

    Args:
        path: its gs:// address.

    Raises:
        RunFailed: it cannot be had.
    """
    bucket, name = parse_gcs_path(path)
    # The client that Beam made, with the run's own credentials.
    system: Any = FileSystems.get_filesystem(path)
    client = system._gcsIO().client
    # In memory it might not find room; the client writes piece by piece.
    file = tempfile.TemporaryFile()  # noqa: SIM115 - the caller closes it
    try:
        client.bucket(bucket).blob(name).download_to_file(file, raw_download=True)
    except Exception as error:
        file.close()
        raise RunFailed(
            f"{path!r}, which says twice that it is gzip (content type and encoding), cannot be "
            f"downloaded: {one_line(error)}. Clear its content encoding, then run again: gcloud "
            f"storage objects update {shlex.quote(path)} --clear-content-encoding"
        ) from error
    file.seek(0)
    return file
