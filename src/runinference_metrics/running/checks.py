"""What must be true of the outside world before a run starts."""

import os
import re
from collections.abc import Sequence

from apache_beam.io.filesystems import FileSystems
from apache_beam.options.pipeline_options import PipelineOptions

from runinference_metrics.dataflow import workers
from runinference_metrics.dataflow.refusals import refused
from runinference_metrics.errors import RunFailed, UserError, first_line
from runinference_metrics.metrics.prices import Prices
from runinference_metrics.models.folder import ModelFolder
from runinference_metrics.models.remote import RemoteModel, is_remote
from runinference_metrics.options import label_names as names_of_labels
from runinference_metrics.options.settings import Settings
from runinference_metrics.writing import documents
from runinference_metrics.writing.folder import RESULT_PATTERNS, matching, unfinished_in


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


def _why(error: Exception) -> str:
    return str(refused(error) or first_line(error))


def remove(old: Sequence[str]) -> None:
    """Deletes what an earlier run left; raises RunFailed when it cannot be deleted."""
    try:
        if old:
            FileSystems.delete(list(old))
    except Exception as error:
        raise RunFailed(
            f"The results of an earlier run cannot be deleted: {_why(error)}"
        ) from error


def check_model(settings: Settings, label_names: tuple[str, ...] | None) -> ModelFolder:
    """The model's folder, or what is known of it where it is elsewhere.

    Args:
        settings: the parameters.
        label_names: the user's own names of the labels.

    Raises:
        UserError: the model is no sequence classifier, or none for other parameters.
    """
    path = settings.model
    if is_remote(path):
        folder = RemoteModel.find(path).check(label_names)
    else:
        folder = ModelFolder.read(path, label_names)
    folder.max_length(settings.max_length)
    folder.check_precision(settings.precision)
    return folder


def check_workers_gpu(settings: Settings, options: PipelineOptions) -> None:
    """Raises UserError when the workers' image, which is this one, has nothing for their GPU."""
    if settings.device != "GPU" or not workers.runs_this_image(options):
        return
    gpu = workers.gpu_of(settings, options)
    # Imports torch, which takes seconds, and is needed for a GPU alone.
    from runinference_metrics.classifier.devices import code_problem

    problem = code_problem(gpu.capability if gpu else None)
    if problem:
        name = gpu.name if gpu else "one"
        raise UserError("device", "GPU only with an image that is built for the workers' GPU",
                        f"GPU, which is {name}, but {problem}")  # fmt: skip


def label_names(settings: Settings) -> tuple[str, ...] | None:
    """The user's own names of the labels; UserError when they are none."""
    given = settings.label_names
    if not given:
        return None
    return names_of_labels.inline(given) or names_of_labels.of_file(
        documents.content(given, "label_names"), given
    )


def prices(settings: Settings) -> Prices | None:
    """What resources cost, if the user said so; UserError when his file does not say it."""
    if not settings.prices:
        return None
    found = Prices.parse(documents.content(settings.prices, "prices"), settings.prices)
    if settings.device == "GPU" and found.gpu_hour is None:
        raise UserError("prices", "a file with gpu_hour for --device=GPU", "one without it")
    return found
