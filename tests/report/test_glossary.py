"""The glossary explains every figure that a report shows."""

from documents_for_tests import PRICES, make_document, make_quality
from runinference_metrics.records import names
from runinference_metrics.report import dataflow_job, page, sections, spending
from runinference_metrics.report.glossary import GLOSSARY

# Shown under a name for people; the entry is the metric's.
METRIC_OF = {
    "batch latency, p95": names.LATENCY,
    "padding": "padding_share",
    "loading the model, mean": names.LOAD_LATENCY,
}


def test_every_figure_shown_has_an_entry() -> None:
    document = make_document(batches=12, prices=PRICES, dead_letters=["a"])
    document["quality"] = make_quality(["a", "b"])
    cards = [card["label"] for card in page._cards(document)]
    document["quality"] = None
    document["job"] = {
        "right_labels": {"labelled": 2, "right": 1, "accuracy": 0.5},
        "scaling": {"most_workers": 2, "mean_workers": 1.5},
        "failures": {"errors": 1, "warnings": 0},
    }
    cards += [card["label"] for card in page._cards(document)]
    gpu = {
        "busy_share": 0.5, "waited_share": 0.5, "launching_share": 0.1, "utilization": 0.5,
        "processes": 2, "peak_memory_bytes": 1,
    }  # fmt: skip
    document["gpu"] = gpu
    document["faults"] = dict.fromkeys((*names.FAULTS, names.LOWEST_BATCH_TOKENS), 1)
    shown = [
        *(METRIC_OF.get(label, label) for label in cards),
        *(name for name, _ in dataflow_job.rows(document)),
        *(name for name, _ in sections.gpu(document)),
        *(name for name, _ in sections.faults(document)),
        *(one["name"] for one in spending.resources(document)),
        *document["records"].keys() - {"dead_lettered", "dead_letters_by_reason"},
        *names.BEAM_DISTRIBUTIONS, *names.STAGES, *names.STARTUP, *names.GPU_TIMES,
        names.NUM_INFERENCES, names.FAILED_BATCHES,
    ]  # fmt: skip
    explained = ", ".join(one.name for one in GLOSSARY)
    assert [name for name in shown if f", {name}," not in f", {explained},"] == []
    assert len({one.name for one in GLOSSARY}) == len(GLOSSARY)


def test_every_entry_is_a_sentence() -> None:
    for one in GLOSSARY:
        assert one.meaning.endswith((".", ".)")), one.name
        assert one.unit
        assert one.updated
