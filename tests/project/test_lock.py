"""tools/lock.py, and that the locks and repeated versions are what pyproject.toml asks for."""

import ast
import importlib.metadata
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

import lock
from conftest import ROOT
from pyproject import LockError, Project, read_project, with_versions
from runinference_metrics.bundling.tokenizer import SENTENCEPIECE

RENEW = "run `make lock`"
FILES = ("pyproject.toml", "Dockerfile", "cloudbuild.yaml", "requirements.txt",
         "requirements-convert.txt", "requirements-dev.txt")  # fmt: skip
OWN = "runinference_metrics"


PROJECT = read_project((ROOT / "pyproject.toml").read_text())
LOCKED = {file: lock.read_lock((ROOT / file).read_text()) for file in lock.HEADERS}
RUNTIME, CONVERT, DEV = LOCKED.values()


def names(*lists: tuple[Requirement, ...]) -> set[str]:
    return {canonicalize_name(one.name) for each in lists for one in each}


# The files as they are.


def test_what_each_list_asks_for_is_locked_where_it_belongs() -> None:
    for one in PROJECT.all:
        name = canonicalize_name(one.name)
        # What the image needs as well is in its file, which the others come on top of.
        pins = RUNTIME if name in names(PROJECT.runtime) else RUNTIME | CONVERT | DEV
        assert name in pins, f"{one} is not locked: {RENEW}"
        assert one.specifier.contains(pins[name]), f"{one} is locked as {pins[name]}: {RENEW}"


@pytest.fixture(scope="module")
def installed() -> Any:
    """What is installed here, in the form in which pip reports what it would install."""
    return lock.read_report(
        {
            "install": [
                {"metadata": {"name": one.name, "version": one.version,
                              "requires_dist": one.requires or []}}
                for one in importlib.metadata.distributions()
            ]
        }
    )  # fmt: skip


def test_the_lock_is_all_that_is_needed_and_nothing_more(installed: Any) -> None:
    found = lock.locked(PROJECT, {**installed})
    for (file, pins), needed in zip(LOCKED.items(), found, strict=True):
        assert not needed.keys() - pins.keys(), f"needed and not in {file}: {RENEW}"
        assert not pins.keys() - needed.keys(), f"in {file}, and nothing needs it: {RENEW}"
    assert len(RUNTIME | CONVERT | DEV) == sum(map(len, LOCKED.values())), f"in two files: {RENEW}"


def test_locked_versions_satisfy_each_other(installed: Any) -> None:
    pins = RUNTIME | CONVERT | DEV
    for one in lock.asked(PROJECT.all, installed, sys.version_info.minor):
        version = pins[canonicalize_name(one.name)]
        assert one.specifier.contains(version, prereleases=True), f"{one}: {version}. {RENEW}"


@pytest.mark.parametrize("file", list(LOCKED))
def test_lock_files_have_the_form_in_which_they_are_written(file: str) -> None:
    text = (ROOT / file).read_text()
    pins = [line.split("==") for line in text.splitlines() if "==" in line]
    assert text == lock.lock_text(file, [lock.Package(*pin, ()) for pin in pins]), RENEW
    # Where a package comes from is each machine's own business.
    assert "://" not in text
    assert "--" not in text


@pytest.mark.parametrize("file", ["Dockerfile", "cloudbuild.yaml"])
def test_versions_elsewhere_are_those_of_pyproject(file: str) -> None:
    text = (ROOT / file).read_text()
    assert with_versions(file, text, PROJECT) == text, f"{file} is behind: {RENEW}"


def test_the_lowest_python_is_the_same_everywhere() -> None:
    text = (ROOT / "pyproject.toml").read_text()
    lowest = f"3.{PROJECT.pythons[0]}"
    assert f'\npython_version = "{lowest}"\n' in text, "mypy's python_version: not requires-python"
    for document in [ROOT / "README.md", *ROOT.glob("docs/*.md"), *ROOT.glob("CONTRIBUTING.md")]:
        for said in re.findall(r"Python (3\.\d+) or newer", document.read_text()):
            assert said == lowest, f"{document.name}: not requires-python"


def test_make_takes_the_lowest_python_from_pyproject(tmp_path: Path) -> None:
    shutil.copy(ROOT / "Makefile", tmp_path)
    text = (ROOT / "pyproject.toml").read_text()
    changed = re.sub(r"(?m)^requires-python = .*$", 'requires-python = ">=3.99"', text)
    (tmp_path / "pyproject.toml").write_text(changed)
    done = subprocess.run(["make", ".venv/python-ok", f"PYTHON={sys.executable}"], cwd=tmp_path,
                          capture_output=True, text=True)  # fmt: skip
    assert done.returncode == 2
    assert "Python 3.99 or newer is needed" in done.stderr


# What is imported.


def modules_of(file: Path) -> Iterator[str]:
    """The modules that a file imports, and the names out of them, which may be modules too."""
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            yield from (one.name for one in node.names)
        elif isinstance(node, ast.ImportFrom) and not node.level:
            yield from (f"{node.module}.{one.name}" for one in node.names)


@pytest.fixture(scope="module")
def providers() -> dict[str, str]:
    """Which distribution brings a module; namespaces such as `google` have many."""
    found = {}
    for one in importlib.metadata.distributions():
        # Asked once each, and the record as it is written: both are read anew whenever asked for.
        distribution = canonicalize_name(one.name)
        for line in (one.read_text("RECORD") or "").splitlines():
            file = line.partition(",")[0]
            if file.endswith((".py", ".so")):
                folder, _, name = file.rpartition("/")
                module = f"{folder}/{name.partition('.')[0]}".strip("/").replace("/", ".")
                found[module.removesuffix(".__init__")] = distribution
    return found


def provider(module: str, providers: dict[str, str]) -> str:
    """The distribution of a module; by the module's own name when it is not installed."""
    parts = module.split(".")
    for size in range(len(parts), 0, -1):
        if found := providers.get(".".join(parts[:size])):
            return found
    return canonicalize_name(parts[0])


def listed(file: Path) -> set[str]:
    """The packages in a list for pip."""
    found = re.findall(r"^\w[\w.-]*", file.read_text(), re.MULTILINE)
    return {canonicalize_name(one) for one in found}


@pytest.mark.parametrize("folder", ["src", "container", "tools", "tests", "bench"])
def test_what_is_imported_is_in_the_list(folder: str, providers: dict[str, str]) -> None:
    asked = names(PROJECT.runtime)
    if folder not in ("src", "container"):
        asked |= names(PROJECT.convert, PROJECT.dev)
    if folder == "bench":
        asked |= listed(ROOT / "bench" / "requirements.txt")
    # It runs in an environment of its own.
    elsewhere = {"bigquery_server.py": listed(ROOT / "tests" / "engines" / "bqemulator.txt")}
    ours = {
        file.stem for part in ("tests", "tools", "bench") for file in (ROOT / part).rglob("*.py")
    }
    missing = set()
    for file in (ROOT / folder).rglob("*.py"):
        for module in modules_of(file):
            top = module.partition(".")[0]
            if top not in sys.stdlib_module_names and top not in ours | {OWN}:
                name = provider(module, providers)
                if name not in asked | elsewhere.get(file.name, set()):
                    missing.add(f"{file.name}: {module} of {name}")
    assert not missing, "imported, and in no list of pyproject.toml"


def test_what_is_asked_to_be_installed_is_what_is_locked() -> None:
    assert read_project((ROOT / "pyproject.toml").read_text()).convert == (
        Requirement(SENTENCEPIECE),
    )


# The parts of lock.py, on a made report.


def report(**packages: tuple[str, list[str]]) -> Any:
    """As pip reports it; an underscore of a name stands for a hyphen."""
    return lock.read_report(
        {
            "install": [
                {"metadata": {"name": name.replace("_", "-"), "version": version,
                              "requires_dist": needs}}
                for name, (version, needs) in packages.items()
            ]
        }
    )  # fmt: skip


def project(runtime: list[str], dev: list[str], pythons: range = range(11, 13)) -> Any:
    return Project(tuple(map(Requirement, runtime)), (), tuple(map(Requirement, dev)), pythons)


MADE = report(
    Beam=("2.1", ["Jinja2>=3", 'extra-only; extra == "gcp"', 'never; extra == "test"',
                  'old-only; python_version < "3.12"']),
    Jinja2=("3.1", []),
    extra_only=("1.0", []),
    never=("1.0", []),
    old_only=("1.0", []),
    torch=("2.13.0+cpu", ["Jinja2", 'triton==3; platform_system == "Linux"']),
    triton=("3", ["nvidia-deep"]),
    nvidia_deep=("1", []),
    nvidia_ml_py=("13", []),
    pytest=("9", ["Jinja2", "pluggy"]),
    pluggy=("1", []),
)  # fmt: skip


def split(given: Any, packages: Any = MADE) -> tuple[set[str], set[str]]:
    runtime, _, dev = lock.locked(given, packages)
    return set(runtime), set(dev)


def test_a_package_keeps_its_spelling_and_loses_its_build() -> None:
    assert MADE["torch"].version == "2.13.0"
    assert MADE["jinja2"].name == "Jinja2"


def test_each_package_is_in_one_file_and_those_of_both_lists_in_the_images() -> None:
    assert split(project(["beam"], ["pytest"])) == ({"beam", "jinja2", "old-only"},
                                                    {"pytest", "pluggy"})  # fmt: skip


def test_extras_count_where_they_are_asked_for() -> None:
    assert "extra-only" in split(project(["beam[gcp]"], []))[0]


def test_what_only_cuda_brings_is_left_out_but_not_what_is_asked_for_besides() -> None:
    asked = project(["torch", "nvidia-ml-py"], [])
    assert split(asked)[0] == {"torch", "jinja2", "nvidia-ml-py"}


@pytest.mark.parametrize(
    ("need", "message"),
    [
        ('new-only>=1; python_version >= "3.12"', "Python 3.11 does without it"),
        ('jinja2>=4; python_version >= "3.12"', "Python 3.11 takes version 3.1"),
    ],
)
def test_a_newer_python_that_needs_more_is_named(need: str, message: str) -> None:
    packages = MADE | report(app=("1", [need]))
    with pytest.raises(LockError, match=message):
        lock.locked(project(["app", "jinja2"], []), packages)
    assert split(project(["app"], [], range(11, 12)), packages)[0] == {"app"}


def test_locks_are_sorted_by_name_whatever_the_case() -> None:
    packages = [lock.Package(name, "1", ()) for name in ("B-c", "a", "b")]
    text = lock.lock_text("requirements-dev.txt", packages)
    assert text.endswith("-r requirements-convert.txt\na==1\nb==1\nB-c==1\n")
    assert lock.read_lock(text) == {"a": "1", "b": "1", "b-c": "1"}


class Resolver:
    """In the place of pip: knows versions of packages, and what they ask for.

    Args:
        pins: what it was given to keep, call by call.
    """

    def __init__(self) -> None:
        self.pins: list[dict[str, str]] = []

    def __call__(self, lists: Any, pins: dict[str, str]) -> Any:
        self.pins.append(pins)
        chosen = {"app": "2", "library": "5", "other": "9", "tool": "7"} | pins
        if chosen["app"] == "2" and chosen["library"] < "5":
            raise LockError("library is too old")
        needs = {"app": ["library>=5", "other"], "other": ["tool>=7"]}
        return report(**{name: (version, needs.get(name, [])) for name, version in chosen.items()})


@pytest.mark.parametrize(
    ("asked", "pins", "calls"),
    [
        # Everything still fits: everything stays.
        ("app", {"app": "1", "library": "4", "other": "8"},
         [{"app": "1", "library": "4", "other": "8"}]),
        # The list asks for a newer one, which goes with the rest.
        ("app>=2", {"app": "1", "library": "5", "other": "8"}, [{"library": "5", "other": "8"}]),
        # It does not: only what is too old for it is renewed.
        ("app>=2", {"app": "1", "library": "4", "other": "8"},
         [{"library": "4", "other": "8"}, {}, {"other": "8"}]),
        # What only the newest version of something kept asks for renews nothing.
        ("app>=2", {"app": "1", "library": "4", "other": "8", "tool": "6"},
         [{"library": "4", "other": "8", "tool": "6"}, {}, {"other": "8", "tool": "6"}]),
        # make lock UPGRADE=1
        ("app", {}, [{}]),
    ],
)  # fmt: skip
def test_locked_versions_stay_as_far_as_they_satisfy_the_lists(
    monkeypatch: pytest.MonkeyPatch, asked: str, pins: dict[str, str], calls: list[dict[str, str]]
) -> None:
    resolver = Resolver()
    monkeypatch.setattr(lock, "resolve", resolver)
    lock.choose(project([asked], []), pins)
    assert resolver.pins == calls


def test_locked_versions_that_go_with_nothing_are_answered_with_the_newest(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def resolver(lists: Any, pins: dict[str, str]) -> Any:
        if pins:
            raise LockError("these conflict.")
        return report(app=("2", []), library=("5", []))

    monkeypatch.setattr(lock, "resolve", resolver)
    with pytest.raises(LockError, match=r"^these conflict\. `make lock UPGRADE=1` finds"):
        lock.choose(project(["app"], []), {"library": "4"})


@pytest.mark.parametrize(
    ("stderr", "message"),
    [
        ("ERROR: Ignored the following versions: 1\nERROR: Could not find a version that satisfies "
         "a (from versions: 2, 3)\nERROR: No matching distribution found for a>=9\n",
         "No matching distribution found for a>=9"),
        ("WARNING: x\nERROR: Cannot install a and b because these conflict.\nERROR: "
         "ResolutionImpossible: for help visit a page\n",
         "Cannot install a and b because these conflict."),
        ("", "pip failed without saying why"),
    ],
)  # fmt: skip
def test_of_all_that_pip_says_the_reason_is_told(stderr: str, message: str) -> None:
    assert lock.reason(stderr) == message


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('requires-python = ">=3.11"', 'requires-python = ">=3.20"', "is below requires-python"),
        ('requires-python = ">=3.11"', 'requires-python = "3"', "does not have what is needed"),
        ("[dependency-groups]", "[groups]", "does not have what is needed: 'dependency-groups'"),
        ("apache-beam[gcp]==", "apache-beam[gcp]>=", "does not pin apache-beam"),
    ],
)
def test_a_pyproject_that_cannot_be_locked_is_refused(old: str, new: str, message: str) -> None:
    text = (ROOT / "pyproject.toml").read_text()
    assert old in text
    with pytest.raises(LockError, match=message):
        read_project(text.replace(old, new))


def test_versions_are_written_where_they_stand() -> None:
    beam = project(["apache-beam[gcp]==2.99.0"], [], range(11, 15))
    text = with_versions("Dockerfile", (ROOT / "Dockerfile").read_text(), beam)
    assert "\nARG PYTHON_VERSION=3.14\nARG BEAM_VERSION=2.99.0\n" in text
    assert "/python314-template-launcher-base:flex_" in text
    text = with_versions("cloudbuild.yaml", (ROOT / "cloudbuild.yaml").read_text(), beam)
    assert " name: python:3.14-bookworm\n" in text
    with pytest.raises(LockError, match="Dockerfile has 0 lines"):
        with_versions("Dockerfile", "FROM scratch\n", beam)


def test_only_what_differs_is_written_and_all_or_nothing(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("old")
    (tmp_path / "b").write_text("same")
    assert lock.write_changed(tmp_path, {"a": "new", "b": "same"}) == ["a"]
    assert (tmp_path / "a").read_text() == "new"
    (tmp_path / "b.part").mkdir()
    with pytest.raises(OSError, match=r"b\.part"):
        lock.write_changed(tmp_path, {"a": "newer", "b": "other"})
    assert (tmp_path / "a").read_text() == "new"


@pytest.mark.starts
@pytest.mark.parametrize(
    ("minor", "message"),
    [
        (sys.version_info.minor, r"No matching distribution found for "),
        (99, r"it is made on linux with Python 3\.99, the lowest that is supported; this is "),
    ],
)
def test_a_failure_is_one_sentence_and_changes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, minor: int, message: str
) -> None:
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path))
    for file in FILES:
        shutil.copy(ROOT / file, tmp_path)
    text = (ROOT / "pyproject.toml").read_text()
    for name, version in (("requires-python", f">=3.{minor}"), ("image-python", f"3.{minor}")):
        text = re.sub(rf'(?m)^{name} = ".*"$', f'{name} = "{version}"', text)
    (tmp_path / "pyproject.toml").write_text(text)
    done = subprocess.run([sys.executable, ROOT / "tools" / "lock.py"], cwd=tmp_path,
                          capture_output=True, text=True)  # fmt: skip
    assert done.returncode == 1
    assert re.fullmatch(rf"error: no new lock: .*({message}).*\n", done.stderr)
    for file in FILES[1:]:
        assert (tmp_path / file).read_text() == (ROOT / file).read_text()
    assert not list(tmp_path.glob("*.part"))
