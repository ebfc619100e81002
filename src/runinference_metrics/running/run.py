"""One run from parameters to a reported result."""

import logging
from collections.abc import Sequence

from runinference_metrics.classifier.devices import check_device
from runinference_metrics.dataflow import workers
from runinference_metrics.errors import UserError
from runinference_metrics.metrics.prices import Prices
from runinference_metrics.options import beam_flags, label_names
from runinference_metrics.options.settings import Settings
from runinference_metrics.running import checks, elsewhere, here, input, logs, named_model
from runinference_metrics.running.checked import CheckedRun
from runinference_metrics.writing import documents
from runinference_metrics.writing.folder import make_folder

_LOGGER = logging.getLogger(__name__)


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
    listed = input.check_input(settings.input, settings.output)
    old = checks.check_output(settings)
    if local:
        settings = named_model.fetched(settings)
    names = _label_names(settings)
    checks.check_model(settings, names)
    prices = _prices(settings)
    if local:
        # Elsewhere the GPU is the workers', not the launcher's.
        check_device(settings.device)
    else:
        checks.check_workers_gpu(settings, beam_options)
    if listed.skipped:
        _LOGGER.warning("The input: %s.", listed)
    make_folder(settings.output)
    checks.remove(old)
    run_checked(CheckedRun(settings, listed, prices, beam_options, names, hint))


def _label_names(settings: Settings) -> tuple[str, ...] | None:
    given = settings.label_names
    if not given:
        return None
    return label_names.inline(given) or label_names.of_file(
        documents.content(given, "label_names"), given
    )


def _prices(settings: Settings) -> Prices | None:
    if not settings.prices:
        return None
    prices = Prices.parse(documents.content(settings.prices, "prices"), settings.prices)
    if settings.device == "GPU" and prices.gpu_hour is None:
        raise UserError("prices", "a file with gpu_hour for --device=GPU", "one without it")
    return prices
