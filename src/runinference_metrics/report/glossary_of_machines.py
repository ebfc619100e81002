"""What each figure of machines, GPUs and jobs is, and of what they cost."""

from runinference_metrics.records import names
from runinference_metrics.report.entry import Entry

OF_MACHINES = (
    Entry(
        "busy_share",
        "share",
        "computed for each process",
        "Share of the time between a process's first and last batch in which the model computed. "
        "What is left is reading, writing, tokenising, shuffling and waiting.",
    ),
    Entry(
        "instruction_sets",
        "names",
        "when a process loads the model",
        "Those of the CPU that decide how fast it computes a model; none are named for a GPU. "
        "avx512_bf16, amx_bf16 and neon_bf16 compute bfloat16, and precision auto takes it where "
        "one of them is there.",
    ),
    Entry(
        names.GPU_COMPUTE,
        "µs",
        "after each batch on a GPU",
        "From the begin of a batch's first kernel to the end of its last one, by the GPU's own "
        "clock. Over the time between a machine's first batch and its last it is busy_share.",
    ),
    Entry(
        names.GPU_LAUNCH,
        "µs",
        "after each batch on a GPU",
        "The host's time for giving the GPU a batch's kernels. Where it is as long as the GPU's "
        "own, the GPU waits for it.",
    ),
    Entry(
        "waited_share",
        "share",
        "computed from the whole run",
        "The rest of a GPU's busy_share: nothing was there for it to do.",
    ),
    Entry(
        "launching_share",
        "share",
        "computed from the whole run",
        "gpu_launch_micro_secs over gpu_compute_micro_secs. Near 1 the GPU waits for Python, also "
        "in what counts as busy.",
    ),
    Entry(
        "utilization",
        "share",
        "at most once a second and process",
        "As the driver counts it: whether anything was computed at all, on however little of the "
        "GPU.",
    ),
    Entry(
        "processes that shared one",
        "processes",
        "computed from the whole run",
        "The most processes on a machine with a GPU.",
    ),
    Entry(
        "most memory of a process",
        "bytes",
        "at most once a second and process",
        "The most that torch has held on a GPU; the driver and CUDA itself take some more.",
    ),
    Entry(
        "vCPU hours, vCPU, memory, GPU, standard disk, SSD",
        "hours",
        "computed from the whole run",
        "From inside a run: the machines that classified, times its time. From the Dataflow API: "
        "what the job was billed for, from the start of its machines to their end.",
    ),
    Entry(
        "shuffle",
        "GiB",
        "by Dataflow, while the job runs",
        "Data that Dataflow's shuffle moved between steps, as far as it is billed: its discount is "
        "taken. Only the Dataflow API tells.",
    ),
    Entry(
        "cost of the run",
        "as the prices",
        "computed from the whole run",
        "All of these times their prices in the file of --prices. What has no price there is not "
        "in it, and is named.",
    ),
    Entry(
        "most workers, workers, mean over time",
        "workers",
        "by Dataflow, when the number changes",
        "Machines of a job, of all its pools; the mean is over the time in which there were any. "
        "Only the Dataflow API tells.",
    ),
    Entry(
        "messages of failure",
        "messages",
        "by Dataflow, while the job runs",
        "What the job says of errors, and of warnings, repeated ones counted each time. A worker's "
        "error is repeated at each of the four tries of a bundle.",
    ),
    Entry(
        "accuracy (of the counters)",
        "share",
        "after each batch",
        "Accuracy as far as the Dataflow API knows it: right_texts over labelled_texts.",
    ),
)
