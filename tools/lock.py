"""Writes the files requirements*.txt, and the versions that other files repeat.

    make lock              keeps what is locked as far as it still satisfies the lists
    make lock UPGRADE=1    takes the newest

A person edits pyproject.toml alone: `[project] dependencies` is what runs in the image, its extra
`convert` what old models need to be converted, `[dependency-groups] dev` what tests and checks need
besides. pip finds the versions, for all lists at once, with the lowest supported Python: what only
that needs must be locked too.
"""

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from packaging.markers import default_environment
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

from pyproject import LockError, Project, read_project, repeated_versions, with_versions

RUNTIME, CONVERT, DEV = "requirements.txt", "requirements-convert.txt", "requirements-dev.txt"
HEADERS = {
    RUNTIME: """\
# Written by `make lock`; edit pyproject.toml instead.
# What runs in the image, locked. On Linux torch brings its own exactly pinned CUDA packages;
# they are not listed, so that the same file serves a CPU-only build of torch.
""",
    CONVERT: """\
# Written by `make lock`; edit pyproject.toml instead.
# What `python -m runinference_metrics model` needs besides, for the vocabularies of older models.
""",
    DEV: """\
# Written by `make lock`; edit pyproject.toml instead.
# What tests and checks need besides.
-r requirements.txt
-r requirements-convert.txt
""",
}
# The one package whose needs depend on which build of it pip finds: with CUDA it asks for more.
# PyTorch marks these with the system, `; platform_system == "Linux"`, and nothing else.
BUILT_FOR_SYSTEMS = "torch"


@dataclass(frozen=True)
class Package:
    """A package that pip chose.

    Args:
        name: as the package itself spells it.
        version: without the build's own part, such as torch's `+cpu`.
        needs: all that it can ask for, whatever the system and the extras.
    """

    name: str
    version: str
    needs: tuple[Requirement, ...]


Packages = dict[str, Package]


def read_report(report: dict[str, Any]) -> Packages:
    """The packages in a report of pip's, by canonical name."""
    found: Packages = {}
    for item in report["install"]:
        metadata = item["metadata"]
        needs = tuple(map(Requirement, metadata.get("requires_dist", ())))
        found[canonicalize_name(metadata["name"])] = Package(
            metadata["name"], Version(metadata["version"]).public, needs
        )
    return found


def read_lock(text: str) -> dict[str, str]:
    """The locked versions by canonical name."""
    pins = re.findall(r"^([\w.-]+)==(\S+)$", text, re.MULTILINE)
    return {canonicalize_name(name): version for name, version in pins}


def asked(lists: Iterable[Requirement], packages: Packages, python: int) -> Iterator[Requirement]:
    """Every requirement that counts on Python 3.`python`, from the lists on, without CUDA's."""
    system: dict[str, Any] = {
        **default_environment(),
        "python_version": f"3.{python}",
        "python_full_version": f"3.{python}.{sys.version_info.micro}",
    }
    seen = set()
    waiting = list(lists)
    while waiting:
        one = waiting.pop()
        yield one
        name = canonicalize_name(one.name)
        for extra in {"", *one.extras}:
            if name not in packages or (name, extra) in seen:
                continue
            seen.add((name, extra))
            waiting += [
                need
                for need in packages[name].needs
                if (need.marker is None or need.marker.evaluate({**system, "extra": extra}))
                and not (name == BUILT_FOR_SYSTEMS and "platform_system" in str(need.marker))
            ]


def locked(project: Project, packages: Packages) -> tuple[Packages, Packages, Packages]:
    """The packages of the three files, each in the first that needs it.

    Raises:
        LockError: a newer supported Python needs something else than the lowest.
    """
    for python in project.pythons:
        for one in asked(project.all, packages, python):
            found = packages.get(canonicalize_name(one.name))
            if found is None or not one.specifier.contains(found.version, prereleases=True):
                chosen = f"takes version {found.version}" if found else "does without it"
                raise LockError(
                    f"Python 3.{python} needs {one}, but Python 3.{project.pythons[0]} {chosen}. "
                    f"Put {one.name} into a list of pyproject.toml, so that it serves both"
                )

    def names(lists: Iterable[Requirement]) -> set[str]:
        return {
            canonicalize_name(one.name)
            for python in project.pythons
            for one in asked(lists, packages, python)
        }

    runtime, convert = names(project.runtime), names(project.convert)
    return (
        {name: packages[name] for name in runtime},
        {name: packages[name] for name in convert - runtime},
        {name: packages[name] for name in names(project.dev) - runtime - convert},
    )


def lock_text(file: str, packages: Iterable[Package]) -> str:
    """The content of a lock file."""
    ordered = sorted(packages, key=lambda one: one.name.lower())
    return HEADERS[file] + "".join(f"{one.name}=={one.version}\n" for one in ordered)


def resolve(lists: Iterable[Requirement], pins: dict[str, str]) -> Packages:
    """Has pip choose versions for the lists, those of `pins` where there are some.

    Raises:
        LockError: pip finds none.
    """
    with tempfile.TemporaryDirectory() as folder:
        constraints = Path(folder, "constraints.txt")
        constraints.write_text("".join(f"{name}=={version}\n" for name, version in pins.items()))
        done = subprocess.run(
            [sys.executable, "-m", "pip", "install", "--dry-run", "--ignore-installed", "--quiet",
             "--disable-pip-version-check", "--report=-", f"--constraint={constraints}",
             *map(str, lists)],
            capture_output=True, text=True,
        )  # fmt: skip
    if done.returncode:
        raise LockError(reason(done.stderr))
    return read_report(json.loads(done.stdout))


def reason(stderr: str) -> str:
    """Why pip failed, in one of its lines: not those with all the versions that there are."""
    errors = re.findall(
        r"^ERROR: (?!Ignored the|Could not find a version)(.*)", stderr, re.MULTILINE
    )
    return errors[0] if errors else "pip failed without saying why"


def fitting(pins: dict[str, str], requirements: Iterable[Requirement]) -> dict[str, str]:
    """The pins that no requirement speaks against."""
    requirements = list(requirements)
    return {
        name: version
        for name, version in pins.items()
        if all(
            one.specifier.contains(version, prereleases=True)
            for one in requirements
            if canonicalize_name(one.name) == name
        )
    }


def choose(project: Project, pins: dict[str, str]) -> Packages:
    """Versions for the project's lists: those of `pins` as far as they still satisfy them."""
    lists = project.all
    kept = fitting(pins, lists)
    try:
        return resolve(lists, kept)
    except LockError:
        if not pins:
            raise
    # A list asks for something that does not go with all that is locked. What is not kept will be
    # about as new as the newest, whose needs say what else cannot be kept.
    newest = resolve(lists, {})
    before: dict[str, str] = {}
    while kept != before:
        before = kept
        new = {name: one for name, one in newest.items() if name not in kept}
        kept = fitting(kept, asked((*lists, *map(Requirement, new)), new, project.pythons[0]))
    try:
        return resolve(lists, kept)
    except LockError as error:
        raise LockError(
            f"{error.args[0].rstrip('.')}. `make lock UPGRADE=1` finds versions"
        ) from error


def renewed(root: Path, upgrade: bool) -> dict[str, str]:
    """The new content of every file that `make lock` writes."""
    project = read_project((root / "pyproject.toml").read_text())
    wanted = f"linux with Python 3.{project.pythons[0]}"
    running = "{} with Python {}.{}".format(sys.platform, *sys.version_info)
    if running != wanted:
        lowest = f"3.{project.pythons[0]}"
        raise LockError(
            f"it is made on {wanted}, the lowest that is supported; this is {running}. "
            f"As in: make lock PYTHON=python{lowest} VENV=build/venv-{lowest}"
        )
    texts = {
        file: with_versions(file, (root / file).read_text(), project)
        for file in repeated_versions(project)
    }
    files = [root / file for file in HEADERS if (root / file).exists()]
    present = read_lock("\n".join(file.read_text() for file in files))
    found = locked(project, choose(project, {} if upgrade else present))
    for file, packages in zip(HEADERS, found, strict=True):
        texts[file] = lock_text(file, packages.values())
    return texts


def write_changed(root: Path, texts: dict[str, str]) -> list[str]:
    """Writes the files that differ, each whole or not at all; returns their names."""
    changed = [
        file
        for file, text in texts.items()
        if not (root / file).exists() or (root / file).read_text() != text
    ]
    for file in changed:
        (root / f"{file}.part").write_text(texts[file])
    for file in changed:
        os.replace(root / f"{file}.part", root / file)
    return changed


def main() -> None:
    """Writes the lock of the project in the working directory."""
    parser = argparse.ArgumentParser(description="Writes the lock anew; see `make lock`.")
    parser.add_argument("--upgrade", action="store_true", help="take the newest versions")
    given = parser.parse_args()
    root = Path.cwd()
    try:
        changed = write_changed(root, renewed(root, given.upgrade))
    except (LockError, OSError) as error:
        sys.exit(f"error: no new lock: {error}")
    print("\n".join(f"{file} is written anew" for file in changed) or "Nothing has changed")


if __name__ == "__main__":
    main()
