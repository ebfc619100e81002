"""Every parameter of the template, declared once.

The command line, its help and its checks, and metadata.json come from `PARAMETERS`. Values arrive
as strings, as the Flex Template launcher sends them.
"""

from runinference_metrics.options import form, values
from runinference_metrics.options.accelerators import ACCELERATORS, TAKES
from runinference_metrics.options.parameter import Parameter
from runinference_metrics.options.values import AUTO

# Above this a batch of ordinary sentences no longer fits a worker's memory comfortably, and one
# failed batch would repeat minutes of work.
LARGEST_BATCH_SIZE = 65_536
# The largest token budget that is useful on the GPUs of today (an H200 saturates far below it).
LARGEST_BATCH_TOKENS = 4_194_304

# A day: whoever waits longer wants no limit.
LONGEST_TIMEOUT_SECS = 86_400
DEVICES = ("CPU", "GPU")
PRECISIONS = (AUTO, "float32", "bfloat16", "float16", "int8")
PLACEMENTS = ("all_workers", "inference_step")


PARAMETERS: tuple[Parameter, ...] = (
    Parameter(
        "input",
        "Input files",
        "The files to classify: one or several comma-separated patterns, local or gs://, such as "
        "gs://bucket/reviews/*.jsonl. A pattern that ends in / means every file in that folder; "
        "write ? for a comma in a file's name. "
        "Formats by name: .txt (a text a line), .jsonl, .csv (with a header line), each also "
        "as .gz, .bz2 or .zst.",
        None,
        "one or several comma-separated file patterns",
        values.patterns,
        "TEXT",
        form.DATA,
        regex=form.GCS_PATTERNS,
    ),
    Parameter(
        "output",
        "Output folder",
        "The folder, local or gs://, that receives predictions, dead letters, metrics.json and "
        "report.html.",
        None,
        "a folder",
        values.text,
        "GCS_WRITE_FOLDER",
        form.DATA,
        regex=form.GCS_FOLDER,
    ),
    Parameter(
        "device",
        "Device",
        "Where the model runs. GPU fails when no usable GPU is there; it never falls back.",
        "CPU",
        "CPU or GPU",
        values.one_of(*DEVICES),
        "ENUM",
        form.MODEL,
        DEVICES,
    ),
    Parameter(
        "model",
        "Model folder",
        "The model's folder, local (in the image) or gs://, in transformers' own format: "
        "config.json, model.safetensors, tokenizer.json. Any sequence-classification model. "
        "bundled is the one in the image (outside of an image: models/demo).",
        values.BUNDLED,
        "bundled, or a folder with config.json, model.safetensors and tokenizer.json",
        values.model,
        "TEXT",
        form.MODEL,
        regex=form.FIELD,
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
        "Tokens of a forward pass",
        "The token budget of one forward pass, padding included; auto chooses by device and "
        "precision. Lower it when the device runs out of memory.",
        AUTO,
        f"auto or a whole number from 1 to {LARGEST_BATCH_TOKENS}",
        values.whole_number_or_auto(LARGEST_BATCH_TOKENS),
        "TEXT",
        form.BATCHES,
        regex=form.WHOLE_NUMBER_OR_AUTO,
    ),
    Parameter(
        "max_length",
        "Longest text, in tokens",
        "Longer texts are cut to this many tokens, and counted; auto is the model's own limit. "
        "Lower it to trade the ends of long texts for speed.",
        AUTO,
        "auto or a whole number from 3 up to the model's own limit",
        values.whole_number_or_auto(LARGEST_BATCH_TOKENS),
        "TEXT",
        form.BATCHES,
        regex=form.WHOLE_NUMBER_OR_AUTO,
    ),
    Parameter(
        "precision",
        "Precision",
        "The arithmetic of the forward pass. auto is bfloat16 where the device computes it fast, "
        "float16 on GPUs without bfloat16, float32 elsewhere. float32 for exact comparisons. int8, "
        "on a CPU only, is the fastest; a few labels in a thousand may differ.",
        AUTO,
        "auto, float32, bfloat16, float16 or int8",
        values.one_of(*PRECISIONS),
        "ENUM",
        form.MODEL,
        PRECISIONS,
    ),
    Parameter(
        "accelerator",
        "Accelerator",
        "The GPU of each Dataflow worker, with its machine type unless you set one. V100, P100 and "
        "P4 need an image with CUDA 12.6. Dataflow's own form chooses the driver besides.",
        "nvidia-l4",
        TAKES,
        values.text,
        "ENUM",
        form.WORKERS,
        tuple(ACCELERATORS),
        shown_with=("device", "GPU"),
    ),
    Parameter(
        "gpu_placement",
        "Where the GPUs are",
        "all_workers gives each worker a GPU. inference_step gives one only to the workers that "
        "classify (right fitting), and pays for a shuffle before and after; choose it when reading "
        "or writing takes most of the time.",
        "all_workers",
        "all_workers or inference_step",
        values.one_of(*PLACEMENTS),
        "ENUM",
        form.WORKERS,
        PLACEMENTS,
        shown_with=("device", "GPU"),
    ),
    Parameter(
        "text_field",
        "Text field",
        "The field (.jsonl) or column (.csv) that holds the text.",
        "text",
        "the name of a field",
        values.text,
        "TEXT",
        form.DATA,
        regex=form.FIELD,
    ),
    Parameter(
        "id_field",
        "Id field",
        "The field or column that identifies a row; its value goes into the prediction as id. "
        "Empty: none.",
        "",
        "the name of a field, or nothing",
        values.optional_text,
        "TEXT",
        form.DATA,
        regex=form.FIELD_OR_NOTHING,
    ),
    Parameter(
        "keep_fields",
        "Fields to keep",
        "Comma-separated fields or columns to carry into the predictions, under fields; * means "
        "all but the text. Empty: none.",
        "",
        "comma-separated names of fields, or *",
        values.names,
        "TEXT",
        form.DATA,
        regex=form.FIELD_OR_NOTHING,
    ),
    Parameter(
        "max_failure_rate",
        "Largest share of failed rows",
        "The run fails, when all is written, if more than this share of its rows (no blank ones) "
        "got no prediction. Up to 10 dead letters never fail it, unless this is 0; 1 is off.",
        "0.05",
        "a number from 0 to 1",
        values.share,
        "NUMBER",
        form.DATA,
        regex=r"^(0?\.[0-9]+|0|1(\.0+)?)$",
    ),
    Parameter(
        "inference_timeout_secs",
        "Longest inference of a batch, in seconds",
        "When a batch takes longer, the model is loaded again, and texts that hang become dead "
        "letters. Allow ten times what the slowest batch takes; 0 means no limit.",
        "0",
        f"a whole number from 0 (no limit) to {LONGEST_TIMEOUT_SECS}",
        values.whole_number(LONGEST_TIMEOUT_SECS, 0),
        "NUMBER",
        form.BATCHES,
        regex=r"^[0-9]{1,5}$",
    ),
    Parameter(
        "prices",
        "Prices",
        "A YAML or JSON file, local or gs://, with the prices of resource hours; with it "
        "metrics.json and the report say what the run cost. Empty: resource hours only.",
        "",
        "a file, or nothing",
        values.optional_text,
        "TEXT",
        form.WORKERS,
        regex=form.GCS_FILE,
    ),
    Parameter(
        "overwrite",
        "Overwrite",
        "true deletes the results of an earlier run, and what a killed run left, from the output "
        "folder first; false refuses to start when there are any.",
        "false",
        "true or false",
        values.boolean,
        "BOOLEAN",
        form.DATA,
        ("true", "false"),
    ),
)
