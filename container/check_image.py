"""Checks an image while it is built: its versions agree, and its model classifies offline.

A job whose launcher, SDK and workers differ in Python's or Beam's version fails only when workers
have started; here it fails before there is an image.
"""

import argparse
import importlib.metadata
import json
import os
import platform
import re
import subprocess
import sys
import tempfile
from pathlib import Path

BOOT = Path("/opt/apache/beam/boot")
LAUNCHER = Path("/opt/google/dataflow/python_template_launcher")
# The CUDA of each flavour, as far as it is fixed; its torch and its base image are of it.
FLAVOURS = {"cuda": "13", "cuda126": "12.6", "cpu": None}
SENTENCE = "A fine film, and a joy from its first minute to its last."


def faults(given: argparse.Namespace) -> list[str]:
    """What disagrees, in sentences; empty when all is well."""
    found = []
    python = ".".join(platform.python_version_tuple()[:2])
    if given.python != python:
        found.append(f"PYTHON_VERSION is {given.python}, the base image's Python is {python}")
    beam = importlib.metadata.version("apache-beam")
    if given.beam != beam:
        found.append(f"BEAM_VERSION is {given.beam}, requirements.txt installed {beam}")
    found += image_faults(given.beam_sdk_image, given.launcher_image, python, beam)
    for program in (BOOT, LAUNCHER):
        if not os.access(program, os.X_OK):
            found.append(f"{program} is not there, or not executable")
    import torch

    found += flavour_faults(given.flavour, torch.version.cuda, os.environ.get("CUDA_VERSION"))
    return found


def flavour_faults(flavour: str, cuda: str | None, base_cuda: str | None) -> list[str]:
    """What the flavour says against torch's CUDA, and that against the base image's.

    NVIDIA's images say their CUDA in CUDA_VERSION; their forward-compatibility libraries are of it.
    """
    if flavour not in FLAVOURS:
        return [f"FLAVOUR is {flavour}, expected one of {', '.join(FLAVOURS)}"]
    wanted = FLAVOURS[flavour]
    if (cuda is None) != (wanted is None) or (wanted and not f"{cuda}.".startswith(f"{wanted}.")):
        hint = "" if flavour == "cuda" else "; is TORCH_INDEX the address of its wheels?"
        return [f"FLAVOUR is {flavour}, but torch's CUDA is {cuda or 'not there'}{hint}"]
    if cuda and base_cuda and _numbers(base_cuda) < _numbers(cuda):
        return [f"the base image's CUDA is {base_cuda}, older than torch's {cuda}"]
    return []


def _numbers(version: str) -> list[int]:
    return [int(number) for number in re.findall(r"\d+", version)]


def image_faults(sdk: str, launcher: str, python: str, beam: str) -> list[str]:
    """What the names of the other two images say against these versions.

    Mirrors keep the names: `any-host/any/path/beam_python3.12_sdk:2.77.0[@sha256:…]`.
    """
    found = []
    match = re.search(r"beam_python(\d+\.\d+)_sdk:([^@]+)", sdk)
    if match is None:
        found.append(f"BEAM_SDK_IMAGE is {sdk}, expected …beam_python{python}_sdk:{beam}")
    elif match.groups() != (python, beam):
        found.append(f"BEAM_SDK_IMAGE is for Python {match[1]} and Beam {match[2]}, "
                     f"the image has Python {python} and Beam {beam}")  # fmt: skip
    short = python.replace(".", "")
    match = re.search(r"python(\d+)-template-launcher-base:([^@]+)", launcher)
    if match is None:
        found.append(f"LAUNCHER_IMAGE is {launcher}, "
                     f"expected …python{short}-template-launcher-base:TAG")  # fmt: skip
    elif match[1] != short:
        found.append(f"LAUNCHER_IMAGE is for Python {match[1]}, the image has Python {python}")
    elif match[2] == "latest":
        found.append("LAUNCHER_IMAGE is :latest, expected a tag that stays what it is")
    return found


def classify() -> list[str]:
    """Runs the program as a user does, on one sentence, with the model of the image."""
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder) / "sentence.txt"
        source.write_text(SENTENCE + "\n")
        done = subprocess.run(
            [sys.executable, "-m", "runinference_metrics", "run", f"--input={source}",
             f"--output={folder}/out"],
            capture_output=True, text=True,
        )  # fmt: skip
        if done.returncode:
            return [f"the model classifies nothing: {done.stderr.strip()}"]
        (row,) = Path(folder, "out").glob("predictions-*.jsonl")
        prediction = json.loads(row.read_text())
        print(f"{prediction['label']} {prediction['score']:.4f}: {prediction['text']}")
    return []


def main() -> None:
    """Exits with every fault, or quietly."""
    parser = argparse.ArgumentParser()
    for name in ("python", "beam", "beam-sdk-image", "launcher-image", "flavour"):
        parser.add_argument(f"--{name}", required=True)
    found = faults(parser.parse_args())
    conflicts = subprocess.run([sys.executable, "-m", "pip", "check"], capture_output=True,
                               text=True)  # fmt: skip
    if conflicts.returncode:
        found.append(f"pip check: {conflicts.stdout.strip()}")
    found = found or classify()
    if found:
        sys.exit("The image is wrong:\n- " + "\n- ".join(found))


if __name__ == "__main__":
    main()
