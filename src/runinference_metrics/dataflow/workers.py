"""From the parameters to the workers, and to what each worker process gets."""

import logging
import os

from apache_beam.options.pipeline_options import (
    DebugOptions,
    DirectOptions,
    GoogleCloudOptions,
    PipelineOptions,
    StandardOptions,
    WorkerOptions,
)

from runinference_metrics.dataflow.cores import usable_cores
from runinference_metrics.dataflow.machines import cpu_machine
from runinference_metrics.environment import IMAGE_VARIABLE
from runinference_metrics.errors import UserError
from runinference_metrics.options.accelerators import MPS, Accelerator, accelerator
from runinference_metrics.options.settings import Settings

# The least that Dataflow takes for workers with a GPU; the image must fit in it.
GPU_DISK_GB = 50
# Enough that tokenising and writing go on while another thread uses the GPU, few enough that the
# batches in flight stay in memory.
GPU_THREADS = 4
# Where a process for each vCPU shares a GPU: one thread computes while the other waits for results.
SHARING_THREADS = 2
ONE_PROCESS = "no_use_multiple_sdk_containers"
_ACCELERATOR_OPTION = "worker_accelerator"

LOCAL_RUNNERS = (None, "DirectRunner", "FnApiRunner")
DATAFLOW_RUNNERS = ("DataflowRunner", "TestDataflowRunner")
_LOG = logging.getLogger(__name__)


def is_local(options: PipelineOptions) -> bool:
    """Whether the run happens on this machine, in the runner that Beam brings along."""
    runner = options.view_as(StandardOptions).runner
    return runner in LOCAL_RUNNERS


def is_dataflow(options: PipelineOptions) -> bool:
    """Whether the run is a job on Dataflow."""
    return options.view_as(StandardOptions).runner in DATAFLOW_RUNNERS


def local_workers(options: PipelineOptions) -> int:
    """How many workers a local run has; 0 asks for one a core, as in Beam."""
    asked = options.view_as(DirectOptions).direct_num_workers
    return usable_cores() if asked == 0 else asked


def threads_per_process(options: PipelineOptions) -> int | None:
    """Torch's threads in each process, so that all processes together use each core once.

    torch by default takes every core in every process. None leaves the choice to torch.
    """
    if is_local(options):
        in_one_process = options.view_as(DirectOptions).direct_running_mode != "multi_processing"
        workers = 1 if in_one_process else local_workers(options)
        return max(1, usable_cores() // workers)
    experiments = options.view_as(DebugOptions).experiments or []
    if ONE_PROCESS in experiments:
        return None
    # Dataflow starts one process for each vCPU.
    return 1


def configure(settings: Settings, options: PipelineOptions) -> str | None:
    """Sets what the workers of a service need for `device`; what the user set stays.

    With `device=CPU` the image, and on Dataflow a machine type with bfloat16 where that is safe;
    the log says which and why. With `device=GPU`: the accelerator with its machine type (for
    `gpu_placement=inference_step` both in a resource hint), disk, one process a worker (several
    where the accelerator is faster than one) and its threads.

    Args:
        settings: the parameters.
        options: Beam's options, changed in place.

    Returns:
        The accelerator's resource hint for the inference step, if it is to have one.

    Raises:
        UserError: two settings exclude each other.
    """
    worker = options.view_as(WorkerOptions)
    if not worker.sdk_container_image and os.environ.get(IMAGE_VARIABLE):
        worker.sdk_container_image = os.environ[IMAGE_VARIABLE]
    if settings.device != "GPU":
        if is_dataflow(options) and (machine := cpu_machine(options)):
            worker.machine_type = machine.machine_type
            _LOG.info(machine.why)
        return None
    chosen = accelerator(settings.accelerator)
    debug = options.view_as(DebugOptions)
    if worker.disk_size_gb is None:
        worker.disk_size_gb = GPU_DISK_GB
    service = options.view_as(GoogleCloudOptions)
    given = _own_accelerators(options)
    shared = chosen.shares_processes and not given
    if debug.number_of_worker_harness_threads is None:
        debug.number_of_worker_harness_threads = SHARING_THREADS if shared else GPU_THREADS
    if not shared and not _decides_processes(options):
        # One process a worker: one copy of the model on the GPU.
        debug.add_experiment(ONE_PROCESS)
    if settings.gpu_placement == "inference_step":
        if given:
            raise UserError(
                "gpu_placement",
                "inference_step only without an accelerator for all workers",
                f"inference_step with --dataflow_service_options={given[0]}",
            )
        return chosen.resource_hint(worker.machine_type)
    if not given:
        service.dataflow_service_options = [
            *(service.dataflow_service_options or []),
            f"{_ACCELERATOR_OPTION}={chosen.service_option}",
        ]
    if worker.machine_type is None:
        found = gpu_of(settings, options)
        worker.machine_type = found.machine_type if found else None
    return None


def gpu_of(settings: Settings, options: PipelineOptions) -> Accelerator | None:
    """The GPU of the workers; None where there is none, or one that only the user knows."""
    if settings.device != "GPU":
        return None
    given = _own_accelerators(options)
    if not given:
        return accelerator(settings.accelerator)
    try:
        return accelerator(given[0].partition(_ACCELERATOR_OPTION)[2].removeprefix("="))
    except UserError:
        # More than one GPU, or a newer one: the service knows, and its machine is the user's too.
        return None


def runs_this_image(options: PipelineOptions) -> bool:
    """Whether the workers run the image in which this program runs."""
    image = os.environ.get(IMAGE_VARIABLE)
    return bool(image) and options.view_as(WorkerOptions).sdk_container_image in (None, "", image)


def _own_accelerators(options: PipelineOptions) -> list[str]:
    """The user's own service option for an accelerator, if there is one."""
    given = options.view_as(GoogleCloudOptions).dataflow_service_options or []
    return [one for one in given if _ACCELERATOR_OPTION in one]


def _decides_processes(options: PipelineOptions) -> bool:
    """Whether the user says how many processes a worker has."""
    experiments = options.view_as(DebugOptions).experiments or []
    service = options.view_as(GoogleCloudOptions).dataflow_service_options or []
    return ONE_PROCESS in experiments or any(
        # use_nvidia_mps stands inside the accelerator's option, and excludes one process.
        MPS in one or one == "use_multiple_sdk_containers"
        for one in (*experiments, *service)
    )
