"""All that a run checks before it starts, without a start: every fault, not only the first."""

import contextlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from apache_beam.options.pipeline_options import PipelineOptions

from runinference_metrics.bigquery import addresses
from runinference_metrics.dataflow import workers
from runinference_metrics.errors import RunFailed, UserError
from runinference_metrics.models.folder import ModelFolder
from runinference_metrics.models.remote import is_remote
from runinference_metrics.models.token_lengths import token_lengths
from runinference_metrics.options import beam_flags
from runinference_metrics.options.settings import Settings
from runinference_metrics.running import (
    checks,
    history,
    input,
    logs,
    named_model,
    output,
    right_labels,
    tables,
    thresholds,
)
from runinference_metrics.running.preview import Previewed, previewed


@dataclass(frozen=True)
class Checked:
    """What a run would start with.

    Args:
        previewed: what the first rows of the input show; None where there is no input.
        token_lengths: how many tokens each text has that was looked at, before it is cut; None
            where the model cannot be run, or is not on this machine.
        max_length: the most tokens of a text, if that is known.
        faults: why a run would not start; none if it would.
    """

    previewed: Previewed | None
    token_lengths: list[int] | None
    max_length: int | None
    faults: tuple[Exception, ...]


def check(settings: Settings, beam_arguments: Sequence[str]) -> Checked:
    """Checks as a run does; writes nothing, and fetches no model.

    Args:
        settings: the parameters; `output` may be "".
        beam_arguments: the flags that are Beam's.
    """
    faults: list[Exception] = []
    options = beam_flags.parse([])
    with _noted(faults):
        options = beam_flags.parse(beam_arguments)
    local = workers.is_local(options)
    logs.configure(workers.is_dataflow(options))
    if not local:
        # Imports torch, which takes seconds, and which a local check does without.
        from runinference_metrics.running import elsewhere

        with _noted(faults):
            named_model.refuse(settings)
        with _noted(faults):
            settings = elsewhere.reachable(settings, options)
            workers.configure(settings, options)
    found, loading = None, None
    with _noted(faults):
        loading = tables.loading(settings, options)
        settings = tables.with_folder(settings, loading)
    with _noted(faults):
        listed = tables.listed(settings, options) or input.check_input(
            settings.input, settings.output, settings.output_format
        )
        found = previewed(listed, settings)
        faults.extend(found.errors)
        output.output_of(settings, found.previews, loading is not None)
    with _noted(faults):
        if loading:
            tables.check(loading, found.listed.table if found else None)
    if settings.output and not addresses.is_table(settings.output):
        with _noted(faults):
            checks.check_output(settings)
    with _noted(faults):
        history.check(settings, found.listed if found else None)
        tables.runs(settings, options, loading)
    lengths, max_length, known = None, None, None
    with _noted(faults):
        names = checks.label_names(settings)
        if not (local and named_model.wanted(settings)):
            known = checks.check_model(settings, names)
            if found:
                remarks = right_labels.remarks(
                    settings.label_field, found.right_labels, known.head.label_names
                )
                found = replace(found, remarks=(*remarks, *found.remarks))
            if not is_remote(settings.model):
                model = ModelFolder.read(settings.model, names)
                max_length = model.max_length(settings.max_length)
                lengths = token_lengths(model, found.texts) if found else None
    with _noted(faults):
        checks.prices(settings)
    with _noted(faults):
        thresholds.thresholds(settings, known.head.label_names if known else None)
    with _noted(faults):
        _check_device(settings, options, local)
    return Checked(found, lengths, max_length, tuple(faults))


def _check_device(settings: Settings, options: PipelineOptions, local: bool) -> None:
    if settings.device != "GPU":
        return
    from runinference_metrics.classifier.devices import check_device

    if local:
        check_device(settings.device)
    else:
        checks.check_workers_gpu(settings, options)


@contextlib.contextmanager
def _noted(faults: list[Exception]) -> Iterator[None]:
    """Notes what ends a run, and goes on."""
    try:
        yield
    except (UserError, RunFailed) as error:
        faults.append(error)
