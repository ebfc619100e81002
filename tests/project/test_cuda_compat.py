"""The entrypoint and the driver of the machine: run here, with a made root folder."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from conftest import ROOT
from runinference_metrics.classifier import driver

# As the two kinds of NVIDIA's kernel module say it.
CLOSED = (
    "NVRM version: NVIDIA UNIX x86_64 Kernel Module  {}  Wed Oct 23 01:03:00 UTC 2024\n"
    "GCC version:  gcc version 12.2.0 (Debian 12.2.0-14)\n"
)
OPEN = (
    "NVRM version: NVIDIA UNIX Open Kernel Module for x86_64  {}  Release Build  "
    "(dvs-builder@U22-I3-B17-02-5)  Sun Jul 27 07:12:07 UTC 2025\n"
    "GCC version:  gcc version 13.3.0 (Ubuntu 13.3.0-6ubuntu2~24.04)\n"
)
# Stands in for python and boot: says with which libraries and arguments it was started.
PROGRAM = '#!/bin/sh\necho "${LD_LIBRARY_PATH-unset}"\necho "$@"\n'
MOUNTED, COMPAT = "usr/local/nvidia/lib64", "usr/local/cuda-13.0/compat"


class Machine:
    """A made root directory, and the entrypoint as it lies in the image."""

    def __init__(self, folder: Path) -> None:
        self.root = folder / "root"
        self.root.mkdir()
        self.opt = folder / "opt"
        self.opt.mkdir()
        for name in ("entrypoint", "cuda_compat"):
            shutil.copy(ROOT / "container" / name, self.opt / name)
        python = folder / "bin" / "python"
        python.parent.mkdir()
        python.write_text(PROGRAM)
        python.chmod(0o755)
        self.path = f"{python.parent}:{os.environ['PATH']}"

    def has(self, file: str, content: str = "") -> str:
        path = self.root / file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
        return str(path.parent)

    def has_driver(self, version: str, form: str = CLOSED) -> None:
        self.has("proc/driver/nvidia/version", form.format(version))

    def needs(self, branch: str) -> None:
        (self.opt / "needed_driver").write_text(f"{branch}\n")

    def start(self, libraries: str | None = None, *arguments: str) -> tuple[str, list[str]]:
        """The program's LD_LIBRARY_PATH, and the lines on standard error."""
        environment = {"PATH": self.path, "RUNINFERENCE_METRICS_ROOT": str(self.root)}
        if libraries is not None:
            environment["LD_LIBRARY_PATH"] = libraries
        done = subprocess.run(
            [self.opt / "entrypoint", "run", *arguments],
            env=environment, capture_output=True, text=True, timeout=20,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        seen, called = done.stdout.splitlines()
        assert called == " ".join(("-m runinference_metrics run", *arguments))
        return seen, done.stderr.splitlines()


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    made = Machine(tmp_path)
    made.needs("580")
    return made


@pytest.mark.parametrize("libraries", [None, "/usr/local/nvidia/lib64", "/a:/b"])
def test_without_a_driver_nothing_changes(machine: Machine, libraries: str | None) -> None:
    machine.has(f"{COMPAT}/libcuda.so.1")
    assert machine.start(libraries, "--input=a b") == (libraries or "unset", [])


@pytest.mark.parametrize("form", [CLOSED, OPEN])
@pytest.mark.parametrize("version", ["535.216.01", "570.86.15", "579.999"])
def test_an_older_driver_gets_cudas_own_libraries(
    machine: Machine, form: str, version: str
) -> None:
    machine.has_driver(version, form)
    mounted = machine.has(f"{MOUNTED}/libcuda.so.1")
    compat = machine.has(f"{COMPAT}/libcuda.so.1")
    expected = [f"NVIDIA driver {version}; CUDA needs R580 or newer: using its "
                f"forward-compatibility libraries in {compat}"]  # fmt: skip
    assert machine.start() == (f"{compat}:{mounted}", expected)
    # As NVIDIA's images set it.
    assert machine.start(f"/x:{mounted}") == (f"{compat}:/x:{mounted}", expected)


@pytest.mark.parametrize("form", [CLOSED, OPEN])
@pytest.mark.parametrize("version", ["580.65.06", "580.105", "595.1.2", "1000.1"])
def test_a_new_driver_is_left_alone(machine: Machine, form: str, version: str) -> None:
    machine.has_driver(version, form)
    machine.has(f"{COMPAT}/libcuda.so.1")
    expected = [f"NVIDIA driver {version}; CUDA needs R580 or newer"]
    assert machine.start("/a") == ("/a", expected)
    mounted = machine.has(f"{MOUNTED}/libcuda.so.1")
    assert machine.start("/a") == (f"{mounted}:/a", expected)
    assert machine.start(f"{mounted}:/a") == (f"{mounted}:/a", expected)


def test_the_link_to_the_image_s_cuda_comes_first(machine: Machine) -> None:
    machine.has_driver("535.1")
    machine.has(f"{COMPAT}/libcuda.so.1")
    (machine.root / "usr/local/cuda").symlink_to("cuda-13.0")
    assert machine.start()[0] == f"{machine.root}/usr/local/cuda/compat"


def test_an_older_driver_without_such_libraries_is_said(machine: Machine) -> None:
    machine.has_driver("535.216.01")
    # A folder without the library, as another image may have it.
    machine.has(f"{COMPAT}/README")
    assert machine.start("/a") == (
        "/a",
        ["NVIDIA driver 535.216.01; CUDA needs R580 or newer, and this image has no "
         "forward-compatibility libraries"],
    )  # fmt: skip


@pytest.mark.parametrize("needed", ["", None])
def test_an_image_without_cuda_says_so(machine: Machine, needed: str | None) -> None:
    machine.has_driver("535.216.01")
    machine.has(f"{COMPAT}/libcuda.so.1")
    if needed is None:
        (machine.opt / "needed_driver").unlink()
    else:
        machine.needs(needed)
    said = ["NVIDIA driver 535.216.01; this image is built without CUDA"]
    assert machine.start() == ("unset", said)


@pytest.mark.parametrize(
    "content", ["", "\n", "no numbers here", "* 12 .5 5. 1..2 a1.2\n580.65.06"]
)
def test_a_driver_that_says_nothing_is_left_alone(machine: Machine, content: str) -> None:
    machine.has("proc/driver/nvidia/version", content)
    machine.has(f"{COMPAT}/libcuda.so.1")
    said = ["NVIDIA driver of an unknown version; CUDA needs R580 or newer"]
    assert machine.start() == ("unset", said)


@pytest.mark.parametrize("form", [CLOSED, OPEN])
def test_program_and_entrypoint_read_the_same(
    machine: Machine, form: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    machine.has_driver("535.216.01", form)
    monkeypatch.setattr(driver, "VERSION_FILE", machine.root / "proc/driver/nvidia/version")
    (said,) = machine.start()[1]
    assert said.startswith(f"NVIDIA driver {driver.driver_here()}; ")
