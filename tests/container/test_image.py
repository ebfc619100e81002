"""The image as its users meet it: Dataflow's launcher, its workers, and a person at a terminal."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from engine_for_tests import (
    BEAM_VERSION,
    CONTAINERS_CONF,
    IMAGE,
    LAUNCHER,
    PYTHON_VERSION,
    SDK,
    Engine,
    build,
    engine,  # noqa: F401
    image,  # noqa: F401
    standins,  # noqa: F401
)

from conftest import DEMO_MODEL, ROOT, Program
from engines_for_tests import prism_running
from runinference_metrics.__main__ import COMMANDS, main

pytestmark = [pytest.mark.usefixtures("image"), pytest.mark.starts]

# The modules that the program imports and that have no bytecode in the image.
UNCOMPILED = """
import os, runpy, sys
import pyarrow as pa, pyarrow.parquet as pq
pq.write_table(pa.table({"text": ["A fine film."]}), "/tmp/b.parquet")
sys.argv = ["x", "run", "--input=/tmp/a.txt,/tmp/b.parquet", "--output=/tmp/out",
            "--output_format=parquet"]
try:
    runpy.run_module("runinference_metrics", run_name="__main__", alter_sys=True)
except SystemExit as ended:
    assert ended.code == 0
loaded = [m for m in sys.modules.values() if isinstance(getattr(m, "__cached__", None), str)]
missing = sorted(m.__name__ for m in loaded if m.__file__.endswith(".py")
                 and "site-packages" in m.__file__ and not os.path.exists(m.__cached__))
print(f"UNCOMPILED {len(missing)} {' '.join(missing)}")
"""


@pytest.fixture
def shared(tmp_path: Path, sentences: list[str]) -> Path:
    """A folder that anybody may write to, with 1,000 sentences."""
    lines = [sentences[i % len(sentences)] + f" {i}" for i in range(1000)]
    (tmp_path / "in.txt").write_text("\n".join(lines) + "\n")
    for name in ("root", "user"):
        (tmp_path / name).mkdir()
        (tmp_path / name).chmod(0o777)
    # pytest's own folders are closed to everybody else.
    for folder in [tmp_path, *tmp_path.parents][:3]:
        folder.chmod(0o755)
    return tmp_path


def predictions(folder: Path) -> list[dict[str, Any]]:
    rows = [
        json.loads(line)
        for shard in sorted(folder.glob("predictions-*.jsonl"))
        for line in shard.read_text().splitlines()
    ]
    return sorted(rows, key=lambda row: row["position"])


def test_predictions_equal_those_outside(
    engine: Engine, shared: Path, program: Program  # noqa: F811
) -> None:  # fmt: skip
    source = shared / "in.txt"
    outside = program(f"--input={source}", f"--model={DEMO_MODEL}")
    assert outside.code == 0, outside.err
    expected = predictions(outside.folder)
    assert len(expected) == 1000
    for name, user in (("root", "0"), ("user", "10001:10001")):
        done = engine.run(
            "run", f"--input={source}", f"--output={shared / name}",
            options=(f"--volume={shared}:{shared}", f"--user={user}"),
        )  # fmt: skip
        assert "texts/s of the whole run" in done.stdout
        found = predictions(shared / name)
        assert found == expected
        (shard, *_) = sorted((shared / name).glob("predictions-*"))
        assert shard.stat().st_uid == int(user.partition(":")[0])
    assert (shared / "user" / "report.html").exists()


def test_nothing_in_it_that_does_not_run(engine: Engine) -> None:  # noqa: F811
    look = (
        "command -v gcc make || echo no-compiler; ls /root/.cache /build 2>&1; "
        "find /opt/venv /opt/runinference_metrics -name tests -o -name '*_test.py' -o -name '*.pyx'"
        " | grep -v '/site-packages/tests$' | head; find /opt /root /tmp -name '*.whl' | head; "
        "python -c 'import sentencepiece' 2> /dev/null || echo no-sentencepiece; "
        "stat -c %a /opt/runinference_metrics/entrypoint; ls /opt/runinference_metrics"
    )
    done = engine("run", "--rm", "--entrypoint=sh", IMAGE, "-c", look)
    out = done.stdout
    assert "no-compiler" in out
    # It makes the model's folder in a stage of its own.
    assert "no-sentencepiece" in out
    assert "cannot access '/root/.cache'" in out
    assert "cannot access '/build'" in out
    assert "/opt/venv/" not in out
    assert ".whl" not in out
    assert sorted(out.split()[-5:]) == [
        "cuda_compat", "entrypoint", "main.py", "model", "needed_driver",
    ]  # fmt: skip


def test_what_a_run_imports_is_compiled(engine: Engine) -> None:  # noqa: F811
    done = engine(
        "run", "--rm", "--network=none", "--read-only", "--tmpfs=/tmp", "--entrypoint=sh", IMAGE,
        "-ec", 'echo good > /tmp/a.txt; python -c "$0"', UNCOMPILED,
    )  # fmt: skip
    (line,) = [line for line in done.stdout.splitlines() if line.startswith("UNCOMPILED")]
    assert int(line.split()[1]) == 0, line


def test_a_person_gets_help_and_plain_errors(engine: Engine) -> None:  # noqa: F811
    for arguments in ((), ("--help",), ("-h",)):
        assert "run --input=PATTERN --output=FOLDER" in engine.run(*arguments).stdout
    wrong = engine.run("classify", check=False)
    assert (wrong.returncode, wrong.stderr.strip()) == (
        2,
        f"error: expected a command ({', '.join(COMMANDS)}), got 'classify'",
    )
    no_gpu = engine.run("run", "--input=/x", "--output=/tmp/o", "--device=GPU", check=False)
    assert no_gpu.returncode == 2
    assert no_gpu.stderr.startswith("error: --")
    assert len(no_gpu.stderr.splitlines()) == 1


def test_a_driver_is_looked_at_before_the_program_starts(
    engine: Engine, tmp_path: Path  # noqa: F811
) -> None:  # fmt: skip
    """With a made root folder, in which there is an older driver, and the image's own tools."""
    for file, content in (
        ("proc/driver/nvidia/version", "NVRM version: Kernel Module  535.216.01  Wed Oct 23\n"),
        ("usr/local/cuda-13.0/compat/libcuda.so.1", ""),
        ("needed_driver", "580\n"),
    ):
        (tmp_path / file).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / file).write_text(content)
    for folder in [tmp_path, *tmp_path.parents][:3]:
        folder.chmod(0o755)
    options = ("--env=RUNINFERENCE_METRICS_ROOT=/made", f"--volume={tmp_path}:/made:ro")
    done = engine.run("run", options=options, check=False)
    said = "NVIDIA driver 535.216.01; "
    assert f"{said}this image is built without CUDA" in done.stderr.splitlines()
    needed = f"--volume={tmp_path}/needed_driver:/opt/runinference_metrics/needed_driver:ro"
    for arguments, words in (
        (["template"], '"defaultEnvironment"'),
        (["--id=1"], "provision endpoint provided."),
    ):
        done = engine.run(*arguments, options=(*options, needed), check=False)
        assert words in done.stdout + done.stderr
        assert done.stderr.splitlines()[0] == (
            f"{said}CUDA needs R580 or newer: using its forward-compatibility libraries in "
            "/made/usr/local/cuda-13.0/compat"
        )


def test_flags_alone_start_boot(engine: Engine) -> None:  # noqa: F811
    done = engine.run("--id=1", check=False)
    assert "No provision endpoint provided." in done.stderr


def test_a_worker_that_can_write_nowhere_says_what_it_needs(engine: Engine) -> None:  # noqa: F811
    done = engine("run", "--rm", "--network=none", "--read-only", "--read-only-tmpfs=false", IMAGE,
                  "--id=1", check=False)  # fmt: skip
    assert done.returncode == 1
    assert "error: a worker needs a folder to write to: mount one at /tmp" in done.stderr


def test_the_launcher_is_where_dataflow_looks(engine: Engine) -> None:  # noqa: F811
    # The stand-in runs FLEX_TEMPLATE_PYTHON_PY_FILE, which takes flags alone.
    done = engine.run(
        "--input=/none/*", "--output=/tmp/out", check=False,
        options=("--entrypoint=/opt/google/dataflow/python_template_launcher",),
    )  # fmt: skip
    assert done.returncode == 2
    assert done.stderr.strip().startswith("error: --input takes patterns that match files")


def test_its_template_names_itself(engine: Engine) -> None:  # noqa: F811
    spec = json.loads(engine.run("template").stdout)
    assert spec["image"] == IMAGE
    assert spec["defaultEnvironment"] == {"sdkContainerImage": IMAGE}
    assert spec["metadata"] == json.loads((ROOT / "metadata.json").read_text())


def test_a_changed_model_is_refused(engine: Engine, tmp_path: Path) -> None:  # noqa: F811
    config = json.loads((DEMO_MODEL / "config.json").read_text())
    config["id2label"] = {"0": "POSITIVE", "1": "NEGATIVE"}
    (tmp_path / "config.json").write_text(json.dumps(config))
    for folder in [tmp_path, *tmp_path.parents][:3]:
        folder.chmod(0o755)
    (tmp_path / "a.txt").write_text("a good film\n")
    done = engine.run(
        "run", f"--input={tmp_path}/a.txt", "--output=/tmp/out", check=False,
        options=(f"--volume={tmp_path}/config.json:/opt/runinference_metrics/model/config.json:ro",
                 f"--volume={tmp_path}:{tmp_path}:ro"),
    )  # fmt: skip
    assert done.returncode == 2, done.stderr
    assert "--model takes files as they are recorded in digests.json; got" in done.stderr


def test_sigterm_ends_a_run(engine: Engine, tmp_path: Path) -> None:  # noqa: F811
    source = tmp_path / "many.txt"
    source.write_text("a rather good film, all in all\n" * 2_000_000)
    for folder in [tmp_path, *tmp_path.parents][:3]:
        folder.chmod(0o777)
    running = subprocess.Popen(
        [*engine.command, "run", "--rm", "--name=to-be-stopped", "--network=none", "--read-only",
         "--tmpfs=/tmp", f"--volume={tmp_path}:{tmp_path}", IMAGE, "run", f"--input={source}",
         f"--output={tmp_path}/out"],
        env=engine.environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    deadline = time.monotonic() + 60
    while not list(tmp_path.glob("out/*")):
        assert time.monotonic() < deadline
        assert running.poll() is None, running.communicate()
        time.sleep(0.2)
    started = time.monotonic()
    engine("stop", "--time=60", "to-be-stopped")
    _, errors = running.communicate(timeout=60)
    assert time.monotonic() - started < 20
    assert running.returncode in (130, 128 + signal.SIGTERM), errors
    assert "Interrupted" in errors
    assert not list((tmp_path / "out").glob("*"))


def test_smoke_test_script(engine: Engine) -> None:  # noqa: F811
    done = subprocess.run(
        [ROOT / "container" / "smoke_test", IMAGE],
        env={**engine.environment, "DOCKER": " ".join(engine.command)},
        capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "20 of 20 rows predicted offline" in done.stdout


def test_a_pipeline_whose_workers_are_the_image(
    engine: Engine, shared: Path, program: Program  # noqa: F811
) -> None:  # fmt: skip
    """As on Dataflow: the runner starts the image with flags, and talks to its SDK harness; here
    with a root file system that is read-only, and as a user whom nobody knows."""
    model = shared / "model"
    model.mkdir()
    for file in DEMO_MODEL.iterdir():
        (model / file.name).write_bytes(file.read_bytes())
    shims = shared / "bin"
    shims.mkdir()
    (shims / "docker").write_text(
        f"""#!/bin/sh
# What Beam asks of docker, asked of podman.
command=$1; shift
case $command in
  pull) exit 1 ;;
  run) set -- --pull=never --read-only --tmpfs=/tmp --user=10001:10001 \\
         --hostname=inside-the-image --volume={shared}:{shared} "$@" ;;
esac
exec {" ".join(engine.command)} "$command" "$@"
"""
    )
    (shims / "docker").chmod(0o755)
    (shared / "out").mkdir()
    (shared / "out").chmod(0o777)
    done = subprocess.run(
        [sys.executable, "-m", "runinference_metrics", "run", f"--input={shared}/in.txt",
         f"--output={shared}/out", f"--model={model}", "--runner=PortableRunner",
         "--job_endpoint=embed", "--environment_type=DOCKER", f"--environment_config={IMAGE}"],
        cwd=ROOT, capture_output=True, text=True, timeout=240,
        env={**engine.environment, "PATH": f"{shims}:{os.environ['PATH']}"},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-5000:]
    document = json.loads((shared / "out" / "metrics.json").read_text())
    assert {worker["host"] for worker in document["workers"]} == {"inside-the-image"}
    assert document["records"]["predicted"] == 1000
    assert {path.stat().st_uid for path in (shared / "out").glob("predictions-*")} == {10001}
    outside = program(f"--input={shared}/in.txt", f"--model={DEMO_MODEL}", output="outside")
    assert outside.code == 0, outside.err
    inside = {row["position"]: (row["text"], row["label"]) for row in predictions(shared / "out")}
    expected = predictions(outside.folder)
    assert inside == {row["position"]: (row["text"], row["label"]) for row in expected}


def test_workers_of_the_image_on_a_portable_runner(
    engine: Engine, shared: Path, program: Program  # noqa: F811
) -> None:  # fmt: skip
    """A real engine starts the image by itself, through Docker's interface."""
    socket = engine.store / "podman.sock"
    config = engine.store / "service.conf"
    config.write_text(
        CONTAINERS_CONF.replace("[engine]", f'volumes = ["{shared}:{shared}"]\n[engine]')
    )
    served = subprocess.Popen(
        [*engine.command, "system", "service", "--time=0", f"unix://{socket}"],
        env={**engine.environment, "CONTAINERS_CONF": str(config)},
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    model = shared / "model"
    shutil.copytree(DEMO_MODEL, model)
    shared.chmod(0o777)
    try:
        with prism_running(shared, DOCKER_HOST=f"unix://{socket}") as prism:
            ran = program(f"--input={shared}/in.txt", f"--model={model}", *prism.flags,
                          "--environment_type=DOCKER", f"--environment_config={IMAGE}")  # fmt: skip
            said = prism.log.read_text()
    finally:
        served.terminate()
        served.wait(60)
    assert ran.code == 0, ran.err + said
    assert "Results are in" in ran.out
    assert main(["verify", str(ran.folder)]) == 0
    assert ran.metrics["records"]["predicted"] == 1000
    here = program(f"--input={shared}/in.txt", f"--model={model}", output="outside")
    assert here.code == 0, here.err
    inside = {row["position"]: (row["text"], row["label"]) for row in ran.lines("predictions")}
    outside = here.lines("predictions")
    assert inside == {row["position"]: (row["text"], row["label"]) for row in outside}


@pytest.mark.parametrize(
    ("argument", "fault"),
    [
        (
            "BEAM_VERSION=2.76.0",
            f"BEAM_VERSION is 2.76.0, requirements.txt installed {BEAM_VERSION}",
        ),
        (
            "PYTHON_VERSION=3.9",
            f"PYTHON_VERSION is 3.9, the base image's Python is {PYTHON_VERSION}",
        ),
        ("FLAVOUR=cuda", "FLAVOUR is cuda, but torch's CUDA is not there"),
        ("FLAVOUR=cuda126", "FLAVOUR is cuda126, but torch's CUDA is not there"),
        (
            f"LAUNCHER_IMAGE={LAUNCHER.replace(':tests', ':latest')}",
            "LAUNCHER_IMAGE is :latest, expected a tag that stays what it is",
        ),
        (
            f"BEAM_SDK_IMAGE={SDK.replace(BEAM_VERSION, '2.70.0')}",
            f"BEAM_SDK_IMAGE is for Python {PYTHON_VERSION} and Beam 2.70.0",
        ),
    ],
)  # fmt: skip
def test_versions_that_disagree_fail_the_build(
    engine: Engine, argument: str, fault: str  # noqa: F811
) -> None:  # fmt: skip
    name, _, value = argument.partition("=")
    if name.endswith("_IMAGE"):
        engine("tag", LAUNCHER if name == "LAUNCHER_IMAGE" else SDK, value)
    done = build(engine, f"--build-arg={argument}", "--tag=localhost/wrong", check=False)
    assert done.returncode != 0
    assert fault in done.stderr + done.stdout


def test_a_change_of_code_rebuilds_only_what_is_small(engine: Engine) -> None:  # noqa: F811
    """The layers of torch, of the other packages and of the model stay."""
    layers = json.loads(engine("image", "inspect", IMAGE).stdout)[0]["RootFS"]["Layers"]
    module = ROOT / "src" / "runinference_metrics" / "_changed_by_a_test.py"
    module.write_text('"""Here for a moment."""\n')
    try:
        build(engine, "--tag=localhost/changed")
    finally:
        module.unlink()
    changed = json.loads(engine("image", "inspect", "localhost/changed").stdout)[0]
    same = [one for one in changed["RootFS"]["Layers"] if one in layers]
    assert len(same) >= len(layers) - 3, (layers, changed["RootFS"]["Layers"])
    name = "runinference_metrics._changed_by_a_test"
    engine("run", "--rm", "--entrypoint=python", "localhost/changed", "-c", f"import {name}")
