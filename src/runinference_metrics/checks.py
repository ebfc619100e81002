"""What must be true of the outside world before a run starts."""

import os
from collections.abc import Sequence

from apache_beam.io.filesystem import CompressionTypes
from apache_beam.io.filesystems import FileSystems

from runinference_metrics.errors import UserError
from runinference_metrics.files import TAKES_FILES, FileFormat
from runinference_metrics.model_folder import ModelFolder
from runinference_metrics.options import Settings
from runinference_metrics.remote_model import RemoteModel, is_remote
from runinference_metrics.writing import RESULT_PATTERNS, matching


def input_patterns(patterns: Sequence[str]) -> list[str]:
    """The patterns to match; a folder means every file in it.

    Raises:
        UserError: a pattern matches nothing, or a file of an unknown format.
    """
    result = []
    for pattern in patterns:
        if pattern.endswith("/") or os.path.isdir(pattern):
            pattern = FileSystems.join(pattern.rstrip("/"), "*")
        try:
            files = FileSystems.match([pattern])[0].metadata_list
        except Exception as error:
            raise UserError("input", "patterns that can be listed",
                            f"{pattern!r}: {_reason(error)}") from error  # fmt: skip
        if not files:
            raise UserError("input", "patterns that match files", f"{pattern!r}: nothing matches")
        for file in files:
            if FileFormat.of(file.path) is None:
                raise UserError("input", TAKES_FILES, repr(file.path))
        result.append(pattern)
    return result


def check_output(settings: Settings) -> list[str]:
    """The results of an earlier run, which are to be deleted.

    Raises:
        UserError: there are some and `overwrite` is not set, or the folder is a file.
    """
    if os.path.isfile(settings.output):
        raise UserError("output", "a folder", f"{settings.output!r}, which is a file")
    try:
        old = matching(settings.output, RESULT_PATTERNS)
    except Exception as error:
        raise UserError("output", "a folder that can be listed",
                        f"{settings.output!r}: {_reason(error)}") from error  # fmt: skip
    if old and not settings.overwrite:
        raise UserError(
            "output",
            "a folder without results of an earlier run (or set --overwrite=true)",
            f"{settings.output!r} with {len(old)} of them, such as {os.path.basename(old[0])}",
        )
    return old


def make_folder(output: str) -> None:
    """Makes a local output folder; raises UserError when it cannot be made or written to."""
    if "://" in output:
        return
    try:
        os.makedirs(output, exist_ok=True)
    except OSError as error:
        takes = "a folder that can be made"
        raise UserError("output", takes, f"{output!r}: {error.strerror}") from error
    if not os.access(output, os.W_OK):
        raise UserError("output", "a folder that can be written to", repr(output))


def check_model(settings: Settings) -> None:
    """Raises UserError when the model is no sequence classifier, or too short for max_length."""
    path = settings.model
    folder = RemoteModel.find(path).check() if is_remote(path) else ModelFolder.read(path)
    folder.check_max_length(settings.max_length)


def content(path: str, flag: str) -> bytes:
    """The content of a small file, local or gs://; raises UserError when it cannot be read."""
    try:
        with FileSystems.open(path, compression_type=CompressionTypes.UNCOMPRESSED) as stream:
            return stream.read()
    except Exception as error:
        raise UserError(flag, "a file that can be read", f"{path!r}: {_reason(error)}") from error


def _reason(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0]
