"""One run from parameters to a reported result."""

from collections.abc import Sequence

from runinference_metrics.classifier.devices import check_device
from runinference_metrics.dataflow import workers
from runinference_metrics.options import beam_flags
from runinference_metrics.options.settings import Settings
from runinference_metrics.running import (
    checks,
    elsewhere,
    here,
    history,
    input,
    logs,
    named_model,
    output,
    preview,
    right_labels,
    tables,
    thresholds,
)
from runinference_metrics.running.checked import CheckedRun
from runinference_metrics.writing.folder import make_folder


def run(settings: Settings, beam_arguments: Sequence[str]) -> None:
    """Checks, runs and reports.

    Args:
        settings: the parameters.
        beam_arguments: the flags that are Beam's.

    Raises:
        UserError: something that the user gave is wrong.
        RunFailed: the run failed.
    """
    beam_options = beam_flags.parse(beam_arguments)
    local = workers.is_local(beam_options)
    logs.configure(workers.is_dataflow(beam_options))
    run_checked, hint = here.run, None
    if not local:
        run_checked = elsewhere.run
        named_model.refuse(settings)
        settings = elsewhere.reachable(settings, beam_options)
        hint = workers.configure(settings, beam_options)
    loading = tables.loading(settings, beam_options)
    settings = tables.with_folder(settings, loading)
    listed = tables.listed(settings, beam_options) or input.check_input(
        settings.input, settings.output, settings.output_format
    )
    previewed = preview.previewed(listed, settings)
    preview.refuse(previewed)
    written = output.output_of(settings, previewed.previews, loading is not None)
    if loading:
        tables.check(loading, listed.table)
    old = checks.check_output(settings)
    history.check(settings, listed)
    runs = tables.runs(settings, beam_options, loading)
    if local:
        settings = named_model.fetched(settings)
    names = checks.label_names(settings)
    model = checks.check_model(settings, names)
    remarks = right_labels.remarks(
        settings.label_field, previewed.right_labels, model.head.label_names
    )
    prices = checks.prices(settings)
    kept = thresholds.thresholds(settings, model.head.label_names)
    if local:
        # Elsewhere the GPU is the workers', not the launcher's.
        check_device(settings.device)
    else:
        checks.check_workers_gpu(settings, beam_options)
    make_folder(settings.output)
    checks.remove(old)
    preview.announce(previewed, logs.say, remarks)
    run_checked(
        CheckedRun(
            settings,
            previewed.listed,
            prices,
            beam_options,
            names,
            kept,
            hint,
            written,
            loading,
            runs,
        )
    )
