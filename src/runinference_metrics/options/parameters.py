"""Every parameter of the template, declared once, in the order of the Cloud console's form.

The command line, its help and its checks, and metadata.json come from `PARAMETERS`. Values arrive
as strings, as the Flex Template launcher sends them.
"""

from runinference_metrics.options import choices, form, label_names, values
from runinference_metrics.options.accelerators import TAKES
from runinference_metrics.options.parameter import Parameter
from runinference_metrics.options.values import AUTO

# Above this a batch of ordinary sentences no longer fits a worker's memory comfortably, and one
# failed batch would repeat minutes of work.
LARGEST_BATCH_SIZE = 65_536
# The largest token budget that is useful on the GPUs of today (an H200 saturates far below it).
LARGEST_BATCH_TOKENS = 4_194_304

# A day: whoever waits longer wants no limit.
LONGEST_TIMEOUT_SECS = 86_400


PARAMETERS: tuple[Parameter, ...] = (
    Parameter(
        "input",
        "Input files",
        "The files to classify: one or several comma-separated patterns, local or gs://, such as "
        "gs://bucket/reviews/*.jsonl. A pattern that ends in / means every file in that folder; "
        "write ? for a comma in a file's name. Formats by name: .txt (a text a line), .jsonl, .csv "
        "(with a header line), each also as .gz, .bz2 or .zst.",
        None,
        "one or several comma-separated file patterns",
        values.patterns,
        "TEXT",
        form.FILES,
        regex=form.GCS_PATTERNS,
    ),
    Parameter(
        "output",
        "Output folder",
        "The folder, local or gs://, that receives predictions, dead letters, metrics.json and "
        "report.html.",
        None,
        "a folder",
        values.folder,
        "GCS_WRITE_FOLDER",
        form.FILES,
        regex=form.GCS_FOLDER,
    ),
    Parameter(
        "text_field",
        "Text field",
        "The field (.jsonl) or column (.csv) that holds the text. A .txt file needs none.",
        "text",
        "the name of a field",
        values.text,
        "TEXT",
        form.FILES,
        regex=form.FIELD,
    ),
    Parameter(
        "text_pair_field",
        "Second text field",
        "The field or column that holds the second text, for models that classify pairs of texts "
        "(entailment, cross-encoders). Leave it empty when a row has one text.",
        "",
        "the name of a field, or nothing",
        values.optional_text,
        "TEXT",
        form.FILES,
        regex=form.FIELD,
    ),
    Parameter(
        "id_field",
        "Id field",
        "The field or column that identifies a row; its value goes into the prediction as id. "
        "Leave it empty when rows have none.",
        "",
        "the name of a field, or nothing",
        values.optional_text,
        "TEXT",
        form.FILES,
        regex=form.FIELD,
    ),
    Parameter(
        "keep_fields",
        "Fields to keep",
        "Comma-separated fields or columns to carry into the predictions, under fields; * keeps "
        "all but the texts. Leave it empty to keep none.",
        "",
        "comma-separated names of fields, or *",
        values.names,
        "TEXT",
        form.FILES,
        regex=form.FIELD,
    ),
    Parameter(
        "overwrite",
        "Overwrite earlier results",
        "When true, the results of an earlier run, and what a killed run left, are deleted from "
        "the output folder first. When false, the job refuses to start if there are any.",
        "false",
        "true or false",
        values.boolean,
        "BOOLEAN",
        form.FILES,
    ),
    Parameter(
        "model",
        "Model",
        "The folder, gs:// or local (on Dataflow: in the image), of any sequence-classification "
        "model in transformers' own format: config.json, model.safetensors, tokenizer.json. The "
        "default, bundled, is the model in the image (outside of an image: models/demo). A run on "
        "this machine also takes owner/name@revision of the Hugging Face hub.",
        values.BUNDLED,
        "bundled, a folder with config.json, model.safetensors and tokenizer.json, or "
        "owner/name@revision of the hub",
        values.model,
        "TEXT",
        form.MODEL,
        regex=form.FIELD,
    ),
    Parameter(
        "label_names",
        "Label names",
        "Names for the model's labels, in the order of its outputs, such as 0=neg,1=pos; or a "
        "file with them. Leave it empty to take the model's own.",
        "",
        label_names.TAKES,
        label_names.value,
        "TEXT",
        form.MODEL,
        regex=form.FIELD,
    ),
    Parameter(
        "device",
        "Device",
        "What the model runs on. With GPU the job fails when no usable GPU is there; it never "
        "falls back to the CPU.",
        "CPU",
        "CPU or GPU",
        values.one_of(*choices.values_of(choices.DEVICES)),
        "ENUM",
        form.MODEL,
        choices.DEVICES,
    ),
    Parameter(
        "accelerator",
        "GPU type",
        "The GPU of each Dataflow worker. The machine type that goes with it is chosen too, unless "
        "you set one.",
        "nvidia-l4",
        TAKES,
        str.lower,
        "ENUM",
        form.MODEL,
        choices.GPUS,
        shown_with=("device", "GPU"),
    ),
    Parameter(
        "gpu_placement",
        "GPU placement",
        "Which workers have a GPU: all, or only those that classify. The latter is worth it when "
        "reading or writing takes most of the time.",
        "all_workers",
        "all_workers or inference_step",
        values.one_of(*choices.values_of(choices.PLACEMENTS)),
        "ENUM",
        form.MODEL,
        choices.PLACEMENTS,
        shown_with=("device", "GPU"),
    ),
    Parameter(
        "precision",
        "Precision",
        "The arithmetic of the model. Less precision can be faster, and changes a few labels. auto "
        "suits the device; float32 is for exact comparisons; int8, on a CPU only, is the fastest "
        "there.",
        AUTO,
        "auto, float32, bfloat16, float16 or int8",
        values.one_of(*choices.values_of(choices.PRECISIONS)),
        "ENUM",
        form.MODEL,
        choices.PRECISIONS,
    ),
    Parameter(
        "max_length",
        "Maximum tokens of a text",
        "Longer texts are cut to this many tokens, and counted; auto is the model's own limit. "
        "Lower it to trade the ends of long texts for speed.",
        AUTO,
        "auto or a whole number from 3 up to the model's own limit",
        values.whole_number_or_auto(LARGEST_BATCH_TOKENS),
        "TEXT",
        form.MODEL,
        regex=form.WHOLE_NUMBER_OR_AUTO,
    ),
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
        "inference_timeout_secs",
        "Batch timeout, in seconds",
        "When the inference of a batch takes longer, the model is loaded again, and texts that "
        "hang become dead letters. Allow ten times what the slowest batch takes; 0 means no limit.",
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
