"""What each metric is, its unit, when it is updated, and how to read it."""

from runinference_metrics.records import names
from runinference_metrics.report.entry import Entry
from runinference_metrics.report.glossary_of_machines import OF_MACHINES

GLOSSARY = (
    Entry(
        "files read, empty",
        "files",
        "when every part of a file was read",
        "Files that were read to their end. An empty one of them is read, too: it has nothing in "
        "it, or blank rows only. found = read + skipped + failed; a run where this does not add "
        "up fails.",
    ),
    Entry(
        "files skipped",
        "files",
        "when the input is listed",
        "Files that are no data, such as a folder's placeholder or _SUCCESS; they are not opened.",
    ),
    Entry(
        "files failed",
        "files",
        "when every part of a file was read",
        "Files that could not be read to their end, or that have rows (blank ones apart) of which "
        "reading rejected every one; a file that is one text (input_format document) is not "
        "counted for that. More than max_failed_files fail the run.",
    ),
    Entry(
        "read, predicted, dead-lettered, blank",
        "rows",
        "while files are read and results are written",
        "Every row that is read is predicted, a dead letter with its reason, or blank; a run where "
        "this does not add up fails.",
    ),
    Entry(
        "truncated",
        "texts",
        "after each batch that succeeded",
        "Texts of more tokens than max_length, of which the model saw the beginning.",
    ),
    Entry(
        names.NUM_INFERENCES,
        "texts",
        "after each batch that succeeded",
        "Texts that were classified. Beam's documentation speaks of submitted examples; it counts "
        "completed ones, and those of failed batches are not in it.",
    ),
    Entry(
        names.FAILED_BATCHES,
        "batches",
        "when a batch's first classification raises an error",
        "Such a batch is cut in halves until the texts that fail are alone; only these become dead "
        "letters. When a failure makes the runner repeat a bundle, the count of the first try is "
        "dropped with it.",
    ),
    Entry(
        names.BATCH_SIZE,
        "texts",
        "after each batch that succeeded",
        "Texts a batch. COUNT is the number of batches and SUM the number of texts; Beam's "
        "documentation calls COUNT the number of samples. Far below max_batch_size means that "
        "batches are cut by the ends of files: raise min_batch_size.",
    ),
    Entry(
        names.BATCH_BYTES,
        "bytes",
        "after each batch that succeeded",
        "UTF-8 bytes of the texts of a batch: the real size of the request. (For torch tensors "
        "Beam's own handlers add up the size of one element each instead.)",
    ),
    Entry(
        names.LATENCY,
        "µs",
        "after each batch that succeeded",
        "Wall time of a batch: tokenising, waiting for the model, forward passes; on a GPU until "
        "its work is finished. SUM is the total inference time. Beam's documentation derives it "
        "as num_inferences times MEAN, which is too much by the mean batch size.",
    ),
    Entry(
        names.MODEL_BYTES,
        "bytes",
        "with the first batch after each load",
        "What the weights occupy: host memory on a CPU, device memory on a GPU. (Beam's own "
        "figure is the growth of the process's peak memory: 0 without scipy, and blind to a GPU.)",
    ),
    Entry(
        names.LOAD_LATENCY,
        "ms",
        "with the first batch after each load",
        "Loading model and tokenizer, once a process. COUNT is the number of loads.",
    ),
    Entry(
        names.BEFORE_LOAD,
        "ms",
        "with the first batch of each process",
        "From a process's start until it begins to load the model: Python's imports, mostly, and "
        "waiting for the first work.",
    ),
    Entry(
        names.FIRST_PASS,
        "ms",
        "with the first batch of each process",
        "The first forward pass, of a text that is none of yours: whether the model answers at "
        "all, and whatever torch does at its first use.",
    ),
    Entry(
        names.TO_FIRST_PASS,
        "ms",
        "with the first batch of each process",
        "From a process's start to the end of that pass: the two and load_model_latency_milli_secs "
        "between them. Many processes that work shorter than this cost more than they save.",
    ),
    Entry(
        names.TOKENIZE,
        "µs",
        "after each batch that succeeded",
        "The part of the latency in the tokenizer, which runs on the CPU also for a GPU.",
    ),
    Entry(
        names.WAIT,
        "µs",
        "after each batch that succeeded",
        "The part of the latency in which the batch waited because another thread used the model.",
    ),
    Entry(
        names.FORWARD,
        "µs",
        "after each batch that succeeded",
        "The part of the latency in the model, copies to and from the device included.",
    ),
    Entry(
        names.RECLASSIFICATIONS,
        "calls",
        "after each batch that failed at first",
        "Calls of the classifier beyond the first, while the texts that fail were found: about "
        "twice the binary logarithm of the batch size for each such text.",
    ),
    Entry(
        names.TIMEOUTS,
        "calls",
        "after each batch that failed at first",
        "Calls that took longer than inference_timeout_secs. After each the model was loaded "
        "again.",
    ),
    Entry(
        f"{names.OUT_OF_MEMORY_RETRIES}, {names.LOWEST_BATCH_TOKENS}",
        "micro-batches",
        "after each batch",
        "Micro-batches that did not fit the device's memory. Each was cut to half its tokens, and "
        "the process went on with the smaller budget; lowest_batch_tokens is the smallest of all. "
        "Set max_batch_tokens to that.",
    ),
    Entry(
        names.FLOAT32_RETRIES,
        "texts",
        "after each batch",
        "Texts whose scores float16 could not hold. They were computed again in float32, which "
        "takes longer; many of them say that precision=float32 suits the model better.",
    ),
    Entry(
        "padding_share",
        "share",
        "computed from the whole run",
        "Padding tokens among all tokens computed. Micro-batches are sorted by length, so this "
        "falls with larger batches.",
    ),
    Entry(
        "quantised",
        "text",
        "when a process loads the model",
        "Only with precision int8: of which texts the ranges were found, within which the inputs "
        "of its products are rounded to 8 bits, and how many linear layers compute so; the others "
        "lose too much. model --calibrate finds ranges of your own texts. Architectures outside of "
        "BERT's family find them in each call.",
    ),
    Entry(
        "p50, p90, p95, p99",
        "as the metric",
        "computed from the whole run",
        "Percentiles: exact up to 10,000 different values, beyond that of a mergeable sketch "
        "(DDSketch), at most 1 % off. Count, sum, min, max and mean are always exact.",
    ),
    Entry(
        "score",
        "as the model's",
        "for each text",
        "What the model gives its label: of softmax and sigmoid a share between 0 and 1. Texts "
        "with the lowest ones are the ones to look at.",
    ),
    Entry(
        "accuracy",
        "share",
        "computed from the whole run",
        "Of the texts whose row has one of the model's labels in label_field, the share that got "
        "it. Rows without one, or with another, are counted beside it.",
    ),
    Entry(
        "precision, recall, F1",
        "share",
        "computed from the whole run",
        "Of the texts that got a label, the share to which it belongs; of those to which it "
        "belongs, the share that got it; and the harmonic mean of both. A macro mean counts each "
        "label once, a weighted one as often as rows have it.",
    ),
    Entry(
        "expected calibration error",
        "share",
        "computed from the whole run",
        "How far scores are from the share that is right, in the mean over 15 bins of the score "
        "(Guo et al., 2017). At 0.02 a score of 0.9 can be believed; at 0.2 it is a rank.",
    ),
    Entry(
        "thresholds",
        "passed or failed",
        "computed from the whole run",
        "What --thresholds says that the run must keep. One that failed, and does not only warn, "
        "fails the run when all is written, with exit code 3. A figure that is not known fails.",
    ),
    Entry(
        "texts/s of the run",
        "texts/s",
        "computed from the whole run",
        "num_inferences over the time from the first step to the last prediction written: loading "
        "the model is in it, starting machines is not.",
    ),
    Entry(
        "total inference time, texts/s of inference time, tokens/s of inference time",
        "s, texts/s, tokens/s",
        "computed from the whole run",
        "The sum of the batch latencies of all processes, and texts and tokens over it: two "
        "processes that work for a second each are two seconds.",
    ),
    Entry(
        "run time",
        "s",
        "computed from the whole run",
        "From the pipeline's first step to the last prediction written; of a Dataflow job read "
        "from its API from the job's start to its end, machines that start and stop included.",
    ),
    *OF_MACHINES,
)
