"""What a worker tells Beam's metrics, beside Beam's own names."""

from apache_beam.metrics import Metrics

from runinference_metrics.records import names
from runinference_metrics.records.measured import BatchStats
from runinference_metrics.records.quality import Quality
from runinference_metrics.records.startup import Startup
from runinference_metrics.recovery.batch import Recovered


def stats(measured: BatchStats) -> None:
    """What a batch took."""
    space = names.OWN_NAMESPACE
    Metrics.counter(space, names.TOKENS).inc(measured.tokens)
    Metrics.counter(space, names.PADDING_TOKENS).inc(measured.padding)
    Metrics.counter(space, names.TRUNCATED_TEXTS).inc(measured.truncated)
    Metrics.counter(space, names.MICRO_BATCHES).inc(measured.micro_batches)
    Metrics.distribution(space, names.TOKENIZE).update(measured.tokenize_micro_secs)
    Metrics.distribution(space, names.WAIT).update(measured.wait_micro_secs)
    Metrics.distribution(space, names.FORWARD).update(measured.forward_micro_secs)
    if measured.gpu_time:
        for name, micro_secs in measured.gpu_time.by_name().items():
            Metrics.distribution(space, name).update(micro_secs)


def quality(found: Quality | None) -> None:
    """How many texts of a batch have a right label, and got it: what the Dataflow API can tell."""
    if found:
        Metrics.counter(names.OWN_NAMESPACE, names.LABELLED_TEXTS).inc(found.labelled)
        Metrics.counter(names.OWN_NAMESPACE, names.RIGHT_TEXTS).inc(found.right)


def startup(start: Startup | None) -> None:
    """A process's start, with its first batch."""
    if start:
        for name, milli_secs in start.by_name().items():
            Metrics.distribution(names.OWN_NAMESPACE, name).update(milli_secs)


def faults(namespace: str, found: Recovered) -> None:
    """What went wrong with a batch, and was overcome."""
    overcome, space = found.faults, names.OWN_NAMESPACE
    for where, name, count in (
        (namespace, names.FAILED_BATCHES, overcome.failed_batches),
        (space, names.RECLASSIFICATIONS, overcome.reclassifications),
        (space, names.TIMEOUTS, overcome.timeouts),
        (space, names.OUT_OF_MEMORY_RETRIES, found.classification.stats.out_of_memory_retries),
        (space, names.FLOAT32_RETRIES, found.classification.stats.float32_retries),
    ):
        if count:
            Metrics.counter(where, name).inc(count)
