"""A run's document as one self-contained HTML page."""

from functools import cache
from importlib.resources import files
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from runinference_metrics.records import names
from runinference_metrics.redaction import without_secrets
from runinference_metrics.report import dataflow_job, over_time, quality, sections, spending
from runinference_metrics.report.advice import advice
from runinference_metrics.report.formats import count, duration, money, number, of_metric, percent
from runinference_metrics.report.glossary import GLOSSARY
from runinference_metrics.report.sections import took_effect

_UNKNOWN = "Not known for this run."
# A page with more rows is slow to open, and nobody reads them; metrics.json has them all.
_MOST_WORKER_ROWS = 200


@cache
def environment() -> Environment:
    """The templates; every value is escaped."""
    loader = PackageLoader("runinference_metrics.report")
    return Environment(loader=loader, autoescape=True, undefined=StrictUndefined, trim_blocks=True)


@cache
def style() -> Markup:
    """The style sheet of every page."""
    return Markup(
        (files("runinference_metrics.report") / "templates" / "style.css").read_text("utf-8")
    )


def render(document: dict[str, Any]) -> str:
    """The report as HTML: nothing is fetched, and nothing from the data is markup or script.

    Args:
        document: the content of metrics.json.
    """
    document = without_secrets(document)
    run, records, beam = document["run"], document["records"], document["runinference"]
    tokens, stages = document["tokens"], document["stages"]
    sizes, lengths = beam[names.BATCH_SIZE], tokens["lengths"]
    return environment().get_template("report.html.j2").render(
        style=style(),
        answer=answer(document),
        run={name: run.get(name) for name in
             ("job", "start", "end", "runner", "version", "beam_version", "state")},
        job_labels=sections.job_labels(run),
        failure=run.get("failure") or "",
        model=_model(run),
        cards=_cards(document),
        thresholds=sections.thresholds(document["thresholds"]),
        advice=advice(document),
        timeline=over_time.timeline(document),
        processes=over_time.processes(document["workers"]),
        percentiles=_percentiles(document),
        beam_rows=[sections.row(name, beam[name]) for name in names.BEAM_DISTRIBUTIONS],
        num_inferences=count(beam[names.NUM_INFERENCES]),
        failed_batches=count(beam[names.FAILED_BATCHES]),
        latency=sections.histogram(names.LATENCY, beam[names.LATENCY], "batches"),
        sizes=sections.histogram(names.BATCH_SIZE, sizes, "batches"),
        total=duration(document["derived"]["total_inference_secs"]),
        stages=spending.of_inference(document),
        of_processes=spending.of_processes(document),
        starting=spending.of_starting(document),
        startup_rows=_rows(document["startup"]),
        stage_rows=_rows({name: stages[name] for name in names.STAGES}),
        gpu=sections.gpu(document),
        gpu_rows=[
            sections.row(name, one) for name, one in (document["gpu"] or {}).items()
            if name in names.GPU_TIMES
        ],
        tokens={
            "real": count(tokens["real"]),
            "padding": count(tokens["padding"]),
            "share": percent(tokens["padding_share"]),
            "micro_batches": count(tokens[names.MICRO_BATCHES]),
            "truncated": count(records["truncated"]),
        },
        lengths=sections.histogram("tokens", lengths, "texts", records["truncated"])
        if lengths else None,
        cut=_cut(document),
        length_rows=[sections.row("tokens of a text", lengths)] if lengths else [],
        labels=sections.labels(document["labels"]),
        scores=quality.scores(document["labels"]),
        certainty=quality.certainty(document["certainty"]),
        quality=quality.quality(document["quality"]),
        failures=dataflow_job.failures(document),
        scaling=dataflow_job.scaling(document),
        not_known=dataflow_job.not_known(document),
        files=sections.files(document["files"]),
        records={name: count(records[name])
                 for name in ("read", "predicted", "dead_lettered", "blank")},
        reasons=sections.reasons(records),
        faults=sections.faults(document),
        workers=[sections.worker(row) for row in document["workers"][:_MOST_WORKER_ROWS]],
        workers_left_out=max(0, len(document["workers"]) - _MOST_WORKER_ROWS),
        basis=document["resources"]["basis"],
        resources=spending.resources(document),
        cost=spending.cost(document),
        money=spending.of_money(document),
        parameters=[(name, sections.shown(value)) for name, value in run["parameters"].items()],
        effective=sections.effective(run["effective"]),
        glossary=GLOSSARY,
        unknown=_UNKNOWN,
    )  # fmt: skip


def _rows(found: dict[str, Any] | None) -> list[dict[str, Any]]:
    return [sections.row(name, values) for name, values in (found or {}).items()]


def _cut(document: dict[str, Any]) -> str:
    """How many texts were cut, and to what."""
    records = document["records"]
    if not records["truncated"] or not records["predicted"]:
        return ""
    limit = took_effect(document["run"]["effective"], "max_length")
    share = percent(records["truncated"] / records["predicted"])
    return f"{count(records['truncated'])} ({share}) were cut to max_length" + (
        f", {limit} tokens" if limit else ""
    )


def _percentiles(document: dict[str, Any]) -> str:
    if document["run"]["source"] == "dataflow_api":
        return "The Dataflow API has no percentiles; everything is as it says."
    error = percent(document["percentile_relative_error"])
    return f"Percentiles are at most {error} off, everything else is exact."


def answer(document: dict[str, Any]) -> str:
    """The run in one line: texts, time, texts/s, device, cost per million."""
    run, derived = document["run"], document["derived"]
    texts = document["runinference"][names.NUM_INFERENCES]
    parts = f"{count(texts)} {'text' if texts == 1 else 'texts'}"
    if run["wall_secs"]:
        parts += f" in {duration(run['wall_secs'])}"
        if texts:
            parts += f": {number(derived['texts_per_wall_sec'])} texts/s"
    device = device_of(run)
    parts += f" on {device}" if device else ""
    cost = document["cost"]
    if cost and cost["per_million_texts"] is not None:
        amount = money(cost["per_million_texts"], cost["prices"]["currency"])
        parts += f", {amount} per million texts"
    return parts


def device_of(run: dict[str, Any]) -> str:
    """The device and precision that took effect; several when the workers differ."""
    found = {f"{one['device_name']} ({one['precision']})" for one in run["effective"]}
    asked = str(run["parameters"].get("device", ""))
    return f"{asked} {', '.join(sorted(found))}".strip()


def _model(run: dict[str, Any]) -> str:
    digests = sorted({one["model_digest"][:19] for one in run["effective"]})
    return " ".join([str(run["parameters"].get("model", "unknown")), *digests])


def _cards(document: dict[str, Any]) -> list[dict[str, str]]:
    run, derived, cost = document["run"], document["derived"], document["cost"]
    latency = document["runinference"][names.LATENCY]
    load = document["runinference"][names.LOAD_LATENCY]
    cards = [
        ("texts/s of the run", number(derived["texts_per_wall_sec"])),
        ("texts/s of inference time", number(derived["texts_per_inference_sec"])),
        ("tokens/s of inference time", number(derived["tokens_per_inference_sec"])),
        ("total inference time", duration(derived["total_inference_secs"])),
        ("run time", duration(run["wall_secs"])),
        ("batch latency, p95", of_metric(names.LATENCY, latency.get("p95"))),
        ("padding", percent(document["tokens"]["padding_share"])),
        ("loading the model, mean", of_metric(names.LOAD_LATENCY, load["mean"])),
        ("vCPU hours", number(document["resources"]["vcpu_hours"])),
    ]
    if found := document["quality"]:
        cards.insert(0, ("accuracy", percent(found["accuracy"])))
    elif counted := (document["job"] or {}).get("right_labels"):
        cards.insert(0, ("accuracy (of the counters)", percent(counted["accuracy"])))
    if cost:
        cards.append(("cost of the run", money(cost["total"], cost["prices"]["currency"])))
    return [{"label": label, "value": value} for label, value in cards]
