import os

import pytest
from apache_beam.options.pipeline_options import (
    DebugOptions,
    GoogleCloudOptions,
    PipelineOptions,
    WorkerOptions,
)

from conftest import DEMO_MODEL
from runinference_metrics.dataflow.workers import (
    ONE_PROCESS,
    configure,
    gpu_of,
    is_local,
    local_workers,
    runs_this_image,
    threads_per_process,
)
from runinference_metrics.environment import IMAGE_VARIABLE
from runinference_metrics.options import command_line
from runinference_metrics.options.accelerators import ACCELERATORS
from runinference_metrics.options.settings import Settings

CORES = len(os.sched_getaffinity(0))


@pytest.mark.parametrize(
    ("flags", "threads"),
    [
        ([], CORES),
        (["--direct_num_workers=2", "--direct_running_mode=multi_threading"], CORES),
        (["--direct_num_workers=0", "--direct_running_mode=multi_processing"], 1),
        (["--direct_num_workers=999", "--direct_running_mode=multi_processing"], 1),
        (["--runner=DataflowRunner"], 1),
        (["--runner=DataflowRunner", "--experiments=no_use_multiple_sdk_containers"], None),
    ],
)
def test_all_processes_together_use_each_core_once(flags: list[str], threads: int | None) -> None:
    assert threads_per_process(PipelineOptions(flags)) == threads


def test_what_is_local() -> None:
    assert is_local(PipelineOptions([]))
    assert is_local(PipelineOptions(["--runner=DirectRunner"]))
    assert not is_local(PipelineOptions(["--runner=DataflowRunner"]))
    assert local_workers(PipelineOptions(["--direct_num_workers=0"])) == CORES


def gpu_settings(*flags: str) -> Settings:
    required = ("--input=a.txt", "--output=o", f"--model={DEMO_MODEL}", "--device=GPU")
    return command_line.parse([*required, *flags])[0]


def configured(settings: Settings, *flags: str) -> tuple[PipelineOptions, str | None]:
    options = PipelineOptions(["--runner=DataflowRunner", *flags])
    return options, configure(settings, options)


@pytest.mark.parametrize("name", ACCELERATORS)
def test_every_gpu_comes_with_its_machine_wherever_it_is_placed(name: str) -> None:
    machine_type = ACCELERATORS[name].machine_type
    options, hint = configured(gpu_settings(f"--accelerator={name}"))
    assert hint is None
    assert options.view_as(WorkerOptions).machine_type == machine_type
    (service,) = options.view_as(GoogleCloudOptions).dataflow_service_options
    assert service.startswith(f"worker_accelerator=type:{name};count:1;install-nvidia-driver")
    placed = gpu_settings(f"--accelerator={name}", "--gpu_placement=inference_step")
    options, hint = configured(placed)
    assert hint == ACCELERATORS[name].resource_hint()
    assert f";machine_type:{machine_type};" in hint
    assert options.view_as(WorkerOptions).machine_type is None
    assert not options.view_as(GoogleCloudOptions).dataflow_service_options


def test_a_driver_of_the_users_reaches_both_places() -> None:
    own = "--accelerator=type:nvidia-l4;install-nvidia-driver:latest"
    options, _ = configured(gpu_settings(own))
    assert options.view_as(GoogleCloudOptions).dataflow_service_options == [
        "worker_accelerator=type:nvidia-l4;count:1;install-nvidia-driver:latest"
    ]
    _, hint = configured(gpu_settings(own, "--gpu_placement=inference_step"))
    assert hint == "type:nvidia-l4;count:1;machine_type:g2-standard-4;install-nvidia-driver:latest"


@pytest.mark.parametrize(
    ("machine_type", "in_hint"),
    [("g2-standard-16", "g2-standard-16"), ("n2-standard-8", "g2-standard-4")],
)
def test_a_machine_type_of_the_users_wins(machine_type: str, in_hint: str) -> None:
    flag = f"--machine_type={machine_type}"
    options, _ = configured(gpu_settings(), flag)
    assert options.view_as(WorkerOptions).machine_type == machine_type
    options, hint = configured(gpu_settings("--gpu_placement=inference_step"), flag)
    assert options.view_as(WorkerOptions).machine_type == machine_type
    assert hint is not None
    assert f";machine_type:{in_hint};" in hint


@pytest.mark.parametrize(
    ("own", "machine_type"),
    [
        ("type:nvidia-tesla-t4;count:1;install-nvidia-driver:5xx", "n1-standard-4"),
        # Only the user knows a machine for several, or for a newer GPU.
        ("type:nvidia-tesla-t4;count:4;install-nvidia-driver", None),
        ("type:nvidia-b200;count:1;install-nvidia-driver", None),
    ],
)
def test_a_service_option_of_the_users_wins(own: str, machine_type: str | None) -> None:
    flag = f"--dataflow_service_options=worker_accelerator={own}"
    options, hint = configured(gpu_settings("--accelerator=nvidia-l4"), flag)
    assert hint is None
    service = options.view_as(GoogleCloudOptions).dataflow_service_options
    assert service == [f"worker_accelerator={own}"]
    assert options.view_as(WorkerOptions).machine_type == machine_type
    found = gpu_of(gpu_settings(), options)
    assert (found.name if found else None) == ("nvidia-tesla-t4" if machine_type else None)


def test_processes_that_share_a_gpu_are_several() -> None:
    shared = "--accelerator=type:nvidia-l4;count:1;use_nvidia_mps"
    own = "--dataflow_service_options=worker_accelerator=type:nvidia-l4;count:1"
    for given, beams, several in (
        ((), (), False),
        ((shared,), (), True),
        ((shared, "--gpu_placement=inference_step"), (), True),
        # The user's own option wins in this too.
        ((shared,), (own,), False),
        ((), (f"{own};use_nvidia_mps",), True),
        # One process cannot launch as fast as it computes.
        (("--accelerator=nvidia-h100-80gb",), (), True),
        (("--accelerator=type:nvidia-h100-80gb;count:1",), (), False),
    ):
        options, _ = configured(gpu_settings(*given), *beams)
        debug = options.view_as(DebugOptions)
        assert (ONE_PROCESS not in (debug.experiments or [])) == several
        sharing = several and not beams
        assert debug.number_of_worker_harness_threads == (2 if sharing else 4)


@pytest.mark.parametrize(
    ("here", "flags", "same"),
    [
        ("p/i:1", [], True),
        ("p/i:1", ["--sdk_container_image=p/i:1"], True),
        ("p/i:1", ["--sdk_container_image=p/other:1"], False),
        ("", ["--sdk_container_image=p/i:1"], False),
        (None, [], False),
    ],
)
def test_whether_the_workers_run_this_image(
    monkeypatch: pytest.MonkeyPatch, here: str | None, flags: list[str], same: bool
) -> None:
    monkeypatch.delenv(IMAGE_VARIABLE, raising=False)
    if here is not None:
        monkeypatch.setenv(IMAGE_VARIABLE, here)
    assert runs_this_image(PipelineOptions(flags)) is same
