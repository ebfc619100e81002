"""What a whole input would take and cost, from a sample of it."""

import dataclasses
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from apache_beam.options.pipeline_options import PipelineOptions, WorkerOptions

from runinference_metrics.classifier.devices import check_device
from runinference_metrics.errors import RunFailed, UserError
from runinference_metrics.metrics import forecast, machine_types
from runinference_metrics.metrics.forecast import Work
from runinference_metrics.metrics.prices import Prices
from runinference_metrics.metrics.speeds import Speed
from runinference_metrics.models import weights
from runinference_metrics.models.folder import ModelFolder, weight_files
from runinference_metrics.models.remote import is_remote, local_folder
from runinference_metrics.options import beam_flags
from runinference_metrics.options.settings import Settings
from runinference_metrics.reading.listing import Found, Listed
from runinference_metrics.reading.spots import surveyed
from runinference_metrics.reading.survey import Survey
from runinference_metrics.reading.table_survey import surveyed_table
from runinference_metrics.running import (
    checks,
    input,
    logs,
    named_model,
    preview,
    sample_run,
    tables,
)
from runinference_metrics.running.checked import CheckedRun
from runinference_metrics.running.lengths import Lengths
from runinference_metrics.running.others import Moment, share_since
from runinference_metrics.running.preview import format_options, row_fields
from runinference_metrics.writing import documents

# What a sample is to take, if there are as many texts: its first second goes into warming up,
# and into the search for the best token budget.
_TELLING_SECS = 12.0
# What computes nothing, and what not every token passes.
_NO_PRODUCTS = ("embed", "expert")
# The head computes one token a text, and the last layer may compute most of its products for one
# too: of a model of two layers that leaves 0.58.
_LEAST_SHARE = 0.5


@dataclass(frozen=True)
class Asked:
    """What is to be estimated.

    Args:
        settings: the parameters.
        beam_arguments: the flags that are Beam's.
        classify: how many texts of the sample are to be classified here.
        runs: output folders of runs of the same model, whose speed is known.
    """

    settings: Settings
    beam_arguments: Sequence[str]
    classify: int
    runs: Sequence[str]


def estimate(asked: Asked) -> dict[str, Any]:
    """Surveys the input, classifies some of it if asked to, and forecasts the whole.

    Args:
        asked: what is to be estimated.

    Returns:
        The estimate as a document; see docs/estimate.md.

    Raises:
        UserError: something that the user gave is wrong.
        RunFailed: the sample cannot be classified.
    """
    settings = asked.settings
    options = beam_flags.parse(asked.beam_arguments)
    logs.configure(False)
    prices, machines = _prices(settings)
    listed = tables.listed(settings, options) or input.check_input(settings.input, "")
    found = preview.previewed(listed, settings)
    preview.refuse(found)
    listed = found.listed
    logs.say(str(found))
    settings = named_model.fetched(settings)
    names = checks.label_names(settings)
    model = checks.check_model(settings, names)
    if asked.classify:
        check_device(settings.device)
    if is_remote(settings.model):
        model = ModelFolder.read(local_folder(settings.model), names)
    speeds = list(_of_runs(asked.runs, model))
    survey = _surveyed(listed, settings)
    lengths = Lengths.of(survey, model, model.max_length(settings.max_length))
    work = Work(survey.total(lambda one: one.num_texts), lengths.tokens(survey),
                _operations_per_token(model))  # fmt: skip
    if not (work.texts.likely and work.tokens.likely):
        raise UserError("input", "files with texts", f"{len(listed.files):,} files without any")
    sample, forecasts = None, []
    if asked.classify:
        options = sample_run.on_this_machine(options)
        size = batch_size(settings, listed.files, work.texts.likely)
        checked = CheckedRun(
            dataclasses.replace(settings, min_batch_size=size, max_batch_size=size),
            listed, None, options, names,
        )  # fmt: skip
        ran, speed = _measured(survey, asked.classify, checked)
        sample = {**_sample(ran), "others_share": speed.others_share}
        forecasts.append(forecast.here(work, speed, _hour(ran, prices)))
        speeds.append(speed)
    if prices:
        number = _machines(options)
        forecasts.extend(
            forecast.elsewhere(work, one, number, speeds, prices, settings.precision)
            for one in machines
        )
    return {
        "input": _input(survey, len(listed.files), work, lengths),
        "sample": sample,
        "prices": prices and dataclasses.asdict(prices),
        "machines": forecasts,
    }


def _measured(survey: Survey, number: int, checked: CheckedRun) -> tuple[dict[str, Any], Speed]:
    """The document of a run over a sample that is long enough to tell, and its speed."""
    texts = survey.texts(number)
    logs.say(f"Classifying {len(texts):,} texts")
    while True:
        before = Moment.now()
        ran = sample_run.classified(texts, checked)
        speed = Speed.of(ran, "measured here", share_since(before))
        if speed is None:
            raise UserError("classify", "enough texts to tell how fast they are classified",
                            f"{len(texts):,} texts, of which none got a prediction")  # fmt: skip
        secs = max(one["active_secs"] for one in ran["workers"])
        tokens_of_a_text = ran["tokens"]["real"] / ran["records"]["predicted"]
        in_time = _TELLING_SECS * speed.cores * speed.tokens_per_sec / tokens_of_a_text
        more = survey.texts(math.ceil(in_time))
        if secs >= _TELLING_SECS / 2 or len(more) < 2 * len(texts):
            return ran, speed
        texts = more
        logs.say(f"They took {secs:.1f} s, too short to tell: classifying {len(texts):,}")


def batch_size(settings: Settings, files: Sequence[Found], texts: float) -> int:
    """How many texts the batches of the whole have: of small files fewer than they may.

    Args:
        settings: the parameters.
        files: all files.
        texts: how many they have, all together.
    """
    size_bytes = sum(one.size_bytes for one in files)
    if not size_bytes:
        # So it is with tables that were not yet counted.
        return settings.max_batch_size
    # Of the file in which a text lies, in the mean over all texts.
    of_a_file = texts / size_bytes * sum(one.size_bytes**2 for one in files) / size_bytes
    least, most = settings.min_batch_size, settings.max_batch_size
    # Smaller ones are joined until they are enough.
    return min(most, max(1, round(of_a_file * max(1, math.ceil(least / of_a_file)))))


def _surveyed(listed: Listed, settings: Settings) -> Survey:
    try:
        if listed.table:
            return surveyed_table(listed.table, row_fields(settings))
        return surveyed(listed.files, row_fields(settings), format_options(settings))
    except UserError:
        raise
    except Exception as error:
        raise RunFailed(f"The input cannot be read: {input.why_not(error)}") from error


def _prices(settings: Settings) -> tuple[Prices | None, Sequence[machine_types.MachineType]]:
    prices = checks.prices(settings)
    if prices is None:
        return None, ()
    content = documents.content(settings.prices, "prices")
    machines = machine_types.parse(content, settings.prices)
    for one in machines:
        one.hour(prices)
    return prices, machines


def _of_runs(runs: Sequence[str], model: ModelFolder) -> Iterator[Speed]:
    digest = model.digest(model.file_digests()) if runs else ""
    for place in runs:
        document = documents.read(place, "runs")
        found = Speed.of(document, f"the run in {place}")
        if found is None:
            got = f"{place!r}, which has no processes, or several kinds of them"
            raise UserError("runs", "folders of runs whose processes are known and alike", got)
        if found.model_digest != digest:
            got = f"{place!r}, of another model than --model={model.path}"
            raise UserError("runs", "folders of runs of the same model", got)
        yield found


def _input(survey: Survey, files: int, work: Work, lengths: Lengths) -> dict[str, Any]:
    return {
        "files": files,
        "bytes": survey.size_bytes,
        "whole": survey.whole,
        "beginnings": survey.beginnings,
        "rows": survey.total(lambda one: one.rows).as_json(),
        "texts": work.texts.as_json(),
        "blank": survey.total(lambda one: one.blank).as_json(),
        "rejected": survey.total(lambda one: one.rejected).as_json(),
        "tokens": work.tokens.as_json(),
        "truncated": lengths.truncated(survey).as_json(),
        "max_length": lengths.max_length,
    }


def _operations_per_token(model: ModelFolder) -> float:
    """What a token costs at least: a multiplication and an addition for each weight of a product.

    Weights that are shared by layers count once, and those of experts not at all: less than is
    computed, never more.
    """
    shapes = (weights.shapes(file) for file in weight_files(Path(model.path)))
    products = sum(
        math.prod(shape)
        for one in shapes
        for name, shape in one.items()
        if len(shape) == 2 and not any(word in name for word in _NO_PRODUCTS)
    )
    return 2.0 * products * _LEAST_SHARE


def _machines(options: PipelineOptions) -> int:
    worker = options.view_as(WorkerOptions)
    return worker.max_num_workers or worker.num_workers or 1


def _sample(document: dict[str, Any]) -> dict[str, Any]:
    effective = document["run"]["effective"][0]
    return {
        "texts": document["records"]["predicted"],
        "dead_lettered": document["records"]["dead_lettered"],
        "wall_secs": document["run"]["wall_secs"],
        "device_name": effective["device_name"],
        "precision": effective["precision"],
        "threads": effective["threads"],
        "processes": len(document["workers"]),
    }


def _hour(document: dict[str, Any], prices: Prices | None) -> float | None:
    """What an hour of the machine costs on which the sample ran."""
    if prices is None:
        return None
    used, hours = document["resources"], document["run"]["wall_secs"] / 3600
    gpus = used["gpu_hours"] / hours
    return (used["vcpu_hours"] / hours * prices.vcpu_hour
            + used["memory_gb_hours"] / hours * prices.memory_gb_hour
            + gpus * (prices.gpu_hour or 0))  # fmt: skip
