"""A Dataflow job's metrics, read through the Dataflow API, as a run's document."""

import datetime
import logging
from collections.abc import Iterable
from typing import Any

from google.cloud import dataflow_v1beta3 as dataflow

from runinference_metrics.dataflow.api import ask
from runinference_metrics.dataflow.failures import failures
from runinference_metrics.dataflow.messages import Messages, read_messages
from runinference_metrics.dataflow.scaling import scaling
from runinference_metrics.metrics import document as sections
from runinference_metrics.metrics.beam_metrics import BeamDistribution, BeamMetrics, Metric
from runinference_metrics.metrics.prices import Prices, Resources
from runinference_metrics.options.parameters import PARAMETERS
from runinference_metrics.records import names

_LOG = logging.getLogger(__name__)

_ENDED = ("DONE", "FAILED", "CANCELLED", "UPDATED", "DRAINED")
_SYSTEM = "dataflow/v1b3"


def read_job(
    job_id: str, project: str, region: str, prices: Prices | None, endpoint: str | None = None
) -> dict[str, Any]:
    """The document of a Dataflow job, as far as the API knows it.

    Args:
        job_id: the job's id.
        project: its project.
        region: its region.
        prices: what resources cost, if the user said so.
        endpoint: another address of the API; a plain http:// one is asked without credentials.

    Raises:
        UserError: there is no such job.
        RunFailed: the API cannot be asked, or refuses.
    """
    where = {"project_id": project, "location": region, "job_id": job_id}
    job = ask(
        lambda client, **how: client.get_job(
            dataflow.GetJobRequest(view=dataflow.JobView.JOB_VIEW_ALL, **where), **how
        ),
        dataflow.JobsV1Beta3Client, endpoint, job_id,
    )  # fmt: skip
    updates = _updates(job_id, project, region, endpoint)
    said = read_messages(job_id, project, region, endpoint)
    return document_of(job, updates, said, prices)


def texts_classified(job_id: str, project: str, region: str, endpoint: str | None = None) -> int:
    """How many texts a job has classified so far; arguments and errors as of `read_job`."""
    beam = BeamMetrics(_user_metrics(_settled(_updates(job_id, project, region, endpoint))))
    return beam.counter(names.BEAM_NAMESPACE, names.NUM_INFERENCES)


def _updates(job_id: str, project: str, region: str, endpoint: str | None) -> list[dict[str, Any]]:
    request = dataflow.GetJobMetricsRequest(project_id=project, location=region, job_id=job_id)
    found = ask(
        lambda client, **how: client.get_job_metrics(request, **how),
        dataflow.MetricsV1Beta3Client, endpoint, job_id,
    )  # fmt: skip
    return list(found.get("metrics", []))


def document_of(
    job: dict[str, Any], updates: list[dict[str, Any]], said: Messages, prices: Prices | None
) -> dict[str, Any]:
    """The document of a job.

    Args:
        job: the API's Job.
        updates: the API's MetricUpdates.
        said: what it says of itself.
        prices: what resources cost, if the user said so.
    """
    known = _settled(updates)
    beam = BeamMetrics(_user_metrics(known))
    run = _run(job)
    inferences = beam.counter(names.BEAM_NAMESPACE, names.NUM_INFERENCES)
    latency = beam.distribution(names.BEAM_NAMESPACE, names.LATENCY)
    tokens = beam.own(names.TOKENS)
    gpu_times = {name: beam.distribution(names.OWN_NAMESPACE, name) for name in names.GPU_TIMES}
    return {
        "schema_version": sections.SCHEMA_VERSION,
        "run": run,
        # The API has counters, and no names.
        "files": None,
        "records": {
            "read": beam.own(names.READ),
            "blank": beam.own(names.BLANK),
            "predicted": beam.own(names.PREDICTED),
            "dead_lettered": beam.own(names.DEAD_LETTERED),
            "dead_letters_by_reason": beam.dead_letters_by_reason(),
            "truncated": beam.own(names.TRUNCATED_TEXTS),
        },
        "runinference": {
            names.NUM_INFERENCES: inferences,
            names.FAILED_BATCHES: beam.counter(names.BEAM_NAMESPACE, names.FAILED_BATCHES),
            **{
                name: beam.distribution(names.BEAM_NAMESPACE, name).as_json()
                for name in names.BEAM_DISTRIBUTIONS
            },
        },
        "tokens": sections.tokens(
            tokens, beam.own(names.PADDING_TOKENS), beam.own(names.MICRO_BATCHES), None
        ),
        "stages": {
            name: beam.distribution(names.OWN_NAMESPACE, name).as_json() for name in names.STAGES
        },
        "startup": {
            name: beam.distribution(names.OWN_NAMESPACE, name).as_json() for name in names.STARTUP
        },
        "gpu": sections.gpu(gpu_times) if gpu_times[names.GPU_COMPUTE].count else None,
        # The API keeps no minimum of what was decided where.
        "faults": {
            **{name: beam.own(name) for name in names.FAULTS},
            names.LOWEST_BATCH_TOKENS: None,
        },
        # The API has no percentiles, hence no error of them.
        "percentile_relative_error": 0.0,
        "workers": [],
        "timeline": None,
        "labels": [],
        "certainty": None,
        "quality": None,
        "thresholds": [],
        "job": _job(said, run, beam),
        "derived": sections.derived(inferences, tokens, latency.sum, run["wall_secs"]),
        **sections.costs(_resources(known), prices, inferences),
    }


def _job(said: Messages, run: dict[str, Any], beam: BeamMetrics) -> dict[str, Any]:
    """The section of what the API alone knows."""
    until = _time(run["end"]) if run["end"] else datetime.datetime.now(datetime.UTC)
    labelled, right = beam.own(names.LABELLED_TEXTS), beam.own(names.RIGHT_TEXTS)
    return {
        "right_labels": {"labelled": labelled, "right": right, "accuracy": right / labelled}
        if labelled else None,
        "scaling": scaling(said.events, until),
        "failures": None if said.refused else failures(said.failures, said.events),
        "messages_complete": said.complete,
        "messages_refused": said.refused,
    }  # fmt: skip


def _settled(updates: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """One update for each metric of each step: the committed one, else the tentative one."""
    found: dict[tuple[Any, ...], dict[str, Any]] = {}
    for update in updates:
        name = update.get("name", {})
        context = dict(name.get("context", {}))
        tentative = context.pop("tentative", None) is not None
        key = (name.get("origin"), name.get("name"), *sorted(context.items()))
        if key not in found or not tentative:
            found[key] = update
    return list(found.values())


def _user_metrics(updates: Iterable[dict[str, Any]]) -> list[Metric]:
    metrics_found = []
    for update in updates:
        name = update.get("name", {})
        if name.get("origin") != "user":
            continue
        value = _value(update)
        namespace = name.get("context", {}).get("namespace", "")
        if value is not None:
            metrics_found.append(Metric(namespace, name.get("name", ""), value))
        elif namespace in (names.BEAM_NAMESPACE, names.OWN_NAMESPACE):
            _LOG.warning("The metric %s of the job has no value that can be read.", name)
    return metrics_found


def _value(update: dict[str, Any]) -> int | BeamDistribution | None:
    # Numbers come as numbers or, when they are long, as strings.
    try:
        if "distribution" in update:
            parts = update["distribution"]
            return BeamDistribution(
                *(int(float(parts[part])) for part in ("count", "sum", "min", "max"))
            )
        return int(float(update["scalar"]))
    except (KeyError, TypeError, ValueError, OverflowError):
        return None


def _resources(updates: Iterable[dict[str, Any]]) -> Resources:
    used: dict[str, float] = {}
    for update in updates:
        name = update.get("name", {})
        if name.get("origin") == _SYSTEM and not name.get("context", {}).get("step"):
            value = _value(update)
            if isinstance(value, int):
                used[name.get("name", "")] = float(update["scalar"])
    # The units are those of Beam's own cost benchmark
    # (apache_beam/testing/load_tests/dataflow_cost_benchmark.py): seconds of a vCPU and of a GPU,
    # MB-seconds of memory, GB-seconds of disk. Beam takes a GB for 1000 of these MB; they are MiB:
    # a published job has 6656 a vCPU, which is 6.5 GiB, as n1-highmem has. What is shuffled is in
    # GiB: the API itself calls it Service-shuffle_service_chargeable_gb, and what it says of a
    # published job (the sample in Google's dataflow-metrics-exporter) is a whole number of bytes in
    # GiB alone. Of all that was shuffled it is the part that is billed, a quarter there: no
    # discount is left to take.
    return Resources(
        "what Dataflow says that the job used",
        None,
        vcpu_hours=used.get("TotalVcpuTime", 0.0) / 3600,
        memory_gb_hours=used.get("TotalMemoryUsage", 0.0) / 1024 / 3600,
        gpu_hours=used.get("TotalGpuTime", 0.0) / 3600,
        disk_gb_hours=used.get("TotalPdUsage", 0.0) / 3600,
        ssd_gb_hours=used.get("TotalSsdUsage", 0.0) / 3600,
        shuffle_gb=used.get("BillableShuffleDataProcessed"),
    )


def _run(job: dict[str, Any]) -> dict[str, Any]:
    state = job.get("currentState", "JOB_STATE_UNKNOWN")
    ended = state.removeprefix("JOB_STATE_") in _ENDED
    start = job.get("startTime") or job.get("createTime")
    end = job.get("currentStateTime") if ended else None
    options = job.get("environment", {}).get("sdkPipelineOptions", {}).get("options", {})
    own = {parameter.name for parameter in PARAMETERS}
    return {
        "source": "dataflow_api",
        "job": job.get("name"),
        "job_id": job.get("id"),
        "labels": job.get("labels", {}),
        "state": state,
        "runner": "DataflowRunner",
        "version": None,
        "beam_version": job.get("jobMetadata", {}).get("sdkVersion", {}).get("version"),
        "python_version": None,
        "parameters": {name: value for name, value in options.items() if name in own},
        "start": start,
        "end": end,
        "wall_secs": (_time(end) - _time(start)).total_seconds() if start and end else None,
        "effective": [],
        "input": None,
    }


def _time(text: str) -> datetime.datetime:
    return datetime.datetime.fromisoformat(text)
