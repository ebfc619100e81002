"""The parameters of failures, costs and batches."""

from runinference_metrics.options import form, values
from runinference_metrics.options.parameter import Parameter
from runinference_metrics.options.values import AUTO, LARGEST_BATCH_TOKENS

# Above this a batch of ordinary sentences no longer fits a worker's memory comfortably, and one
# failed batch would repeat minutes of work.
LARGEST_BATCH_SIZE = 65_536
# A day: whoever waits longer wants no limit.
LONGEST_TIMEOUT_SECS = 86_400
# More than any bucket that one job reads.
MOST_FILES = 9_999_999

LIMITS: tuple[Parameter, ...] = (
    Parameter(
        "max_failure_rate",
        "Maximum failure rate",
        "The job fails, when all is written, if more than this share of its rows (blank ones "
        "apart) got no prediction. Up to 10 dead letters never fail it, unless this is 0; 1 allows "
        "any number.",
        "0.05",
        "a number from 0 to 1",
        values.share,
        "NUMBER",
        form.LIMITS,
        regex=form.SHARE,
    ),
    Parameter(
        "max_failed_files",
        "Maximum failed files",
        "The job fails, when all is written, if more files than this could not be read to their "
        "end, or gave no row that could be read.",
        "0",
        f"a whole number from 0 to {MOST_FILES}",
        values.whole_number(MOST_FILES, 0),
        "NUMBER",
        form.LIMITS,
        regex=form.WHOLE_NUMBER,
    ),
    Parameter(
        "inference_timeout_secs",
        "Batch timeout, in seconds",
        "When the inference of a batch takes longer, the model is loaded again, and texts that "
        "hang become dead letters; on a GPU the process is started again. Allow ten times what the "
        "slowest batch takes; 0 means no limit.",
        "0",
        f"a whole number from 0 (no limit) to {LONGEST_TIMEOUT_SECS}",
        values.whole_number(LONGEST_TIMEOUT_SECS, 0),
        "NUMBER",
        form.LIMITS,
        regex=form.WHOLE_NUMBER,
    ),
    Parameter(
        "prices",
        "Prices",
        "A YAML or JSON file, local or gs://, with the prices of resource hours; with it "
        "metrics.json and the report say what the job cost. Without one they say the hours only.",
        "",
        "a file, or nothing",
        values.optional_file,
        "GCS_READ_FILE",
        form.LIMITS,
        regex=form.GCS_FILE,
    ),
    Parameter(
        "thresholds",
        "Thresholds",
        "What the job must keep to be good, with ; between, such as accuracy>=0.9; "
        "cost_per_million<0.1; p95(inference_batch_latency_micro_secs)<200000; or a file, local or "
        "gs://, with one a line. If one fails, the job fails when all is written; warn before one "
        "only says so.",
        "",
        "figures with <, <=, > or >= and a number, ; between them; or a file of them",
        values.thresholds,
        "TEXT",
        form.LIMITS,
        regex=form.FIELD,
    ),
    Parameter(
        "history",
        "History of runs",
        "A file, local or gs://, or a table, bq://project.dataset.table, to which the job adds a "
        "line when all is written: its figures, "
        "its thresholds, and why it failed if it did. Many jobs may share one; the command report "
        "draws it over time.",
        "",
        "a .jsonl file or a table, or nothing",
        values.history,
        "TEXT",
        form.LIMITS,
        regex=form.HISTORY,
    ),
    Parameter(
        "min_batch_size",
        "Smallest batch",
        "Batches with fewer texts than this are joined with the next ones before inference. "
        "Raise it when the input is many small files. auto chooses by device.",
        AUTO,
        f"auto or a whole number from 1 to {LARGEST_BATCH_SIZE}",
        values.whole_number_or_auto(LARGEST_BATCH_SIZE),
        "TEXT",
        form.BATCHES,
        regex=form.WHOLE_NUMBER_OR_AUTO,
    ),
    Parameter(
        "max_batch_size",
        "Largest batch",
        "The most texts in one RunInference batch. A bigger batch sorts better by length and so "
        "wastes less, but takes more memory and repeats more work when a worker dies. auto chooses "
        "by device.",
        AUTO,
        f"auto or a whole number from 1 to {LARGEST_BATCH_SIZE}",
        values.whole_number_or_auto(LARGEST_BATCH_SIZE),
        "TEXT",
        form.BATCHES,
        regex=form.WHOLE_NUMBER_OR_AUTO,
    ),
    Parameter(
        "max_batch_tokens",
        "Token budget",
        "The tokens of one forward pass, padding included; auto chooses by device and precision. "
        "Lower it when the device runs out of memory.",
        AUTO,
        f"auto or a whole number from 1 to {LARGEST_BATCH_TOKENS}",
        values.whole_number_or_auto(LARGEST_BATCH_TOKENS),
        "TEXT",
        form.BATCHES,
        regex=form.WHOLE_NUMBER_OR_AUTO,
    ),
    Parameter(
        "start_timeout_secs",
        "Wait for a first worker (seconds)",
        "On runners other than Dataflow and this machine: if no worker has done anything by then, "
        "the job is cancelled, since such a runner may wait for ever. 0 means no limit.",
        "600",
        f"a whole number from 0 (no limit) to {LONGEST_TIMEOUT_SECS}",
        values.whole_number(LONGEST_TIMEOUT_SECS, 0),
        "NUMBER",
        form.COMMAND_LINE,
    ),
)
