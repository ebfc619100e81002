"""From the parameters to what each worker process gets."""

import os

from apache_beam.options.pipeline_options import (
    DebugOptions,
    DirectOptions,
    PipelineOptions,
    StandardOptions,
)

LOCAL_RUNNERS = (None, "DirectRunner", "FnApiRunner")


def is_local(options: PipelineOptions) -> bool:
    """Whether the run happens on this machine, in the runner that Beam brings along."""
    runner = options.view_as(StandardOptions).runner
    return runner in LOCAL_RUNNERS


def local_workers(options: PipelineOptions) -> int:
    """How many workers a local run has; 0 asks for one a core, as in Beam."""
    asked = options.view_as(DirectOptions).direct_num_workers
    return len(os.sched_getaffinity(0)) if asked == 0 else asked


def threads_per_process(options: PipelineOptions) -> int | None:
    """Torch's threads in each process, so that all processes together use each core once.

    torch by default takes every core in every process. None leaves the choice to torch.
    """
    if is_local(options):
        in_one_process = options.view_as(DirectOptions).direct_running_mode != "multi_processing"
        workers = 1 if in_one_process else local_workers(options)
        return max(1, len(os.sched_getaffinity(0)) // workers)
    experiments = options.view_as(DebugOptions).experiments or []
    if "no_use_multiple_sdk_containers" in experiments:
        return None
    # Dataflow starts one process for each vCPU.
    return 1
