"""What CPU workers run on where the user names no machine type."""

import logging

import pytest
from apache_beam.options.pipeline_options import PipelineOptions, WorkerOptions
from hypothesis import given
from hypothesis import strategies as st

from conftest import DEMO_MODEL
from runinference_metrics.dataflow.machines import REGIONS, cpu_machine
from runinference_metrics.dataflow.workers import configure
from runinference_metrics.options import command_line
from runinference_metrics.options.settings import Settings

N4 = "n4-standard-4"


def options(*flags: str) -> PipelineOptions:
    return PipelineOptions(["--runner=DataflowRunner", "--region=us-central1", *flags])


def settings(*flags: str) -> Settings:
    required = ("--input=a.txt", "--output=o", f"--model={DEMO_MODEL}")
    return command_line.parse([*required, *flags])[0]


@pytest.mark.parametrize(
    ("flags", "machine_type", "why"),
    [
        ([], N4, "which Dataflow's own default (n1-standard-1) does not"),
        (["--region=europe-north1"], None, "not known to be in every zone of europe-north1"),
        (["--worker_region=europe-west4"], N4, ""),
        (["--worker_region=asia-east2"], None, "every zone of asia-east2"),
        (["--worker_zone=us-west1-b"], N4, ""),
        (["--worker_zone=europe-west12-a"], None, "every zone of europe-west12"),
        (["--disk_type=zones/z/diskTypes/pd-ssd"], None, "--worker_disk_type=zones/z/diskTypes"),
        (["--flexrs_goal=COST_OPTIMIZED"], None, "--flexrs_goal=COST_OPTIMIZED"),
        (["--experiments=shuffle_mode=appliance"], None, "shuffle_mode=appliance"),
        (["--dataflow_service_options=enable_prime"], None, "enable_prime"),
        (["--dataflow_service_options=min_cpu_platform=Intel Skylake"], None, "Intel Skylake"),
        (["--dataflow_service_options=worker_accelerator=type:x;count:1"], None, "with worker_acc"),
        (["--experiments=use_network_tags=tag", "--max_num_workers=3"], N4, ""),
    ],
)
def test_a_machine_with_bfloat16_where_it_is_safe(
    caplog: pytest.LogCaptureFixture, flags: list[str], machine_type: str | None, why: str
) -> None:
    given = options(*flags)
    with caplog.at_level(logging.INFO, "runinference_metrics.dataflow"):
        assert configure(settings(), given) is None
    assert given.view_as(WorkerOptions).machine_type == machine_type
    (said,) = (one.message for one in caplog.records)
    assert said.startswith(f"Workers are {N4}") == bool(machine_type)
    assert (why or "bfloat16") in said
    # How to have it otherwise.
    assert "--machine_type" in said


@pytest.mark.parametrize(
    ("flags", "given", "machine_type"),
    [
        ([], options("--machine_type=n1-standard-1"), "n1-standard-1"),
        ([], options("--worker_machine_type=c3-highcpu-8", "--region=x"), "c3-highcpu-8"),
        ([], PipelineOptions(["--runner=FlinkRunner", "--region=us-central1"]), None),
        (
            ["--device=GPU", "--gpu_placement=inference_step"], options(), None,
        ),
    ],
)  # fmt: skip
def test_nothing_is_chosen_or_said(
    caplog: pytest.LogCaptureFixture,
    flags: list[str],
    given: PipelineOptions,
    machine_type: str | None,
) -> None:
    with caplog.at_level(logging.INFO, "runinference_metrics.dataflow"):
        configure(settings(*flags), given)
    assert given.view_as(WorkerOptions).machine_type == machine_type
    assert not caplog.records


@given(st.text(st.characters(codec="ascii", categories=("Ll", "Nd", "Pd")), min_size=1))
def test_a_region_that_nobody_knows_keeps_dataflows_own(region: str) -> None:
    found = cpu_machine(options(f"--region={region}"))
    assert found
    assert (found.machine_type is not None) == (region in REGIONS)


def test_without_a_region_nothing_is_chosen() -> None:
    found = cpu_machine(PipelineOptions(["--runner=DataflowRunner"]))
    assert found
    assert found.machine_type is None
    assert "every zone of the region" in found.why
