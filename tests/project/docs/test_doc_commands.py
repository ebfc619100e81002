"""Every command line of the documents runs, or is looked at as closely as it can be here."""

import gzip
import json
import os
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from apache_beam.options.pipeline_options import PipelineOptions
from pages_for_tests import GUIDES, Command, commands, page
from tools_for_tests import (
    COMMANDS,
    SUBSTITUTIONS,
    TEMPLATE,
    VARIABLES,
    dockers_flags,
    faults,
    flag,
    flags_of,
    gcloud_tree,
    programs_of,
    words,
)

from conftest import DEMO_MODEL, ROOT
from runinference_metrics.options.parameters import PARAMETERS

ALL = [command for name in GUIDES for command in commands(name)]
# What cannot run here at all, by its first words, and why. Its flags and parameters are looked at
# nevertheless. A command that neither runs nor stands here fails.
CANNOT_RUN = {
    "make test": "is what runs this test",
    "make bench": "takes half an hour, and installs the peers",
    "make profile": "takes a minute of both cores, to tell of the machine",
    "make model": "fetches from the hub",
    "make image": "needs the base images; tests/container builds against stand-ins",
    "make image-cuda126": "needs the base images and PyTorch's own wheels",
    "make launch": "starts a job in a project",
    "tools/launch_job": "starts a job in a project; tests/template runs it against a fake",
    "gcloud dataflow flex-template run": "starts a job; tests/template runs it against a fake",
    "gcloud dataflow jobs list": "asks the Dataflow API",
    "gcloud services enable": "changes a project",
    "gcloud iam service-accounts": "changes a project",
    "gcloud projects add-iam-policy-binding": "changes a project",
    "gcloud compute networks subnets": "changes a project",
    "gcloud storage": "needs a bucket",
    "gcloud artifacts repositories": "changes a project",
    "gcloud auth configure-docker": "changes the settings of this machine's Docker",
    "gcloud builds": "needs a project",
    "docker run": "needs the image; tests/container runs it",
    ".venv/bin/python -m runinference_metrics run --input=samples/ --output=on-prism": (
        "needs Prism; tests/engines runs it"
    ),
    ".venv/bin/python -m runinference_metrics run --input=/shared/in/": "needs a job service",
    ".venv/bin/python -m runinference_metrics report --job_id=JOB_ID": "asks the Dataflow API",
    ".venv/bin/python -m runinference_metrics check --project=PROJECT": (
        "asks BigQuery; tests/engines has another"
    ),
    ".venv/bin/python -m runinference_metrics run --project=PROJECT": "the same",
    ".venv/bin/python -m runinference_metrics report bq://PROJECT.shop.predictions_runs": (
        "the same"
    ),
}
# Flags in sentences that are neither the program's nor Beam's, and whose they are.
A_LAUNCH = "gcloud dataflow flex-template run"
OTHERS_FLAGS = {"--user": "docker run", "--worker_pool": "boot, in the image"} | dict.fromkeys(
    (
        "--additional-experiments", "--additional-pipeline-options", "--additional-user-labels",
        "--dataflow-kms-key", "--disable-public-ips", "--enable-streaming-engine",
        "--flexrs-goal", "--launcher-machine-type", "--max-workers", "--num-workers",
        "--service-account-email", "--staging-location", "--temp-location",
        "--transform-name-mappings", "--worker-machine-type", "--worker-region", "--worker-zone",
    ),
    A_LAUNCH,
)  # fmt: skip
# Settings in sentences that are no parameters, and whose they are.
OTHERS_SETTINGS = {"worker_accelerator": "Dataflow's service option"}
# Runs commands one after the other in one process, since each start costs seconds.
DRIVER = """
import contextlib, io, json, shutil, sys
from runinference_metrics.__main__ import main
results = []
for arguments in json.load(open("commands.json")):
    if arguments[0] == "copy":
        shutil.copytree(*arguments[1:])
        continue
    said = io.StringIO()
    with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
        try:
            code = main(arguments)
        except SystemExit as error:
            code = error.code
    results.append([code, said.getvalue()])
json.dump(results, open("results.json", "w"))
"""


def reason_not_to_run(command: Command) -> str | None:
    begun = (why for begin, why in CANNOT_RUN.items() if f"{command.text} ".startswith(f"{begin} "))
    return next(begun, None)


def place(command: Command) -> str:
    return f"{command.page}:{command.line}"


RUN_HERE = [command for command in ALL if reason_not_to_run(command) is None]


@pytest.mark.parametrize("command", ALL, ids=place)
def test_a_command_is_well_formed(command: Command) -> None:
    assert list(faults(words(command.text))) == []


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("make runn", "runn is no target"),
        ("make run INPT=x", "INPT is no variable"),
        ("make run ARGS=--colour=red", "--colour is no parameter"),
        ("make image", "IMAGE is missing"),
        ("make launch TEMPLATE=gs://b/t OUTPUT=gs://b/o", "INPUT is missing"),
        ("make launch TEMPLATE=gs://b/t INPUT=gs://b/i OUTPUT=gs://b/o DEVICE=TPU", "device=TPU"),
        ("make image IMAGE=a BUILD_ARGS=--build-arg=COLOUR=red", "COLOUR is no argument"),
        ("make image IMAGE=a MODEL_FOLDER=models/none", "models/none is no folder"),
        (".venv/bin/python -m runinference_metrics run --input=a --output=b --device=TPU", "TPU"),
        (".venv/bin/python -m runinference_metrics run --output=b", "--input takes"),
        (".venv/bin/python -m runinference_metrics report x --colour=red", "--colour is no flag"),
        (".venv/bin/python -m runinference_metrics show x", "no command"),
        ("docker run IMAGE run --input=a --output=b --device=TPU", "TPU"),
        ("docker run IMAGE compare a b --htm=x", "--htm is no flag"),
        ("gcloud dataflow flex-template run a --region=r --parameters=input=gs://b/i,output=gs://b/o",
         "needs --template-file-gcs-location"),
        ("gcloud dataflow flex-template run a --region=r --template-file-gcs-location=t "
         "--parameters=input=gs://b/i,output=gs://b/o,colour=red", "colour is no parameter"),
        ("gcloud dataflow flex-template run a --region=r --template-file-gcs-location=t "
         "--parameters=input=b/i,output=gs://b/o", "input=b/i"),
        ("tools/launch_job a gs://b/t us-central1 input=gs://b/i", "output is required"),
        ("gcloud builds submit --substitutions=_BUKET=b", "_BUKET is no substitution"),
        ("curl example.com", "nobody knows"),
        ("make help | head", "one command a line"),
    ],
)  # fmt: skip
def test_a_wrong_command_is_found(text: str, fault: str) -> None:
    assert any(fault in one for one in faults(words(text))), list(faults(words(text)))


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("gcloud dataflow flex-template go", "has no command go"),
        ("gcloud storage cp a b --colour=red", "--colour is no flag"),
    ],
)
def test_gcloud_is_asked_for_its_flags(text: str, fault: str) -> None:
    if gcloud_tree() is None:
        pytest.skip("gcloud, the Google Cloud CLI, is not installed")
    assert any(fault in one for one in faults(words(text)))


def test_the_flags_of_a_launch_are_gclouds() -> None:
    node = gcloud_tree()
    if node is None:
        pytest.skip("gcloud, the Google Cloud CLI, is not installed")
    for word in A_LAUNCH.split()[1:]:
        node = node["commands"][word]
    assert {one for one, whose in OTHERS_FLAGS.items() if whose == A_LAUNCH} <= set(node["flags"])


def test_docker_is_asked_for_its_flags() -> None:
    known = dockers_flags("run")
    if known is None:
        pytest.skip("docker is not installed")
    assert {name for name, whose in OTHERS_FLAGS.items() if whose == "docker run"} <= known
    assert any("--colour" in one for one in faults(words("docker run --colour=red IMAGE")))


def test_every_reason_is_needed() -> None:
    for begin in CANNOT_RUN:
        assert any(f"{one.text} ".startswith(f"{begin} ") for one in ALL), begin


CODES = [(name, code) for name in GUIDES for code in page(name).codes]


def test_every_flag_in_a_sentence_is_somebodys() -> None:
    known = {f"--{one}" for one in PipelineOptions([]).get_all_options()}
    known |= {one for command in COMMANDS for one in flags_of(command)}
    found = {
        (name, flag(one)) for name, code in CODES for one in re.findall(r"(?<!\S)--[\w-]+", code)
    }
    assert {(name, one) for name, one in found if one not in known | set(OTHERS_FLAGS)} == set()
    assert set(OTHERS_FLAGS) <= {one for _, one in found}


def test_every_setting_in_a_sentence_is_one() -> None:
    parameters = {one.name: one for one in PARAMETERS}
    seen = set()
    for name, code in CODES:
        if not (found := re.fullmatch(r"(?:--)?(\w+)=(\S+)", code)):
            continue
        setting, value = found.groups()
        seen.add(setting)
        if setting in parameters:
            parameters[setting].value(value)
        elif not code.startswith("--"):
            assert setting in VARIABLES | SUBSTITUTIONS | set(OTHERS_SETTINGS), f"{name}: {code}"
    assert set(OTHERS_SETTINGS) <= seen


def test_every_parameter_is_documented() -> None:
    anchors = page("docs/parameters.md").anchors
    assert {one.name for one in PARAMETERS} <= anchors
    assert set(TEMPLATE) <= anchors


@dataclass(frozen=True)
class Ran:
    """What the commands of the documents did.

    Args:
        folder: where they ran.
        codes: the exit code and what was said, by command.
    """

    folder: Path
    codes: dict[Command, tuple[int, str]]


def lay_out(folder: Path) -> None:
    """What the documents' commands expect to find: files of the project, and a user's own."""
    for name in ("samples", "prices"):
        (folder / name).symlink_to(ROOT / name)
    (folder / "models").mkdir()
    for name in ("demo", "nli", "sst2"):
        (folder / "models" / name).symlink_to(DEMO_MODEL)
    (folder / "reviews").mkdir()
    rows = [
        json.dumps({"key": number, "review": "A fine film.", "label": 1}) for number in range(20)
    ]
    (folder / "reviews" / "a.jsonl").write_text("\n".join(rows))
    (folder / "a.txt").write_text("A dull film.\nA great story.\n")
    (folder / "pairs.csv").write_text("premise,hypothesis\nA fine film.,It was good.\n")
    (folder / "b.csv.gz").write_bytes(gzip.compress(b"text\nA poor film.\n"))


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> Ran:
    folder = tmp_path_factory.mktemp("documents")
    lay_out(folder)
    started = [(command, one) for command in RUN_HERE for one in programs_of(words(command.text))]
    steps = [one for _, one in started]
    # Two runs to compare, of the devices of whoever reads on.
    first = next(at for at, one in enumerate(steps) if "--output=results" in one) + 1
    copies = [["copy", "results", "cpu-results"], ["copy", "results", "gpu-results"]]
    (folder / "commands.json").write_text(json.dumps([*steps[:first], *copies, *steps[first:]]))
    done = subprocess.run(
        [sys.executable, "-c", DRIVER], cwd=folder, capture_output=True, text=True, timeout=240,
        env={**os.environ, "COLUMNS": "80", "PYTHONPATH": str(ROOT / "src")},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    results = json.loads((folder / "results.json").read_text())
    return Ran(folder, {
        command: (code, said)
        for (command, _), (code, said) in zip(started, results, strict=True)
    })  # fmt: skip


@pytest.mark.starts
@pytest.mark.parametrize("command", RUN_HERE, ids=place)
def test_a_command_runs(command: Command, request: pytest.FixtureRequest) -> None:
    if command.text == "make help":
        done = subprocess.run(["make", "help"], cwd=ROOT, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        return
    assert programs_of(words(command.text)), "it neither runs here nor stands in CANNOT_RUN"
    code, said = request.getfixturevalue("ran").codes[command]
    assert code == 0, said


def block(name: str, begin: str) -> str:
    (found,) = [one.content for one in page(name).blocks if one.content.startswith(begin)]
    return found


@pytest.mark.starts
def test_the_readme_shows_what_make_run_says(ran: Ran) -> None:
    (said,) = [
        said for one, (_, said) in ran.codes.items() if words(one.text) == ["make", "run"]
    ]  # fmt: skip
    assert " ".join(block("README.md", "Records").split()) in " ".join(said.split())


@pytest.mark.starts
def test_the_shown_rows_are_those_of_the_samples(ran: Ran) -> None:
    decoder, text = json.JSONDecoder(), block("docs/input.md", "{")
    prediction, end = decoder.raw_decode(text)
    letter, _ = decoder.raw_decode(text[end:].strip())
    assert same(prediction, row_like(ran, "predictions", prediction), ())
    assert same(letter, row_like(ran, "dead_letters", letter), ("text",))


def row_like(ran: Ran, kind: str, shown: dict[str, Any]) -> dict[str, Any]:
    lines = [line for file in (ran.folder / "out").glob(f"{kind}-*.jsonl")
             for line in file.read_text().splitlines()]  # fmt: skip
    (found,) = [
        row for row in map(json.loads, lines)
        if (row["source"], row["position"]) == (shown["source"], shown["position"])
    ]  # fmt: skip
    return found


def same(shown: dict[str, Any], found: dict[str, Any], left_out: tuple[str, ...]) -> bool:
    def rounded(value: Any) -> Any:
        if isinstance(value, dict):
            return {name: rounded(one) for name, one in value.items()}
        return pytest.approx(value, abs=0.02) if isinstance(value, float) else value

    return list(shown) == list(found) and all(
        rounded(found[name]) == shown[name] for name in shown if name not in left_out
    )
