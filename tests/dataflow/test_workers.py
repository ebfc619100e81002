import os

import pytest
from apache_beam.options.pipeline_options import PipelineOptions

from runinference_metrics.dataflow.workers import is_local, local_workers, threads_per_process

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
