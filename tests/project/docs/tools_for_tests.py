"""What is wrong with a command of the documents, found without running it."""

import contextlib
import importlib.util
import io
import json
import os
import re
import shlex
import shutil
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from conftest import ROOT
from runinference_metrics.__main__ import COMMANDS, main
from runinference_metrics.errors import FlagError, UserError
from runinference_metrics.options import beam_flags, command_line

MAKEFILE = (ROOT / "Makefile").read_text()
TARGETS = set(re.findall(r"^([a-z0-9-]+):", MAKEFILE, re.MULTILINE))
VARIABLES = set(re.findall(r"^([A-Z_]+) *[:?]?=", MAKEFILE, re.MULTILINE))
VARIABLES |= set(re.findall(r"\$\(call need,([A-Z_]+),", MAKEFILE))
SUBSTITUTIONS = set(yaml.safe_load((ROOT / "cloudbuild.yaml").read_text())["substitutions"])
BUILD_ARGUMENTS = set(re.findall(r"^ARG (\w+)", (ROOT / "Dockerfile").read_text(), re.MULTILINE))
TEMPLATE: dict[str, dict[str, Any]] = {
    one["name"]: one for one in json.loads((ROOT / "metadata.json").read_text())["parameters"]
}
PROGRAM = [".venv/bin/python", "-m", "runinference_metrics"]


def words(text: str) -> list[str]:
    """A command as the shell would give it to a program.

    `$PWD` and what a command puts in are filled in; that command is one of git's, and runs.
    """

    def put_in(found: re.Match[str]) -> str:
        assert found[1].startswith("git "), text
        done = subprocess.run(found[1].split(), cwd=ROOT, capture_output=True, text=True)
        # A copy that is no clone has no commit.
        return done.stdout.strip() or "commit"

    filled = re.sub(r"\$\(([^)]*)\)", put_in, text).replace("$PWD", "/here")
    return shlex.split(filled, comments=True)


def faults(command: Sequence[str]) -> Iterator[str]:
    """What is wrong with a command, a sentence each; says so too when it cannot tell."""
    if {"|", "||", "&&", ";", ">"} & set(command):
        yield "a block has one command a line"
    elif list(command[:3]) == PROGRAM:
        yield from _program_faults(command[3:])
    elif command[0] == "gcloud":
        yield from _gcloud_faults(command[1:])
    elif command[0] == "make":
        yield from _make_faults(command[1:])
    elif tuple(command[:2]) == ("docker", "run"):
        yield from _docker_run_faults(command[2:])
    elif tuple(command[:2]) == ("docker", "build"):
        yield from _docker_build_faults(command[2:])
    elif tuple(command[:2]) == ("docker", "push"):
        yield from [] if len(command) == 3 else ["docker push takes one image"]
    elif command[0] == "tools/launch_job":
        yield from _launch_job_faults(command[1:])
    else:
        yield f"nobody knows how to look at {command[0]}"


def flag(word: str) -> str:
    """A flag's name with its dashes, without its value."""
    return word.partition("=")[0]


@cache
def flags_of(command: str) -> frozenset[str]:
    """The flags of one of the program's commands, as its own parser lists them."""
    said = io.StringIO()
    with contextlib.redirect_stdout(said), contextlib.suppress(SystemExit):
        main([command, "--help"])
    return frozenset(re.findall(r"--\w+", said.getvalue()))


def _program_faults(arguments: Sequence[str]) -> Iterator[str]:
    if not arguments or arguments[0] not in COMMANDS:
        yield f"{arguments[:1]} is no command of the program"
    elif arguments[0] == "run":
        try:
            beam_flags.parse(command_line.parse(arguments[1:])[1])
        except (UserError, FlagError) as error:
            yield str(error)
    else:
        given = {flag(one) for one in arguments if one.startswith("--")}
        yield from (f"{one} is no flag of {arguments[0]}" for one in given - flags_of(arguments[0]))


@cache
def gcloud_tree() -> dict[str, Any] | None:
    """gcloud's own table of its commands and their flags; None where there is no gcloud."""
    gcloud = shutil.which("gcloud")
    table = Path(gcloud or "/").resolve().parent.parent / "data/cli/gcloud_completions.py"
    if not gcloud or not table.is_file():
        return None
    spec = importlib.util.spec_from_file_location("gcloud_completions", table)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    tree: dict[str, Any] = module.STATIC_COMPLETION_CLI_TREE
    return tree


def _gcloud_faults(arguments: Sequence[str]) -> Iterator[str]:
    if tree := gcloud_tree():
        known, node, names = set(tree["flags"]), tree, []
        for word in arguments:
            if not node.get("commands"):
                break
            if word not in node["commands"]:
                yield f"{' '.join(['gcloud', *names])} has no command {word}"
                return
            node = node["commands"][word]
            known |= set(node.get("flags", {}))
            names.append(word)
        given = {flag(one) for one in arguments if one.startswith("--")}
        yield from (
            f"{one} is no flag of gcloud {' '.join(names)}" for one in sorted(given - known)
        )
    values = dict(one.split("=", 1) for one in arguments if one.startswith("--") and "=" in one)
    if tuple(arguments[:3]) == ("dataflow", "flex-template", "run"):
        for name in ("--template-file-gcs-location", "--region", "--parameters"):
            if name not in values:
                yield f"a launch needs {name}"
        yield from template_faults(values.get("--parameters", ""))
    if arguments[0] == "builds":
        for name in (one.split("=")[0] for one in values.get("--substitutions", "").split(",")):
            if name not in SUBSTITUTIONS:
                yield f"{name} is no substitution of cloudbuild.yaml"


def template_faults(given: str) -> Iterator[str]:
    """What the service would refuse of a launch's parameters, as gcloud takes them."""
    own = re.match(r"\^([^^]+)\^", given)
    parted = given[own.end() :].split(own[1]) if own else given.split(",")
    values = dict(one.partition("=")[::2] for one in parted)
    for name, one in TEMPLATE.items():
        if name not in values and not one["isOptional"]:
            yield f"{name} is required"
    for name, value in values.items():
        if name not in TEMPLATE:
            yield f"{name} is no parameter of the template"
            continue
        one = TEMPLATE[name]
        if not all(re.fullmatch(regex, value) for regex in one.get("regexes", [])):
            yield f"{name}={value} is not what the template takes"
        enum = [option["value"] for option in one.get("enumOptions", [])]
        if enum and value not in enum:
            yield f"{name}={value} is none of {enum}"


def _launch_job_faults(arguments: Sequence[str]) -> Iterator[str]:
    if len(arguments) < 4:
        yield "launch_job takes a name, a template, a region and parameters"
        return
    name, template, region, parameters, *more = arguments
    yield from _gcloud_faults(
        ["dataflow", "flex-template", "run", name, f"--template-file-gcs-location={template}",
         f"--region={region}", f"--parameters=^~^{parameters}", *more]
    )  # fmt: skip


@cache
def dockers_flags(command: str) -> frozenset[str] | None:
    """The flags of `docker run` or `docker build`; None where there is no docker."""
    if not shutil.which("docker"):
        return None
    done = subprocess.run(["docker", command, "--help"], capture_output=True, text=True, timeout=60)
    return frozenset(re.findall(r"(?:^|\s)(--?[a-z][\w-]*)", done.stdout, re.MULTILINE)) or None


def _unknown_to_docker(command: str, given: Sequence[str]) -> Iterator[str]:
    known = dockers_flags(command)
    for one in given:
        # BuildKit's, which the builder of old does not list.
        if known and flag(one) not in known | {"--secret"}:
            yield f"{flag(one)} is no flag of docker {command}"


def _docker_run_faults(arguments: Sequence[str]) -> Iterator[str]:
    rest = list(arguments)
    given = []
    while rest and rest[0].startswith("-"):
        given.append(rest.pop(0))
        if given[-1] == "-v":
            rest.pop(0)
    yield from _unknown_to_docker("run", given)
    if not rest:
        yield "docker run without an image"
    elif rest[1:]:
        yield from _program_faults(rest[1:])


def _docker_build_faults(arguments: Sequence[str]) -> Iterator[str]:
    yield from _unknown_to_docker("build", [one for one in arguments if one.startswith("-")])
    for name in (one.split("=")[1] for one in arguments if one.startswith("--build-arg=")):
        if name not in BUILD_ARGUMENTS:
            yield f"{name} is no argument of the Dockerfile"
    for folder in (
        one.split("=")[2] for one in arguments if one.startswith("--build-arg=MODEL_FOLDER=")
    ):
        if not (ROOT / folder).is_dir():
            yield f"{folder} is no folder"
    if arguments[-1:] != ["."]:
        yield "docker build takes this folder"


def without_makes(environment: Mapping[str, str]) -> dict[str, str]:
    """An environment without the variables of a make that runs the tests."""
    return {
        name: value
        for name, value in environment.items()
        if not name.startswith("MAKE") and name not in VARIABLES
    }


def dry_run(arguments: Sequence[str]) -> subprocess.CompletedProcess[str]:
    """What make would do, a command a line."""
    done = subprocess.run(
        ["make", "--dry-run", *arguments],
        cwd=ROOT, capture_output=True, text=True, timeout=60, env=without_makes(os.environ),
    )  # fmt: skip
    done.stdout = re.sub(r"\s*\\\n\s*", " ", done.stdout)
    return done


def _make_faults(arguments: Sequence[str]) -> Iterator[str]:
    for one in arguments:
        if "=" in one and one.split("=")[0] not in VARIABLES:
            # make itself would take it and never use it.
            yield f"{one.split('=')[0]} is no variable of the Makefile"
        elif "=" not in one and one not in TARGETS:
            yield f"{one} is no target of the Makefile"
    done = dry_run(arguments)
    if done.returncode:
        yield f"make: {done.stderr.strip()}"
        return
    for line in done.stdout.splitlines():
        if line.startswith("test -n"):
            # A variable that is missing: only the shell would say so.
            said = subprocess.run(["sh", "-c", line], capture_output=True, text=True)
            if said.returncode:
                yield said.stdout.strip()
        elif line.startswith('echo "error'):
            yield line
        elif line.startswith(("docker ", "gcloud ", f"{' '.join(PROGRAM)} run")):
            # What comes out of the program goes into a file.
            yield from faults(words(line.partition(" > ")[0].replace("$(id -u):$(id -g)", "1:1")))


def programs_of(command: Sequence[str]) -> list[list[str]]:
    """The arguments with which a command starts the program here: itself, or through make."""
    if list(command[:3]) == PROGRAM:
        return [list(command[3:])]
    if command[0] != "make":
        return []
    lines = dry_run(command[1:]).stdout.splitlines()
    return [shlex.split(one)[3:] for one in lines if one.startswith(f"{' '.join(PROGRAM)} run")]
