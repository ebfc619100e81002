"""What pyproject.toml asks for, and the versions of it that other files repeat."""

import re
import tomllib
from dataclasses import dataclass

from packaging.requirements import Requirement


class LockError(Exception):
    """Why there is no new lock, in a sentence."""


@dataclass(frozen=True)
class Project:
    """What pyproject.toml asks for.

    Args:
        runtime: the list of what runs in the image.
        convert: the list of what converting old models needs besides.
        dev: the list of what tests and checks need besides.
        pythons: the minor versions of Python 3 from the lowest supported to the image's.
    """

    runtime: tuple[Requirement, ...]
    convert: tuple[Requirement, ...]
    dev: tuple[Requirement, ...]
    pythons: range

    @property
    def all(self) -> tuple[Requirement, ...]:
        """All three lists."""
        return (*self.runtime, *self.convert, *self.dev)

    @property
    def beam(self) -> str:
        """Beam's version, which the list pins."""
        (beam,) = (one for one in self.runtime if one.name == "apache-beam")
        (pin,) = beam.specifier
        return pin.version

    @property
    def python(self) -> str:
        """Python's version in the image."""
        return f"3.{self.pythons[-1]}"


def read_project(text: str) -> Project:
    """Reads pyproject.toml.

    Raises:
        LockError: it asks for something that cannot be locked.
    """
    try:
        content = tomllib.loads(text)
        lowest = minor(content["project"]["requires-python"], ">=3.")
        image = minor(content["tool"]["runinference-metrics"]["image-python"], "3.")
        project = Project(
            tuple(map(Requirement, content["project"]["dependencies"])),
            tuple(map(Requirement, content["project"]["optional-dependencies"]["convert"])),
            tuple(map(Requirement, content["dependency-groups"]["dev"])),
            range(lowest, image + 1),
        )
    except (KeyError, ValueError) as error:
        raise LockError(f"pyproject.toml does not have what is needed: {error}") from error
    if not project.pythons:
        raise LockError(f"pyproject.toml's image-python 3.{image} is below requires-python")
    if not re.search(r"^ *\"apache-beam\[gcp\]==[\w.]+\",$", text, re.MULTILINE):
        raise LockError("pyproject.toml does not pin apache-beam[gcp] with ==")
    return project


def minor(version: str, before: str) -> int:
    """The number of a version of Python 3 that follows `before`."""
    if not version.startswith(before):
        raise ValueError(f"{version!r} does not begin with {before}")
    return int(version.removeprefix(before))


def repeated_versions(project: Project) -> dict[str, list[tuple[str, str]]]:
    """Where else Beam's and the image's Python's version stand: what surrounds it, and it."""
    short = project.python.replace(".", "")
    return {
        "Dockerfile": [
            (r"(?m)^(ARG PYTHON_VERSION=)[\d.]+()$", project.python),
            (r"(?m)^(ARG BEAM_VERSION=)[\w.]+()$", project.beam),
            (r"(?m)^(ARG LAUNCHER_IMAGE=.*/python)\d+(-template-launcher-base:)", short),
        ],
        "cloudbuild.yaml": [(r"(?m)^( +name: python:)[\d.]+(-\w+)$", project.python)],
    }


def with_versions(file: str, text: str, project: Project) -> str:
    """The text of a file with the versions that pyproject.toml asks for.

    Raises:
        LockError: the file has no place for one of them, or several.
    """
    for pattern, version in repeated_versions(project)[file]:
        text, count = re.subn(pattern, rf"\g<1>{version}\g<2>", text)
        if count != 1:
            raise LockError(f"{file} has {count} lines like {pattern}, expected one")
    return text
