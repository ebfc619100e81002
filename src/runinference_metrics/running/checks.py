"""What must be true of the outside world before a run starts."""

import fnmatch
import os
import re
from collections.abc import Sequence

from apache_beam.io.filesystem import FileMetadata, FileSystem
from apache_beam.io.filesystems import FileSystems
from apache_beam.options.pipeline_options import PipelineOptions

from runinference_metrics.classifier.devices import code_problem
from runinference_metrics.dataflow import workers
from runinference_metrics.dataflow.refusals import refused
from runinference_metrics.errors import RunFailed, UserError, first_line
from runinference_metrics.models.folder import ModelFolder
from runinference_metrics.models.remote import RemoteModel, is_remote
from runinference_metrics.options.settings import Settings
from runinference_metrics.writing.folder import (
    DEAD_LETTERS,
    PREDICTIONS,
    RESULT_PATTERNS,
    matching,
    unfinished_in,
)


def input_patterns(patterns: Sequence[str], output: str, text_pair_field: str = "") -> list[str]:
    """The patterns to match; a folder means every file in it.

    Args:
        patterns: what the user gave.
        output: the output folder, whose results must not become input.
        text_pair_field: the field with a row's second text, if rows are pairs.

    Raises:
        UserError: a pattern matches nothing, a file that cannot be read, or results; or a file
            without fields where rows are pairs.
    """
    result = []
    for given in patterns:
        pattern = _pattern(given)
        try:
            files = FileSystems.match([pattern])[0].metadata_list
        except Exception as error:
            raise UserError("input", "patterns that can be listed",
                            f"{given!r}: {_why(error)}") from error  # fmt: skip
        if not files:
            hint = " (a comma parts patterns; in a file's name, write ? for it)"
            got = f"{given!r}: nothing matches{hint if len(patterns) > 1 else ''}"
            raise UserError("input", "patterns that match files", got)
        for file in files:
            _check_file(file)
        _check_apart(given, pattern, files, output)
        result.append(pattern)
    return result


def _why(error: Exception) -> str:
    return str(refused(error) or first_line(error))


def _pattern(given: str) -> str:
    """The pattern as Beam takes it."""
    if "://" in given:
        return f"{given}*" if given.endswith("/") else given
    if os.path.isdir(given):
        given = os.path.join(_literal(given), "*")
    elif os.path.exists(given):
        given = _literal(given)
    # Beam lists no folder for a pattern whose fixed part names none.
    fixed = re.split(r"[*?[]", given, maxsplit=1)[0]
    return given if "/" in fixed or fixed == given else f"./{given}"


def _literal(path: str) -> str:
    """A pattern that matches this path alone."""
    # Beam has no escape character, and Python warns of a set that begins with a bracket; no file's
    # name holds a NUL.
    return re.sub(r"[*?[]", lambda found: f"[\0{found[0]}]", path)


def _check_file(file: FileMetadata) -> None:
    path = file.path
    try:
        path.encode()
    except UnicodeEncodeError:
        raise UserError("input", "files whose names are UTF-8", repr(path)) from None
    if "://" in path:
        return
    if not os.path.isfile(path):
        # Opening a pipe would wait for somebody to write to it.
        raise UserError("input", "files, not pipes or devices", repr(path))
    if not os.access(path, os.R_OK):
        raise UserError("input", "files that can be read", repr(path))


def _check_apart(given: str, pattern: str, files: Sequence[FileMetadata], output: str) -> None:
    """Raises UserError when the input is results in the output folder, or would be at a re-run."""
    folder = _absolute(output)
    taken = [
        file.path
        for file in files
        if os.path.dirname(_absolute(file.path)) == folder
        and any(fnmatch.fnmatchcase(os.path.basename(file.path), one) for one in RESULT_PATTERNS)
    ]
    if taken:
        raise UserError("input", "patterns that match no results in --output",
                        f"{given!r}, which matches {taken[0]!r}")  # fmt: skip
    matches = re.compile(FileSystem.translate_pattern(_absolute_pattern(pattern)))
    for name in (PREDICTIONS, DEAD_LETTERS):
        result = f"{folder}/{name}-00000-of-00001.jsonl"
        if matches.match(result):
            raise UserError("input", "patterns that match no results in --output",
                            f"{given!r}, which would match {result!r}")  # fmt: skip


def _absolute(path: str) -> str:
    return path.rstrip("/") if "://" in path else os.path.realpath(path)


def _absolute_pattern(pattern: str) -> str:
    """The pattern with its folder as `_absolute` writes it, as far as that is fixed."""
    if "://" in pattern:
        return pattern
    fixed = re.split(r"[*?[]", pattern, maxsplit=1)[0]
    folder = os.path.dirname(fixed)
    return os.path.join(os.path.realpath(folder), pattern[len(folder) :].lstrip("/"))


def check_output(settings: Settings) -> list[str]:
    """What an earlier run left in the output folder, which is to be deleted.

    Raises:
        UserError: there is something and `overwrite` is not set, or the folder is none.
    """
    output = settings.output
    if re.search(r"[*?[]", output):
        raise UserError("output", "a folder without *, ? and [ in its name", repr(output))
    if os.path.isfile(output):
        raise UserError("output", "a folder", f"{output!r}, which is a file")
    try:
        old, unfinished = matching(output, RESULT_PATTERNS), unfinished_in(output)
    except Exception as error:
        raise UserError("output", "a folder that can be listed",
                        f"{output!r}: {_why(error)}") from error  # fmt: skip
    if old and not settings.overwrite:
        raise UserError(
            "output",
            "a folder without results of an earlier run (or set --overwrite=true)",
            f"{output!r} with {len(old)} of them, such as {os.path.basename(old[0])}",
        )
    if unfinished and not settings.overwrite:
        raise UserError(
            "output",
            "a folder in which no other run is writing (or set --overwrite=true)",
            f"{output!r} with {os.path.basename(unfinished[0].rstrip('/'))}, "
            "of a run that is still going on or was killed",
        )
    return old + unfinished


def remove(old: Sequence[str]) -> None:
    """Deletes what an earlier run left; raises RunFailed when it cannot be deleted."""
    try:
        if old:
            FileSystems.delete(list(old))
    except Exception as error:
        raise RunFailed(
            f"The results of an earlier run cannot be deleted: {_why(error)}"
        ) from error


def check_model(settings: Settings, label_names: tuple[str, ...] | None) -> None:
    """Raises UserError when the model is no sequence classifier, or none for other parameters.

    Args:
        settings: the parameters.
        label_names: the user's own names of the labels.
    """
    path = settings.model
    if is_remote(path):
        folder = RemoteModel.find(path).check(label_names)
    else:
        folder = ModelFolder.read(path, label_names)
    folder.max_length(settings.max_length)
    folder.check_precision(settings.precision)


def check_workers_gpu(settings: Settings, options: PipelineOptions) -> None:
    """Raises UserError when the workers' image, which is this one, has nothing for their GPU."""
    if settings.device != "GPU" or not workers.runs_this_image(options):
        return
    gpu = workers.gpu_of(settings, options)
    problem = code_problem(gpu.capability if gpu else None)
    if problem:
        name = gpu.name if gpu else "one"
        raise UserError("device", "GPU only with an image that is built for the workers' GPU",
                        f"GPU, which is {name}, but {problem}")  # fmt: skip
