"""What to change, computed from a run's figures."""

from collections.abc import Iterator
from typing import Any

from runinference_metrics.errors import brief
from runinference_metrics.records import names
from runinference_metrics.report import advice_on_quality, advice_on_starting
from runinference_metrics.report.formats import count, duration, percent
from runinference_metrics.report.machine import busy_share, cheaper_machine
from runinference_metrics.report.piece_of_advice import Advice

# Below these a run is too small for its figures to say anything.
_FEWEST_BATCHES = 8
_FEWEST_TEXTS = 20
# From here on a GPU's time is the time in which it is given its work.
_LAUNCH_BOUND = 0.9
# Of a file that is named.
_LONGEST_PATH = 100


def advice(document: dict[str, Any]) -> list[Advice]:
    """The advice that a run's document gives, the most useful first."""
    return [
        one
        for rule in (
            _failed_job,
            _nothing,
            _failed_files,
            _losses,
            *advice_on_quality.RULES,
            _memory,
            _timeouts,
            _batches,
            _padding,
            _truncation,
            _tokenising,
            _gpu,
            _idle,
            _machine,
            *advice_on_starting.RULES,
            _skew,
        )
        for one in rule(document)
    ]


def _failed_job(document: dict[str, Any]) -> Iterator[Advice]:
    said = (document["job"] or {}).get("failures")
    if said and said["errors"] and document["run"].get("state") == "JOB_STATE_FAILED":
        yield Advice(
            "Look at its messages of failure before anything else.",
            f"The job failed, with {count(said['errors'])} "
            f"{'error' if said['errors'] == 1 else 'errors'} in its messages.",
        )


def _nothing(document: dict[str, Any]) -> Iterator[Advice]:
    records, files = document["records"], document["files"]
    if files and not records["read"]:
        yield Advice(
            "Look at the input, and at its files' names.",
            f"Nothing was predicted: of {_files(files['found'])}, {count(files['empty'])} hold no "
            f"row, and {count(files['skipped'])} were skipped as no data.",
        )
    elif files and records["read"] == records["blank"]:
        yield Advice(
            "See with `check` which field holds the text, and name it with text_field.",
            f"Nothing was predicted: all {count(records['read'])} rows are blank.",
        )


def _failed_files(document: dict[str, Any]) -> Iterator[Advice]:
    files = document["files"]
    if not files or not files["failed"]:
        return
    worst = files["worst"][0]
    yield Advice(
        f"Look at {brief(worst['path'], _LONGEST_PATH)} first ({worst['reason']}).",
        f"{count(files['failed'])} of {_files(files['found'])} could not be read to the end, or "
        "gave no row that could be read.",
    )


def _files(number: int) -> str:
    return f"{count(number)} {'file' if number == 1 else 'files'}"


def _losses(document: dict[str, Any]) -> Iterator[Advice]:
    records = document["records"]
    if not records["dead_lettered"]:
        return
    share = records["dead_lettered"] / max(1, records["read"] - records["blank"])
    if share >= 0.01:
        reason, number = next(iter(records["dead_letters_by_reason"].items()))
        yield Advice(
            "Look at the dead letters first: they say why, row by row.",
            f"{percent(share)} of the rows got no prediction; the commonest reason is {reason} "
            f"({count(number)}).",
        )


def _memory(document: dict[str, Any]) -> Iterator[Advice]:
    faults = document["faults"]
    retries, lowest = faults[names.OUT_OF_MEMORY_RETRIES], faults[names.LOWEST_BATCH_TOKENS]
    if retries:
        asked = {one["max_batch_tokens"] for one in document["run"]["effective"]}
        now = f" (now {count(max(asked))})" if asked else ""
        yield Advice(
            f"Lower max_batch_tokens{now} to {count(lowest)}." if lowest
            else f"Lower max_batch_tokens{now}.",
            f"The device ran out of memory: {count(retries)} micro-batches had to be cut smaller.",
        )  # fmt: skip


def _timeouts(document: dict[str, Any]) -> Iterator[Advice]:
    timeouts = document["faults"][names.TIMEOUTS]
    if timeouts:
        limit = document["run"]["parameters"].get("inference_timeout_secs")
        slowest = document["runinference"][names.LATENCY]["max"]
        shown = f"; the slowest batch took {duration(slowest / 1e6)}" if slowest else ""
        yield Advice(
            f"Raise inference_timeout_secs (now {limit}), unless the dead letters that timed_out "
            "are texts that hang.",
            f"{count(timeouts)} times a batch took too long and the model was loaded again{shown}.",
        )


def _batches(document: dict[str, Any]) -> Iterator[Advice]:
    sizes = document["runinference"][names.BATCH_SIZE]
    parameters = document["run"]["parameters"]
    largest, smallest = parameters.get("max_batch_size"), parameters.get("min_batch_size")
    if not _has_small_batches(document):
        return
    yield Advice(
        f"Raise min_batch_size (now {smallest}) towards max_batch_size ({largest}).",
        f"The mean batch has {sizes['mean']:.0f} texts: small files end their batches early. "
        "Larger batches sort better by length and use the device better.",
    )


def _has_small_batches(document: dict[str, Any]) -> bool:
    sizes = document["runinference"][names.BATCH_SIZE]
    largest = document["run"]["parameters"].get("max_batch_size")
    return bool(largest) and sizes["count"] >= _FEWEST_BATCHES and sizes["mean"] < largest / 2


def _padding(document: dict[str, Any]) -> Iterator[Advice]:
    share = document["tokens"]["padding_share"]
    sizes = document["runinference"][names.BATCH_SIZE]
    if share is None or share < 0.15 or sizes["count"] < _FEWEST_BATCHES:
        return
    if _has_small_batches(document):
        # Filling the batches comes first, and mends this too.
        return
    yield Advice(
        "Raise max_batch_size, and min_batch_size with it; or lower max_batch_tokens.",
        f"{percent(share)} of all tokens computed were padding. In larger batches texts of like "
        "length find each other.",
    )


def _truncation(document: dict[str, Any]) -> Iterator[Advice]:
    records = document["records"]
    predicted = records["predicted"]
    if predicted < _FEWEST_TEXTS or not records["truncated"]:
        return
    share = records["truncated"] / predicted
    if share >= 0.05:
        limits = {one["max_length"] for one in document["run"]["effective"]}
        shown = ", ".join(map(str, sorted(limits)))
        yield Advice(
            "Raise max_length, or take a model that reads longer texts, if their ends matter.",
            f"{percent(share)} of the texts were cut"
            + (f" to {shown} tokens." if shown else "."),
        )  # fmt: skip


def _tokenising(document: dict[str, Any]) -> Iterator[Advice]:
    latency = document["runinference"][names.LATENCY]
    if latency["count"] < _FEWEST_BATCHES or not latency["sum"]:
        return
    stages = document["stages"]
    tokenizing = stages[names.TOKENIZE]["sum"] / latency["sum"]
    waiting = stages[names.WAIT]["sum"] / latency["sum"]
    if waiting >= 0.3:
        yield Advice(
            "Set fewer threads a process (--number_of_worker_harness_threads); more do not help.",
            f"{percent(waiting)} of the inference time was spent waiting for the model, because "
            "several threads share it.",
        )
    if tokenizing >= 0.3:
        yield Advice(
            "Give the device more CPU: a machine with more vCPUs, or several processes a GPU.",
            f"{percent(tokenizing)} of the inference time went into the tokenizer, which runs on "
            "the CPU.",
        )


def _gpu(document: dict[str, Any]) -> Iterator[Advice]:
    gpu = document["gpu"] or {}
    # Documents of schema version 5 have only what the driver says.
    waited, launching = gpu.get("waited_share"), gpu.get("launching_share")
    if document["runinference"][names.LATENCY]["count"] < _FEWEST_BATCHES:
        return
    if launching is not None and launching >= _LAUNCH_BOUND:
        yield Advice(
            "Let several processes share the GPU (an accelerator with use_nvidia_mps), with fewer "
            "threads each (--number_of_worker_harness_threads).",
            f"Giving the GPU its work took {percent(launching)} of the time that the GPU spent on "
            "it: it waits for one thread of Python.",
        )
    elif waited is not None and waited >= 0.3:
        yield Advice(
            "Give the GPU more to do: a machine with more vCPUs, more threads a process "
            "(--number_of_worker_harness_threads), or several processes that share it "
            "(use_nvidia_mps). If none helps, a smaller GPU costs less.",
            f"The GPU waited {percent(waited)} of the time: reading, tokenising and writing did "
            "not keep up with it.",
        )


def _idle(document: dict[str, Any]) -> Iterator[Advice]:
    busy = busy_share(document)
    batches = sum(one["batches"] for one in document["workers"] if one["busy_share"] is not None)
    if busy is None or batches < _FEWEST_BATCHES or document["gpu"]:
        # Of a GPU its own clock says more: what is launched is not yet computed.
        return
    if busy < 0.5:
        yield Advice(
            "A faster device would help little: look at reading, writing and shuffling first.",
            f"The model computed in only {percent(busy)} of the time between each process's first "
            "and last batch.",
        )


def _machine(document: dict[str, Any]) -> Iterator[Advice]:
    if found := cheaper_machine(document):
        yield Advice(*found)


def _skew(document: dict[str, Any]) -> Iterator[Advice]:
    rows = [one for one in document["workers"] if one["process"] != "others"]
    if len(rows) < 2 or sum(one["batches"] for one in rows) < 4 * len(rows):
        return
    mean = sum(one["texts"] for one in rows) / len(rows)
    most = max(rows, key=lambda one: one["texts"])
    if most["texts"] > 2 * mean:
        yield Advice(
            "Give the runner more, smaller files or batches to spread, or fewer workers.",
            f"One of {len(rows)} processes classified {count(most['texts'])} texts, the mean is "
            f"{count(round(mean))}: the work was spread unevenly.",
        )
