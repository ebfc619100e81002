"""The values of the enums, as the Cloud console offers them."""

from runinference_metrics.options.accelerators import ACCELERATORS, LOWEST_OF_CUDA_13
from runinference_metrics.options.parameter import Choice
from runinference_metrics.options.values import AUTO

INPUT_FORMATS = (
    Choice(AUTO, "Automatic", "Found from each file's name and first bytes."),
    Choice("text", "Text", "A text a line."),
    Choice("jsonl", "JSON lines", "A JSON object a line."),
    Choice("csv", "CSV", "Rows of columns, whatever parts them."),
    Choice("document", "Document", "One text a file."),
    Choice("parquet", "Parquet", "Columns with types; only those that are needed are read."),
    Choice("avro", "Avro", "Records with types."),
)
OUTPUT_FORMATS = (
    Choice("jsonl", "JSON lines", "A JSON object a prediction."),
    Choice("jsonl.gz", "JSON lines, gzip", "The same, compressed."),
    Choice("csv", "CSV", "For spreadsheets; lists and objects stand in it as JSON."),
    Choice("csv.gz", "CSV, gzip", "The same, compressed."),
    Choice("parquet", "Parquet", "For BigQuery, Spark, DuckDB and pandas; types survive."),
    Choice("avro", "Avro", "For BigQuery and Kafka's tools; types survive."),
)
COMPRESSIONS = (
    Choice(AUTO, "Automatic", "Found from each file's first bytes."),
    Choice("none", "None", "The files are read as they lie there."),
    Choice("gzip", "gzip", "As in .gz."),
    Choice("bzip2", "bzip2", "As in .bz2."),
    Choice("zstd", "zstd", "As in .zst."),
    Choice("xz", "xz", "As in .xz."),
)
DEVICES = (
    Choice("CPU", "CPU", "For small models; the only device for int8."),
    Choice("GPU", "GPU", "One NVIDIA GPU for each worker, for large models or much text."),
)
PRECISIONS = (
    Choice(
        AUTO,
        "Automatic",
        "bfloat16 where the device computes it fast, float16 on GPUs without bfloat16, float32 "
        "elsewhere.",
    ),
    Choice("float32", "32-bit (float32)", "Full precision, for exact comparisons."),
    Choice(
        "bfloat16",
        "16-bit (bfloat16)",
        "For GPUs from Ampere on (L4, A100, H100, RTX PRO 6000), and CPUs with AVX512-BF16, AMX or "
        "Arm's bf16.",
    ),
    Choice("float16", "16-bit (float16)", "For GPUs without bfloat16, such as the T4."),
    Choice(
        "int8",
        "8-bit (int8)",
        "Only on a CPU, and the fastest on one without AMX; a few labels in a thousand may differ.",
    ),
)
PLACEMENTS = (
    Choice("all_workers", "On all workers", "Each worker has a GPU."),
    Choice(
        "inference_step",
        "On the workers that classify",
        "Right fitting: other workers do without, and a shuffle before and after is paid for.",
    ),
)
GPUS = tuple(
    Choice(
        one.name,
        f"{one.title}, {one.memory_gb} GB",
        f"The machine type is {one.machine_type}, unless you set one."
        + (" It needs an image with CUDA 12.6." if one.capability < LOWEST_OF_CUDA_13 else ""),
    )
    for one in ACCELERATORS.values()
)


def values_of(options: tuple[Choice, ...]) -> tuple[str, ...]:
    """What the options pass on."""
    return tuple(one.value for one in options)
