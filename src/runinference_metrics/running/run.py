"""One run from parameters to a reported result."""

from collections.abc import Sequence

from runinference_metrics.classifier.devices import check_device
from runinference_metrics.dataflow import workers
from runinference_metrics.errors import UserError
from runinference_metrics.metrics.prices import Prices
from runinference_metrics.options import beam_flags
from runinference_metrics.options.settings import Settings
from runinference_metrics.running import checks, elsewhere, here, job_server, logs
from runinference_metrics.running.checked import CheckedRun
from runinference_metrics.writing import documents
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
    if not local:
        # Google's clients take a second to import.
        from runinference_metrics.dataflow import needs

        needs.check(settings, beam_options)
        job_server.check(beam_options)
        settings = elsewhere.with_absolute_paths(settings)
    patterns = checks.input_patterns(settings.input, settings.output)
    old = checks.check_output(settings)
    checks.check_model(settings)
    checked = CheckedRun(settings, patterns, _prices(settings), beam_options)
    if local:
        # Elsewhere the GPU is the workers', not the launcher's.
        check_device(settings.device)
    make_folder(settings.output)
    checks.remove(old)
    if local:
        here.run(checked)
    else:
        elsewhere.run(checked)


def _prices(settings: Settings) -> Prices | None:
    if not settings.prices:
        return None
    prices = Prices.parse(documents.content(settings.prices, "prices"), settings.prices)
    if settings.device == "GPU" and prices.gpu_hour is None:
        raise UserError("prices", "a file with gpu_hour for --device=GPU", "one without it")
    return prices
