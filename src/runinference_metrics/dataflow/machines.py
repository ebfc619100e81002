"""The machine type of CPU workers, where the user names none."""

from collections.abc import Iterator
from dataclasses import dataclass

from apache_beam.options.pipeline_options import (
    DebugOptions,
    GoogleCloudOptions,
    PipelineOptions,
    WorkerOptions,
)

from runinference_metrics.records.processor import BFLOAT16_MACHINE

# The regions each of whose zones has N4, since it is Dataflow that picks the zone: from a copy of
# SkyPilot's catalogue of what the Compute Engine API lists zone by zone (catalogs/v8/gcp/vms.csv,
# read in November 2026). In asia-east2, for one, N4 is in two zones of three.
REGIONS = frozenset((
    "africa-south1", "asia-east1", "asia-northeast1", "asia-northeast3", "asia-south1",
    "asia-south2", "asia-southeast1", "asia-southeast2", "asia-southeast3",
    "australia-southeast2", "europe-north2", "europe-southwest1", "europe-west1",
    "europe-west2", "europe-west3", "europe-west4", "europe-west6", "europe-west8",
    "europe-west9", "northamerica-south1", "southamerica-east1", "southamerica-west1",
    "us-central1", "us-east1", "us-east4", "us-east5", "us-west1", "us-west2", "us-west3",
    "us-west4",
))  # fmt: skip
# Settings with which no machine type may be named (Prime), or with which N4 does not or may not go:
# it needs Dataflow Shuffle, the default of batch jobs
# (https://cloud.google.com/dataflow/docs/guides/configure-worker-vm), and carries no GPU.
_EXCLUDING = (
    "enable_prime", "shuffle_mode=appliance", "min_cpu_platform", "worker_accelerator",
    "enable_confidential_compute",
)  # fmt: skip


@dataclass(frozen=True)
class CpuMachine:
    """What CPU workers run on.

    Args:
        machine_type: the machine type to ask for; None leaves it to Dataflow.
        why: a sentence for the launch's log.
    """

    machine_type: str | None
    why: str


def cpu_machine(options: PipelineOptions) -> CpuMachine | None:
    """The machine type for CPU workers of a job on Dataflow; None where the user names one.

    Dataflow's own for batch jobs, n1-standard-1, computes no bfloat16, and Dataflow charges for
    vCPUs and memory whatever their series. N4 is the one series with bfloat16 for which Dataflow
    itself takes a disk that fits.

    Args:
        options: Beam's options.
    """
    if options.view_as(WorkerOptions).machine_type:
        return None
    reason = next(_reasons_against(options), None)
    if reason:
        return CpuMachine(
            None,
            "Workers get Dataflow's own machine type, which computes no bfloat16, because "
            f"{reason}; --machine_type takes another, and docs/workers.md says which are cheaper.",
        )
    return CpuMachine(
        BFLOAT16_MACHINE,
        f"Workers are {BFLOAT16_MACHINE}: they compute bfloat16, which Dataflow's own default "
        "(n1-standard-1) does not, at the same price of a vCPU; --machine_type takes another.",
    )


def _reasons_against(options: PipelineOptions) -> Iterator[str]:
    worker, service = options.view_as(WorkerOptions), options.view_as(GoogleCloudOptions)
    region = _region(worker, service)
    if region not in REGIONS:
        yield f"{BFLOAT16_MACHINE} is not known to be in every zone of {region or 'the region'}"
    if worker.disk_type:
        yield f"{BFLOAT16_MACHINE} may not go with --worker_disk_type={worker.disk_type}"
    if service.flexrs_goal:
        yield f"--flexrs_goal={service.flexrs_goal} has machines of its own"
    given = [
        *(options.view_as(DebugOptions).experiments or []),
        *(service.dataflow_service_options or []),
    ]
    yield from (
        f"{BFLOAT16_MACHINE} does not go with {one}" for one in given if one.startswith(_EXCLUDING)
    )


def _region(worker: WorkerOptions, service: GoogleCloudOptions) -> str | None:
    """Where the workers are: a zone is its region and a letter, as us-central1-b."""
    if worker.worker_zone:
        return worker.worker_zone.rpartition("-")[0]
    return worker.worker_region or service.region
