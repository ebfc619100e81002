"""Dockerfile, cloudbuild.yaml, Makefile and scripts: their form, and that they fit together."""

import importlib.util
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from conftest import ROOT

# It is no module of a package: it goes into the image alone.
_SPEC = importlib.util.spec_from_file_location("check_image", ROOT / "container/check_image.py")
assert _SPEC and _SPEC.loader  # noqa: PT018
check_image = importlib.util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(check_image)
MAKEFILE = (ROOT / "Makefile").read_text()
TARGETS = set(re.findall(r"^([a-z0-9-]+):", MAKEFILE, re.MULTILINE))
DOCKERFILE = (ROOT / "Dockerfile").read_text()
BUILD: dict[str, Any] = yaml.safe_load((ROOT / "cloudbuild.yaml").read_text())
STEPS: list[dict[str, Any]] = BUILD["steps"]
# https://cloud.google.com/build/docs/build-config-file-schema
BUILD_KEYS = {"steps", "substitutions", "options", "timeout", "images", "tags", "logsBucket"}
STEP_KEYS = {"id", "name", "entrypoint", "args", "env", "waitFor", "dir", "timeout", "secretEnv"}
OPTION_KEYS = {"machineType", "diskSizeGb", "logging", "dynamicSubstitutions", "env"}
# Filled in by Cloud Build itself; SHORT_SHA by a trigger only.
BUILT_IN = {"PROJECT_ID", "BUILD_ID", "SHORT_SHA", "COMMIT_SHA"}
DEVICES = "src/runinference_metrics/classifier/devices.py"
SCRIPTS = ("container/entrypoint", "container/smoke_test", "tools/launch_job", ".ci/run")


def args(step: dict[str, Any]) -> str:
    return "\n".join([step.get("entrypoint", ""), *step["args"], *step.get("env", [])])


def test_dockerfile_is_lint_free() -> None:
    linter = Path(sys.executable).with_name("hadolint")
    done = subprocess.run([linter, "Dockerfile"], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def test_dockerfile_stays_in_the_dialect_of_all_builders() -> None:
    assert not re.search(r"^# *syntax=", DOCKERFILE, re.MULTILINE)
    assert "<<" not in DOCKERFILE
    assert not re.search(r"COPY .*--(link|parents)", DOCKERFILE)
    assert not re.search(r"--from=\$", DOCKERFILE)
    assert ":latest" not in DOCKERFILE


def test_versions_agree_between_files() -> None:
    arguments = dict(re.findall(r"^ARG (\w+)=(.*)$", DOCKERFILE, re.MULTILINE))
    substitutions = BUILD["substitutions"]
    for name in ("MODEL_ID", "MODEL_REVISION", "FLAVOUR"):
        assert substitutions[f"_{name}"] == arguments[name], name
    assert arguments["BASE_IMAGE"].strip('"') == substitutions["_BASE_IMAGE"] == ""
    assert f"\nDEFAULT_MODEL_ID := {arguments['MODEL_ID']}\n" in MAKEFILE
    assert f",$(MODEL_ID)),{arguments['MODEL_REVISION']})\n" in MAKEFILE
    # What .dockerignore lets through is what the Dockerfile copies.
    allowed = [line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines()
               if line.startswith("!")]  # fmt: skip
    for name in allowed:
        assert name == "models" or name in DOCKERFILE, name
        assert (ROOT / name).exists(), name


def test_flavours_agree_between_files() -> None:
    bases = dict(
        re.findall(r"^FROM \$\{BASE_IMAGE:-(\S+)\} AS base-(\w+)$", DOCKERFILE, re.MULTILINE)
    )
    flavours = {name: base for base, name in bases.items()}
    assert set(flavours) == set(check_image.FLAVOURS)
    for name, base in flavours.items():
        cuda = check_image.FLAVOURS[name]
        assert base.startswith(f"nvidia/cuda:{cuda}." if cuda else "ubuntu:"), name
        assert base.endswith("ubuntu24.04") or base == "ubuntu:24.04"
        assert ("image" if name == "cuda" else f"image-{name}") in TARGETS
    assert f"^({'|'.join(flavours)})$$" in STEPS[0]["args"][1]
    # The program's own words for them.
    said = set(re.findall(r"FLAVOUR=(\w+)", (ROOT / DEVICES).read_text()))
    assert said <= set(flavours)


@pytest.mark.parametrize(
    ("flavour", "cuda", "base", "fault"),
    [
        ("cuda", "13.0", "13.0.2", ""),
        ("cuda", "13.0", None, ""),
        ("cuda", "13.0", "13.2.0", ""),
        ("cuda126", "12.6", "12.6.3", ""),
        ("cuda126", "12.6", "13.0.2", ""),
        ("cpu", None, None, ""),
        ("cpu", None, "13.0.2", ""),
        ("gpu", "13.0", None, "FLAVOUR is gpu, expected one of cuda, cuda126, cpu"),
        ("cuda", None, None, "FLAVOUR is cuda, but torch's CUDA is not there"),
        ("cuda", "12.6", None, "FLAVOUR is cuda, but torch's CUDA is 12.6"),
        (
            "cuda126",
            "13.0",
            "12.6.3",
            "FLAVOUR is cuda126, but torch's CUDA is 13.0; is TORCH_INDEX",
        ),
        ("cuda126", "12.60", None, "FLAVOUR is cuda126, but torch's CUDA is 12.60"),
        ("cuda126", None, None, "FLAVOUR is cuda126, but torch's CUDA is not there"),
        ("cpu", "13.0", None, "FLAVOUR is cpu, but torch's CUDA is 13.0; is TORCH_INDEX"),
        ("cuda", "13.2", "13.0.2", "the base image's CUDA is 13.0.2, older than torch's 13.2"),
        ("cuda", "13.0", "12.6.3", "the base image's CUDA is 12.6.3, older than torch's 13.0"),
    ],
)
def test_a_flavour_is_of_its_cuda(
    flavour: str, cuda: str | None, base: str | None, fault: str
) -> None:
    found = check_image.flavour_faults(flavour, cuda, base)
    assert len(found) == bool(fault)
    assert "".join(found).startswith(fault)


def test_cloudbuild_has_the_form_of_the_schema() -> None:
    assert set(BUILD) <= BUILD_KEYS
    assert set(BUILD["options"]) <= OPTION_KEYS
    assert BUILD["options"]["machineType"].startswith("E2_HIGHCPU")
    assert BUILD["options"]["logging"] == "CLOUD_LOGGING_ONLY"
    assert re.fullmatch(r"\d+s", BUILD["timeout"])
    ids = [step["id"] for step in STEPS]
    assert len(set(ids)) == len(ids)
    for at, step in enumerate(STEPS):
        assert set(step) <= STEP_KEYS, step["id"]
        assert all(isinstance(one, str) for one in step["args"]), step["id"]
        assert set(step.get("waitFor", [])) <= set(ids[:at]), step["id"]
        assert not step["name"].endswith(":latest")


def test_cloudbuild_substitutions_are_declared_and_used() -> None:
    declared = set(BUILD["substitutions"])
    assert all(re.fullmatch(r"_[A-Z0-9_]+", name) for name in declared)
    text = "\n".join(args(step) + step["name"] for step in STEPS)
    # $$ is a dollar of the shell's.
    text = text.replace("$$", "")
    used = set(re.findall(r"\$\{?([A-Z_][A-Z0-9_]*)\}?", text))
    within = set(re.findall(r"\$\{([A-Z_]+)\}", " ".join(BUILD["substitutions"].values())))
    assert used | within <= declared | BUILT_IN
    assert declared <= used | within


def test_cloudbuild_refers_to_what_there_is() -> None:
    text = "\n".join(args(step) for step in STEPS)
    for path in re.findall(r"\b((?:container|tools|samples)/[\w.*-]*)", text):
        assert list(ROOT.glob(path)) if "*" in path else (ROOT / path).exists(), path
    for target in re.findall(r"^\s*make ([a-z0-9-]+)", text, re.MULTILINE):
        assert target in TARGETS
    build = args(next(step for step in STEPS if step["id"] == "build"))
    for argument in re.findall(r"--build-arg=(\w+)=", build):
        assert re.search(rf"^ARG {argument}\b", DOCKERFILE, re.MULTILINE), argument
    # Nothing is pushed that was not tested, and nothing is launched that was not pushed.
    waits = {step["id"]: set(step.get("waitFor", [])) for step in STEPS}
    assert waits["push"] == {"test", "smoke-test"}
    assert waits["launch-cpu"] == waits["launch-gpu"] == {"template"}


@pytest.mark.parametrize("step", STEPS, ids=[step["id"] for step in STEPS])
def test_cloudbuild_scripts_are_shell(step: dict[str, Any]) -> None:
    if step.get("entrypoint") != "bash" or not step["args"][0].startswith("-"):
        return
    # As Cloud Build fills it in.
    script = re.sub(r"(?<!\$)\$\{(\w+)\}", "value", step["args"][1]).replace("$$", "$")
    done = subprocess.run(["bash", "-n"], input=script, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"_BUCKET": "b", "_TAG": "abc"}, ""),
        ({"_BUCKET": "b", "_TAG": "abc", "_LAUNCH": "both"}, ""),
        ({"_TAG": "abc"}, "error: _BUCKET takes the name of a bucket; got nothing"),
        ({"_BUCKET": "b"}, "error: _TAG takes a commit; got nothing (a trigger sets it)"),
        ({"_BUCKET": "b", "_TAG": "a", "_FLAVOUR": "gpu"}, "takes cuda, cuda126 or cpu; got 'gpu'"),
        (
            {"_BUCKET": "b", "_TAG": "a", "_FLAVOUR": "cuda126", "_TORCH_INDEX": "https://x/y"},
            "",
        ),
        (
            {"_BUCKET": "b", "_TAG": "a", "_FLAVOUR": "cuda126"},
            "_TORCH_INDEX takes the address of PyTorch's wheels for _FLAVOUR=cuda126; got nothing",
        ),
        ({"_BUCKET": "b", "_TAG": "a", "_LAUNCH": "yes"}, "takes cpu, gpu or both; got 'yes'"),
        (
            {"_BUCKET": "b", "_TAG": "a", "_LAUNCH": "gpu", "_FLAVOUR": "cpu", "_TORCH_INDEX": "x"},
            "_LAUNCH=gpu needs _FLAVOUR=cuda or cuda126",
        ),
    ],
)
def test_cloudbuild_refuses_wrong_substitutions(values: dict[str, str], message: str) -> None:
    given = {"_FLAVOUR": "cuda", "_LAUNCH": "", **values}
    script = STEPS[0]["args"][1]
    script = re.sub(r"(?<!\$)\$\{(\w+)\}", lambda m: given.get(m[1], ""), script)
    script = script.replace("$$", "$")
    done = subprocess.run(["bash", "-euc", script], capture_output=True, text=True)
    assert done.returncode == (1 if message else 0), done.stderr
    assert message in done.stderr


@pytest.mark.parametrize("script", SCRIPTS)
def test_scripts_are_shell_and_executable(script: str) -> None:
    path = ROOT / script
    assert path.stat().st_mode & 0o111
    shell = path.read_text().splitlines()[0].rpartition("/")[2].removeprefix("env ")
    done = subprocess.run([shell, "-n", path], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def make(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["make", *arguments], cwd=ROOT, capture_output=True, text=True)


@pytest.mark.parametrize(
    ("target", "missing"),
    [
        ("image", "IMAGE"),
        ("image-cpu", "IMAGE"),
        ("image-cpu IMAGE=x", "TORCH_INDEX"),
        ("image-cuda126", "IMAGE"),
        ("image-cuda126 IMAGE=x", "TORCH_INDEX"),
        ("run-image", "IMAGE"),
        ("push", "IMAGE"),
        ("template", "IMAGE"),
        ("template IMAGE=x", "TEMPLATE"),
        ("launch", "TEMPLATE"),
        ("launch TEMPLATE=gs://b/t", "INPUT"),
        ("launch TEMPLATE=gs://b/t INPUT=gs://b/i", "OUTPUT"),
    ],
)
def test_make_says_which_variable_is_missing(target: str, missing: str) -> None:
    done = make(*target.split())
    assert done.returncode == 2
    assert f"error: {missing} is missing: " in done.stdout + done.stderr


@pytest.mark.parametrize(
    ("target", "command"),
    [
        ("image IMAGE=a/b:c", "docker build --build-arg=IMAGE='a/b:c' --build-arg=FLAVOUR=cuda "
         "--build-arg=MODEL_SOURCE=hub "
         "--build-arg=MODEL_ID=distilbert/distilbert-base-uncased-finetuned-sst-2-english "
         "--build-arg=MODEL_REVISION=714eb0f --tag='a/b:c' ."),
        # Another model's newest commit, not the default model's.
        ("image IMAGE=a MODEL_ID=owner/name", "--build-arg=MODEL_ID=owner/name "
         "--build-arg=MODEL_REVISION= --tag='a' ."),
        ("model TO=m", "-m runinference_metrics model "
         "'distilbert/distilbert-base-uncased-finetuned-sst-2-english@714eb0f' --output='m'"),
        ("model TO=m MODEL_ID=owner/name", "-m runinference_metrics model 'owner/name' --output"),
        ("model TO=m MODEL_ID=owner/name MODEL_REVISION=v1", "model 'owner/name@v1' --output='m'"),
        ("model TO=m SOURCE=gs://b/model", "-m runinference_metrics model 'gs://b/model' --output"),
        ("image IMAGE=a MODEL_FOLDER=models/demo DOCKER=podman", "podman build "
         "--build-arg=IMAGE='a' --build-arg=FLAVOUR=cuda --build-arg=MODEL_SOURCE=folder "
         "--build-arg=MODEL_FOLDER=models/demo --tag='a' ."),
        ("image-cuda126 IMAGE=a MODEL_FOLDER=m TORCH_INDEX=https://x/y", "docker build "
         "--build-arg=IMAGE='a' --build-arg=FLAVOUR=cuda126 --build-arg=TORCH_INDEX='https://x/y' "
         "--build-arg=MODEL_SOURCE=folder --build-arg=MODEL_FOLDER=m --tag='a' ."),
        ("image-cpu IMAGE=a MODEL_FOLDER=m TORCH_INDEX=x CPU_BASE_IMAGE=debian:13", "docker build "
         "--build-arg=IMAGE='a' --build-arg=FLAVOUR=cpu --build-arg=TORCH_INDEX='x' "
         "--build-arg=BASE_IMAGE='debian:13' --build-arg=MODEL_SOURCE=folder"),
        ("push IMAGE=a/b:c", "docker push 'a/b:c'"),
        ("template IMAGE=a TEMPLATE=gs://b/t.json", "gcloud storage cp build/template.json "
         "'gs://b/t.json'"),
        ("launch TEMPLATE=gs://b/t INPUT=gs://b/i,gs://c/j OUTPUT=gs://b/o DEVICE=GPU",
         "--parameters='^~^input=gs://b/i,gs://c/j~output=gs://b/o~device=GPU"
         "~accelerator=nvidia-l4'"),
        ("run-image IMAGE=a INPUT=/data/in/*.txt OUTPUT=/data/out DEVICE=GPU", "--gpus=all"),
    ],
)  # fmt: skip
def test_make_commands(target: str, command: str) -> None:
    done = make("--dry-run", *target.split())
    assert done.returncode == 0, done.stderr
    printed = re.sub(r"\s+", " ", done.stdout.replace("\\\n", " "))
    assert command in printed
