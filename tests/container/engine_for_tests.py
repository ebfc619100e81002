"""The real Dockerfile, built by podman against stand-ins for the images that it starts from."""

import importlib.metadata
import os
import shutil
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import pytest

from conftest import ROOT, engine_path

STANDINS = Path(__file__).parent / "standins"
# Layers and images; kept between runs of the tests, so that a second run builds in seconds.
STORE = ROOT / "build" / "containers"
NEEDED = ("podman", "runc", "mmdebstrap")
PYTHON_VERSION = f"{sys.version_info.major}.{sys.version_info.minor}"
BEAM_VERSION = importlib.metadata.version("apache-beam")
SHORT = PYTHON_VERSION.replace(".", "")
BASE = f"localhost/standin/base:python{PYTHON_VERSION}"
SDK = f"localhost/standin/beam_python{PYTHON_VERSION}_sdk:{BEAM_VERSION}"
LAUNCHER = f"localhost/standin/python{SHORT}-template-launcher-base:tests"
IMAGE = "localhost/runinference-metrics:tests"
# What podman needs where it runs as root inside a container or a small machine itself.
CONTAINERS_CONF = """[containers]
default_ulimits = ["nofile=16384:16384", "nproc=16384:16384"]
netns = "host"
[engine]
runtime = "runc"
cgroup_manager = "cgroupfs"
events_logger = "file"
"""


@dataclass(frozen=True)
class Engine:
    """podman with a store of its own.

    Args:
        store: where layers and images lie.
        config: its containers.conf.
    """

    store: Path
    config: Path

    @property
    def command(self) -> list[str]:
        return ["podman", f"--root={self.store}/storage", f"--runroot={self.store}/run"]

    @property
    def environment(self) -> dict[str, str]:
        return {**os.environ, "CONTAINERS_CONF": str(self.config), "TMPDIR": str(self.store)}

    def __call__(
        self, *arguments: str, timeout: int = 120, check: bool = True
    ) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            [*self.command, *arguments],
            capture_output=True, text=True, timeout=timeout, env=self.environment,
        )  # fmt: skip
        if check:
            assert done.returncode == 0, (done.stdout + done.stderr)[-6000:]
        return done

    def has(self, image: str) -> bool:
        return self("image", "exists", image, check=False).returncode == 0

    def run(
        self, *arguments: str, options: tuple[str, ...] = (), image: str = IMAGE, check: bool = True
    ) -> subprocess.CompletedProcess[str]:
        """Runs the image as untrusting users do: no network, nothing to write to but /tmp."""
        hard = ("--network=none", "--read-only", "--tmpfs=/tmp")
        return self("run", "--rm", "--pull=never", *hard, *options, image, *arguments,
                    check=check)  # fmt: skip


@pytest.fixture(scope="session")
def engine() -> Engine:
    missing = [name for name in NEEDED if shutil.which(name) is None]
    if missing:
        reason = f"{', '.join(missing)} not installed: apt-get install {' '.join(NEEDED)}"
        if os.environ.get("CI"):
            pytest.fail(reason)
        pytest.skip(reason)
    STORE.mkdir(parents=True, exist_ok=True)
    config = STORE / "containers.conf"
    config.write_text(CONTAINERS_CONF)
    return Engine(STORE, config)


@pytest.fixture(scope="session")
def standins(engine: Engine) -> None:
    if not engine.has(BASE):
        _make_base(engine)
    engine("build", f"--tag={LAUNCHER}", f"--file={STANDINS}/Dockerfile.launcher", str(STANDINS))
    folder = engine.store / "beam"
    folder.mkdir(exist_ok=True)
    shutil.copy(engine_path("BEAM_BOOT") or STANDINS / "boot", folder / "boot")
    engine("build", f"--tag={SDK}", f"--file={STANDINS}/Dockerfile.beam", str(folder))


def _make_base(engine: Engine) -> None:
    """A small Debian with Python, from the package sources of this machine."""
    listed = sorted(Path("/etc/apt").glob("sources.list.d/*"))
    sources = [Path("/etc/apt/sources.list"), *listed]
    # As apt itself: what ends in anything else is switched off.
    texts = [one.read_text() for one in sources
             if one.is_file() and one.suffix in (".list", ".sources")]  # fmt: skip
    release = subprocess.run(
        ["sh", "-c", '. /etc/os-release && echo "$VERSION_CODENAME"'],
        capture_output=True, text=True, check=True,
    ).stdout.strip()  # fmt: skip
    authorities = "/etc/ssl/certs/ca-certificates.crt"
    archive = engine.store / "base.tar"
    subprocess.run(
        [
            "mmdebstrap", "--variant=minbase", "--mode=root",
            "--include=ca-certificates,python3,python3-venv",
            # A machine behind a proxy trusts more than Debian does.
            f"--customize-hook=copy-in {authorities} /etc/ssl/certs/",
            release, str(archive), "-",
        ],
        input="\n".join(texts), text=True, check=True, capture_output=True, timeout=300,
    )  # fmt: skip
    engine("import", str(archive), BASE)
    archive.unlink()


def pip_settings(engine: Engine) -> tuple[str, ...]:
    """The options that make pip in the build find what pip on this machine finds."""
    shown = subprocess.run(
        [sys.executable, "-m", "pip", "config", "list"], capture_output=True, text=True, check=True
    ).stdout
    settings = {}
    for line in shown.splitlines():
        name, _, value = line.partition("=")
        settings[name.rpartition(".")[2]] = value.strip("'")
    wanted = ("index-url", "extra-index-url", "find-links", "trusted-host", "cert")
    lines = [f"{name} = {settings[name]}" for name in wanted if name in settings]
    secret = engine.store / "pip.conf"
    secret.write_text("\n".join(["[global]", *lines]) + "\n")
    mounts = []
    for name in ("find-links", "index-url", "extra-index-url"):
        for word in settings.get(name, "").replace("\\n", " ").split():
            folder = Path(word.removeprefix("file://"))
            # The pages of an index link to files beside it.
            folder = folder if name == "find-links" else folder.parent
            if folder.is_dir():
                mounts.append(f"--volume={folder}:{folder}:ro")
    return (f"--secret=id=pip,src={secret}", *mounts)


def build(engine: Engine, *options: str, check: bool = True) -> subprocess.CompletedProcess[str]:
    """Builds the project's own Dockerfile; later options win."""
    return engine(
        "build", "--pull=never", "--network=host", *pip_settings(engine),
        f"--build-arg=BASE_IMAGE={BASE}", f"--build-arg=PYTHON_VERSION={PYTHON_VERSION}",
        f"--build-arg=BEAM_SDK_IMAGE={SDK}", f"--build-arg=LAUNCHER_IMAGE={LAUNCHER}",
        "--build-arg=FLAVOUR=cpu", "--build-arg=MODEL_SOURCE=folder",
        f"--build-arg=IMAGE={IMAGE}", f"--tag={IMAGE}", "--layers", *options, str(ROOT),
        timeout=900, check=check,
    )  # fmt: skip


@pytest.fixture(scope="session")
def image(engine: Engine, standins: None) -> str:
    started = time.monotonic()
    done = build(engine)
    print(f"{done.stdout[-3000:]}\nbuilt in {time.monotonic() - started:.0f} s")
    return IMAGE
