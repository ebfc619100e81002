import argparse
import itertools
import re
from pathlib import Path
from typing import Any

import apache_beam as beam
import pytest
from apache_beam.options.pipeline_options import (
    PipelineOptions,
    SetupOptions,
    StandardOptions,
    WorkerOptions,
)
from apache_beam.runners.portability.fn_api_runner import FnApiRunner
from hypothesis import given
from hypothesis import strategies as st

from runinference_metrics.dataflow.workers import is_local
from runinference_metrics.errors import UserError
from runinference_metrics.options import beam_flags
from runinference_metrics.options.beam_values import kind

PARSER = beam_flags._parser()
FLAGS: dict[str, argparse.Action] = {
    flag: action
    for flag, action in beam_flags._actions(PARSER).items()
    if not isinstance(action, argparse._HelpAction)
}
ODD_VALUES = [
    "", " ", "\n", "x", "x y", "-1", "0", "1.5", "nan", "99999999999999999999", "none", "true",
    "False", "=", "a=b", "a,b", ",", "{", "{}", "[]", "null", '"x"', '{"a": "b"}', '{"a": 1}',
    '{"a": {}}', '{"a": [1]}', "{1: 2}", "gs://b/c", "/none/x", "a.b.c", "localhost:1", ":", "a:b",
    "--x", "é", "\x00", "%s", "*[(", "type:GcpSecret", "min_ram=x", "DOCKER", "PROCESS",
]  # fmt: skip


def parsed(*arguments: str) -> dict[str, Any]:
    return beam_flags.parse(arguments).get_all_options(drop_default=True)


def refusal(*arguments: str) -> str:
    with pytest.raises(UserError) as refused:
        beam_flags.parse(arguments)
    assert "\n" not in str(refused.value)
    return str(refused.value)


def test_beam_has_its_flags() -> None:
    # Else the tests below would go through nothing.
    assert len(FLAGS) > 150
    assert {"--setup_file", "--labels", "--s3_verify", "--streaming", "--parallelism"} <= set(FLAGS)


# A flag with two names is one.
@pytest.mark.parametrize("flag", {id(action): flag for flag, action in FLAGS.items()}.values())
def test_any_value_of_any_flag_is_taken_or_refused_with_one_line(flag: str) -> None:
    action = FLAGS[flag]
    # Where any text is taken, these are enough.
    plain = action.nargs != 0 and kind(action).takes == "a value"
    taken = None
    for value in ("x y", '{"a": [1]}', "\x00é%s") if plain else ODD_VALUES:
        refused = ""
        try:
            options = beam_flags.parse([f"{flag}={value}"])
            options.to_runner_api()
        except UserError as error:
            refused = str(error)
        assert "\n" not in refused
        if refused:
            # The flag, or the one that has to go with it, or Beam's own words of the two.
            named = (f"{flag} takes ", "--environment_config takes ", f"--{action.dest}")
            own = "Don't use the deprecated option --prebuild_sdk_container_base_image"
            assert refused.startswith((*named, own)), refused
        else:
            taken = options
    # What is taken can be used.
    if taken:
        pipeline = beam.Pipeline(runner=FnApiRunner(), options=taken)
        pipeline | beam.Create([("a", 1)]) | beam.GroupByKey()
        pipeline.to_runner_api()


@pytest.mark.parametrize("flag", FLAGS)
def test_an_empty_value_of_any_flag_is_its_default(flag: str) -> None:
    for nothing in ("", " ", "\t\n"):
        assert list(beam_flags._tidy([f"{flag}={nothing}"], PARSER)) == []
        if FLAGS[flag].nargs != 0:
            assert list(beam_flags._tidy([flag, nothing], PARSER)) == []
    if FLAGS[flag].nargs != 0:
        assert re.fullmatch(f"{flag} takes .*; got nothing", refusal(flag))
        assert refusal(flag, "--streaming") == refusal(flag)


@given(st.lists(st.tuples(st.sampled_from(sorted(FLAGS)), st.text(max_size=8)), max_size=3))
def test_several_flags_together_are_taken_or_refused_too(flags: list[tuple[str, str]]) -> None:
    refused = "--x takes nothing"
    try:
        beam_flags.parse(list(itertools.chain.from_iterable(flags)))
    except UserError as error:
        refused = str(error)
    assert "\n" not in refused


def test_spaces_around_a_value_are_cut_in_either_form() -> None:
    assert (
        parsed("--num_workers= 3\n") == parsed("--num_workers", " 3 ") == parsed("--num_workers=3")
    )
    assert parsed("--region= us-central1 ")["region"] == "us-central1"


@pytest.mark.parametrize(
    ("given", "plain"),
    [
        (["--streaming=true"], ["--streaming"]),
        (["--streaming=False"], []),
        (["--use_public_ips=false"], ["--no_use_public_ips"]),
        (["--no_use_public_ips=TRUE"], ["--no_use_public_ips"]),
        (["--no_use_public_ips=false"], ["--use_public_ips"]),
        (["--no_pipeline_type_check=false"], []),
        # Beam takes any word for true.
        (["--dry_run=false"], []),
        (["--direct_running_mode=Multi_Processing"], ["--direct_running_mode=multi_processing"]),
        (["--environment_type=docker"], ["--environment_type=DOCKER"]),
        (["--parallelism", "-1"], []),
    ],
)
def test_what_launchers_and_people_write_means_the_same(given: list[str], plain: list[str]) -> None:
    assert parsed(*given) == parsed(*plain)


def test_a_switch_takes_true_and_false_alone() -> None:
    assert refusal("--streaming=yes") == "--streaming takes true, false or no value; got 'yes'"
    assert refusal("--enable_streaming_engine=false").endswith(
        "takes true or no value; got 'false'"
    )


@pytest.mark.parametrize(
    ("given", "name", "local"),
    [
        ("direct", "DirectRunner", True),
        ("DIRECTRUNNER", "DirectRunner", True),
        ("apache_beam.runners.direct.direct_runner.DirectRunner", "DirectRunner", True),
        ("FnApi", "FnApiRunner", True),
        ("dataflow", "DataflowRunner", False),
        ("prismrunner", "PrismRunner", False),
        ("apache_beam.runners.portability.fn_api_runner.fn_runner.FnApiRunner",
         "apache_beam.runners.portability.fn_api_runner.fn_runner.FnApiRunner", False),
    ],
)  # fmt: skip
def test_a_runner_has_one_name(given: str, name: str, local: bool) -> None:
    options = beam_flags.parse([f"--runner={given}"])
    assert options.view_as(StandardOptions).runner == name
    assert is_local(options) == local


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["--runner=Nonsense"], "--runner takes DirectRunner, DataflowRunner, or another"),
        (["--runner=a.b.C"], "got 'a.b.C'"),
        (["--runner=os.path.join"], "got 'os.path.join'"),
        (["--runner=os.environ"], "got 'os.environ'"),
        (["--direct_num_workers=-1"], "takes a whole number from 0 (one a core) to 1024; got '-1'"),
        (["--direct_num_workers", "-1"], "got '-1'"),
        (["--direct_num_workers=100000"], "got '100000'"),
        (["--num_workers=-1"], "--num_workers takes a whole number from 0 (the service chooses)"),
        (["--disk_size_gb=-5"], "--disk_size_gb takes a whole number from 0 to"),
        (["--disk_size_gb=99999999999"], "to 2147483647; got '99999999999'"),
        (["--sdk_worker_parallelism=many"], "--sdk_worker_parallelism takes a whole number"),
        (["--profile_sample_rate=2"], "--profile_sample_rate takes a number from 0 to 1; got '2'"),
        (["--direct_running_mode=x"], "takes one of in_memory, multi_threading, multi_processing"),
        (["--setup_file=none.py"], "takes a file named setup.py or pyproject.toml that is there"),
        (["--setup_file={tmp}/other.py"], "takes a file named setup.py or pyproject.toml"),
        (["--extra_package=none.tar.gz"], "--extra_package takes a .tar, .tar.gz, .whl, .zip file"),
        (["--extra_packages={tmp}/other.py"], "--extra_packages takes a .tar,"),
        (["--requirements_file=none.txt"], "--requirements_file takes a file that is there; got"),
        (["--requirements_cache={tmp}/other.py"], "--requirements_cache takes a folder, or skip"),
        (["--files_to_stage=none"], "--files_to_stage takes a file that is there; got 'none'"),
        (["--sdk_location=none"], "--sdk_location takes default, or a file that is there"),
        (["--environment_type=nonsense"], "takes one of DOCKER, PROCESS, EXTERNAL, LOOPBACK; got"),
        (["--environment_type=beam:env:none"], "got 'beam:env:none'"),
        (["--environment_type=PROCESS", "--environment_config=x"],
         '--environment_config takes {"command": "…"} as JSON with --environment_type=PROCESS; '),
        (["--environment_type=PROCESS"], "with --environment_type=PROCESS; got nothing"),
        (["--environment_type=EXTERNAL", "--environment_config={}"], "got '{}'"),
        (["--environment_type=LOOPBACK", "--environment_config=x"],
         "--environment_config is not compatible with environment type LOOPBACK."),
        (["--environment_option=x"], "--environment_option takes docker_container_image=…, proc"),
        (["--job_endpoint=nonsense"], "takes embed, or host:port such as localhost:8099; got"),
        (["--job_endpoint=http://localhost:8099"], "takes embed, or host:port"),
        (["--job_endpoint=localhost:99999"], "takes embed, or host:port"),
        (["--dataflow_endpoint=dataflow"], "takes an address such as https://dataflow.googleapis"),
        (["--dataflow_service_options=[1]"], "--dataflow_service_options takes NAME or NAME=VALUE"),
        (["--experiment==x"], "--experiment takes NAME or NAME=VALUE, several separated by commas"),
        (["--labels=A=b"], "--labels takes KEY=VALUE, or a JSON object of such pairs"),
        (["--labels={a"], "got '{a'"),
        (["--runtime_type_check"], "--runtime_type_check fails in Beam's own transforms"),
        (["--performance_runtime_type_check"], "leave it out"),
        (["--type_check_strictness=ALL_REQUIRED"], "leave it out"),
        (["--label=a=b,c=d"], "got 'a=b,c=d'"),
        (["--transform_name_mapping=x"], "--transform_name_mapping takes a JSON object of names"),
        (["--transform_name_mapping=[1]"], "got '[1]'"),
        (["--resource_hint=min_ram=much"], "--resource_hint takes NAME=VALUE with a hint of"),
        (["--resource_hints=x=1"], "got 'x=1'"),
        (["--type_check_additional=x"], "--type_check_additional takes all or ptransform_fn; got"),
        (["--beam_services=5"], '--beam_services takes a JSON object such as {"name": "value"};'),
        (["--sdk_harness_log_level_overrides=5"], 'takes a JSON object, as {"module": "DEBUG"};'),
        (["--gcs_custom_audit_entries=5"], "--gcs_custom_audit_entries takes key=value, or"),
        (["--pickle_library=x"], "takes one of cloudpickle, default, dill, dill_unsafe; got 'x'"),
        (["--gbek=x"], "--gbek takes type:GcpSecret;version_name:NAME; got 'x'"),
        (["stray"], "'stray' belongs to no flag: write --flag=value, without spaces"),
    ],
)  # fmt: skip
def test_a_wrong_value_is_one_line(flags: list[str], message: str, tmp_path: Path) -> None:
    (tmp_path / "other.py").touch()
    assert message in refusal(*(flag.replace("{tmp}", str(tmp_path)) for flag in flags))


def test_what_is_right_is_taken(tmp_path: Path) -> None:
    for name in ("setup.py", "a.whl", "b.tar.gz"):
        (tmp_path / name).touch()
    options = beam_flags.parse(
        [f"--setup_file={tmp_path}/setup.py", f"--extra_package={tmp_path}/a.whl",
         f"--extra_packages={tmp_path}/b.tar.gz", "--extra_package=gs://b/c.whl",
         "--labels=a=b", '--labels={"c": "d-1"}', "--resource_hints=min_ram=8GB",
         "--sdk_harness_container_image_overrides=.*java.*,gcr.io/p/java:1",
         "--dataflow_service_options=worker_accelerator=type:nvidia-l4;count:1;"
         "install-nvidia-driver:5xx", "--experiments=a,b=c", '--transform_name_mapping={"a": "b"}'],
    )  # fmt: skip
    setup = options.view_as(SetupOptions)
    assert setup.extra_packages == [f"{tmp_path}/a.whl", f"{tmp_path}/b.tar.gz", "gs://b/c.whl"]
    assert setup.save_main_session is False
    found = options.get_all_options()
    assert found["labels"] == ["a=b", "c=d-1"]
    assert found["dataflow_service_options"] == [
        "worker_accelerator=type:nvidia-l4;count:1;install-nvidia-driver:5xx"
    ]
    assert found["experiments"] == ["a", "b=c"]
    assert found["transform_name_mapping"] == {"a": "b"}
    assert options.view_as(WorkerOptions).num_workers is None
    assert isinstance(options, PipelineOptions)


def test_flags_of_a_newer_service_do_not_stop_a_launch(caplog: pytest.LogCaptureFixture) -> None:
    beam_flags.parse(["--template_location=gs://b/t", "--a_new_flag=1", "--num_workers="])
    assert "--a_new_flag=1" in caplog.text
    assert "--a_new_flag is no parameter" in refusal("--template_location=", "--a_new_flag=1")


def test_no_workers_are_as_many_as_the_service_chooses() -> None:
    workers = beam_flags.parse(["--num_workers=0", "--max_num_workers=0"]).view_as(WorkerOptions)
    assert (workers.num_workers, workers.max_num_workers) == (None, None)
