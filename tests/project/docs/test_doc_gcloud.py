"""The real gcloud reads every line of the documents that is its own, and launches the launches."""

import json
import shlex
import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest
from pages_for_tests import GUIDES, Command, commands
from tools_for_tests import dry_run, without_makes, words

from conftest import ROOT
from gcloud_for_tests import (
    NEEDS_GCLOUD,
    as_the_launcher_calls,
    environment,
    serving_dataflow,
)
from runinference_metrics.options import beam_flags, command_line

pytestmark = [pytest.mark.starts, NEEDS_GCLOUD]
ALL = [command for name in GUIDES for command in commands(name)]
LAUNCHES = [
    one for one in ALL
    if one.text.startswith(("gcloud dataflow flex-template run", "make launch", "tools/launch_job"))
]  # fmt: skip


def gclouds(command: Command) -> list[list[str]]:
    """The commands of gcloud's that a documented one is, or that make would run for it."""
    own = words(command.text)
    if own[0] == "make":
        lines = dry_run(own[1:]).stdout.splitlines()
        return [words(line) for line in lines if line.startswith("gcloud ")]
    return [own] if own[0] == "gcloud" else []


def complaints(folder: Path, given: Sequence[list[str]]) -> list[str]:
    """What gcloud's own parsers say of these commands; nothing is run."""
    file = folder / "commands.json"
    # Of all placeholders gcloud minds only a project's: a name has no capitals.
    texts = [shlex.join(one).replace("HOST_PROJECT", "host-project") for one in given]
    file.write_text(json.dumps([{"command_string": one} for one in texts]))
    done = subprocess.run(
        ["gcloud", "meta", "lint-gcloud-commands", f"--commands-file={file}"],
        capture_output=True, text=True, timeout=200, env=environment(None, folder),
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    results = json.loads(done.stdout)
    assert len(results) == len(set(texts))
    return [
        f"{one['command_string']}: {one['error_message']}" for one in results if not one["success"]
    ]


def test_gcloud_takes_every_line(tmp_path: Path) -> None:
    given = [one for command in ALL for one in gclouds(command)]
    assert len(given) > len(LAUNCHES)
    assert complaints(tmp_path, given) == []


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("gcloud dataflow flex-template run a --template-file-gcs-location=gs://b/t --colour=red",
         "unrecognized arguments: --colour=red"),
        ("gcloud dataflow flex-template run a --template-file-gcs-location=b/t", "Bad value [b/t]"),
        ("gcloud dataflow flex-template run a --template-file-gcs-location=gs://b/t "
         "--worker-zone=a --worker-region=b", "At most one of"),
        ("gcloud projects add-iam-policy-binding p --member=user:a@b.c", "argument --role: Must"),
    ],
)  # fmt: skip
def test_gcloud_would_say_what_is_wrong(tmp_path: Path, text: str, complaint: str) -> None:
    (found,) = complaints(tmp_path, [shlex.split(text)])
    assert complaint in found


@pytest.mark.parametrize("command", LAUNCHES, ids=lambda one: f"{one.page}:{one.line}")
def test_a_documented_launch_is_one(command: Command, tmp_path: Path) -> None:
    with serving_dataflow() as dataflow:
        done = subprocess.run(
            # A bucket's name as the documents write it would be none.
            ["bash", "-c", command.text.replace("BUCKET", "a-bucket")],
            cwd=ROOT, capture_output=True, text=True, timeout=120,
            env=without_makes(environment(dataflow, tmp_path)),
        )  # fmt: skip
    assert done.returncode == 0, done.stderr
    (launched,) = dataflow.launched
    settings, rest = command_line.parse(as_the_launcher_calls(launched))
    assert settings.output == "gs://a-bucket/out"
    assert all(one.startswith("gs://a-bucket/") for one in settings.input)
    beam_flags.parse(rest)
