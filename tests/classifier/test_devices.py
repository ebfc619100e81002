"""What is chosen for a device."""

import platform
import warnings
from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from documents_for_tests import SCHEMA
from runinference_metrics.classifier import devices, driver
from runinference_metrics.classifier.token_budgets import AUTO_BATCH_TOKENS
from runinference_metrics.errors import UserError
from runinference_metrics.options.accelerators import ACCELERATORS
from runinference_metrics.options.command_line import AUTO_BATCH_SIZES
from runinference_metrics.records import processor

# What torch.cuda.get_arch_list() says in PyTorch's wheels of 2.13 (its RELEASE.md).
CUDA13 = ["sm_75", "sm_80", "sm_86", "sm_90", "sm_100", "sm_120"]
CUDA126 = ["sm_50", "sm_60", "sm_70", "sm_75", "sm_80", "sm_86", "sm_90"]
CAPABILITIES = st.tuples(st.integers(5, 13), st.integers(0, 9))


def build(monkeypatch: pytest.MonkeyPatch, cuda: str | None, kinds: list[str]) -> None:
    """Makes this torch one with that CUDA."""
    monkeypatch.setattr(torch.version, "cuda", cuda)
    monkeypatch.setattr(torch.cuda, "get_arch_list", lambda: kinds)


def gpu(monkeypatch: pytest.MonkeyPatch, capability: tuple[int, int] | None) -> None:
    """Gives this machine a GPU, or takes it away."""
    monkeypatch.setattr(torch.cuda, "is_available", lambda: capability is not None)
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda: capability)


X86 = {
    "architecture": "x86_64", "avx2": True, "fma3": True, "avx512_f": True, "avx512_vl": True,
    "avx512_bw": True, "avx512_dq": True, "avx512_vnni": True, "avx512_bf16": True,
    "amx_tile": True, "amx_bf16": True, "amx_int8": True, "amx_fp16": False,
}  # fmt: skip
ARM = {"architecture": "arm64", "neon": True, "fp16_arith": True, "dot": True, "sve_bf16": False}


@pytest.mark.parametrize(
    ("capabilities", "expected", "precision"),
    [
        (X86, ("avx2", "avx512", "avx512_vnni", "avx512_bf16", "amx_bf16", "amx_int8"), "bfloat16"),
        (X86 | {"avx512_bf16": False, "amx_int8": False},
         ("avx2", "avx512", "avx512_vnni", "amx_bf16"), "bfloat16"),
        # Of AVX-512 some parts alone are not what is called so.
        ({"avx2": True, "avx512_f": True, "avx512_cd": True}, ("avx2",), "float32"),
        # C4A's and T2A's processors.
        (ARM | {"bf16": True, "i8mm": True}, ("neon_bf16", "neon_i8mm"), "bfloat16"),
        (ARM | {"bf16": False, "i8mm": False}, (), "float32"),
        ({"architecture": "riscv64"}, (), "float32"),
    ],
)  # fmt: skip
def test_the_instruction_sets_that_count(
    monkeypatch: pytest.MonkeyPatch, capabilities: dict[str, object], expected: tuple[str, ...],
    precision: str,
) -> None:  # fmt: skip
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: capabilities)
    assert devices.instruction_sets("CPU") == expected
    assert devices.instruction_sets("GPU") == ()
    assert devices.auto_precision("CPU") == precision


@pytest.mark.skipif(platform.machine() != "x86_64", reason="Linux names those of Arm otherwise")
def test_the_kernel_names_the_same() -> None:
    (flags, *_) = (
        set(line.partition(":")[2].split())
        for line in Path("/proc/cpuinfo").read_text().splitlines()
        if line.startswith("flags")
    )
    linuxs = {one: one for one in processor.INSTRUCTION_SETS} | {"avx512": "avx512vl"}
    assert devices.instruction_sets("CPU") == tuple(
        name for name in processor.INSTRUCTION_SETS if linuxs[name] in flags
    )


def test_every_instruction_set_has_a_name_in_torch_and_in_the_schema() -> None:
    assert tuple(devices._TORCHS_NAMES) == processor.INSTRUCTION_SETS
    run = SCHEMA["properties"]["run"]["properties"]["effective"]["items"]["properties"]
    assert tuple(run["instruction_sets"]["items"]["enum"]) == processor.INSTRUCTION_SETS
    assert set(processor.INSTRUCTION_SETS) >= processor.BFLOAT16


@pytest.mark.parametrize(
    ("capability", "expected"),
    [((6, 0), "float16"), ((6, 1), "float32"), ((7, 0), "float16"), ((7, 5), "float16"),
     ((8, 0), "bfloat16"), ((12, 0), "bfloat16")],
)  # fmt: skip
def test_auto_precision_on_a_gpu(
    monkeypatch: pytest.MonkeyPatch, capability: tuple[int, int], expected: str
) -> None:
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda: capability)
    assert devices.auto_precision("GPU") == expected


def test_every_precision_has_a_budget_on_every_device() -> None:
    expected = {(device, one) for device in AUTO_BATCH_SIZES for one in devices.DTYPES}
    assert set(AUTO_BATCH_TOKENS) == expected - {("GPU", devices.INT8)}


@pytest.mark.parametrize(
    ("cuda", "kinds", "unusable"),
    [
        ("13.0", CUDA13, {"nvidia-tesla-v100", "nvidia-tesla-p100", "nvidia-tesla-p4"}),
        ("12.6", CUDA126, {"nvidia-rtx-pro-6000"}),
    ],
)
def test_which_gpu_an_image_has_code_for(
    monkeypatch: pytest.MonkeyPatch, cuda: str, kinds: list[str], unusable: set[str]
) -> None:
    build(monkeypatch, cuda, kinds)
    problems = {name: devices.code_problem(one.capability) for name, one in ACCELERATORS.items()}
    assert {name for name, problem in problems.items() if problem} == unusable
    for name in unusable:
        asked = "{}.{}".format(*ACCELERATORS[name].capability)
        assert f"has no code for compute capability {asked}, only {kinds[0]}" in problems[name]
        assert "FLAVOUR=cuda126" in problems[name]
        # On the worker the same.
        gpu(monkeypatch, ACCELERATORS[name].capability)
        assert devices.gpu_problem() == problems[name]
        with pytest.raises(UserError, match="--device takes GPU only where one is usable"):
            devices.check_device("GPU")
    gpu(monkeypatch, ACCELERATORS["nvidia-l4"].capability)
    assert devices.gpu_problem() is None
    # A build that does not say what it has is believed.
    build(monkeypatch, cuda, [])
    assert devices.code_problem((6, 0)) is None


def test_a_build_without_cuda_has_code_for_none(monkeypatch: pytest.MonkeyPatch) -> None:
    build(monkeypatch, None, [])
    gpu(monkeypatch, None)
    for problem in (devices.gpu_problem(), devices.code_problem((8, 9)),
                    devices.code_problem(None)):  # fmt: skip
        assert problem == f"no GPU support: torch {torch.__version__} is built without CUDA"


@given(code=CAPABILITIES, device=CAPABILITIES)
def test_which_code_runs_on_which_device(code: tuple[int, int], device: tuple[int, int]) -> None:
    name = "{}{}".format(*code)
    assert devices._runs_on(f"compute_{name}", device) == (device >= code)
    assert devices._runs_on(f"sm_{name}a", device) == (device == code)
    same_major = device >= code and device[0] == code[0]
    assert devices._runs_on(f"sm_{name}", device) == same_major
    assert devices._runs_on(f"sm_{name}f", device) == same_major


@pytest.mark.parametrize("kind", sorted({*CUDA13, *CUDA126}))
def test_torch_warns_by_the_same_rule(kind: str) -> None:
    # Its own function besides knows of Jetson boards, which are in no cloud.
    for one in ACCELERATORS.values():
        device = 10 * one.capability[0] + one.capability[1]
        code = torch.cuda._extract_arch_version(kind)
        theirs = torch.cuda._code_compatible_with_device(device, code)
        assert devices._runs_on(kind, one.capability) == theirs, one.name


@given(st.text())
def test_a_kind_of_code_that_nobody_knows_runs_nowhere(kind: str) -> None:
    assert devices._runs_on(kind, (8, 9)) in (False, kind.startswith(("sm_", "compute_")))


@pytest.fixture
def said(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """The file in which the driver says its version; not there at first."""
    file = tmp_path / "version"
    monkeypatch.setattr(driver, "VERSION_FILE", file)
    gpu(monkeypatch, None)
    return file


def test_a_missing_driver(monkeypatch: pytest.MonkeyPatch, said: Path) -> None:
    build(monkeypatch, "13.0", CUDA13)
    problem = devices.gpu_problem() or ""
    assert "(CUDA 13.0) needs NVIDIA driver 580.65.06 or newer, and none is here" in problem
    assert "install-nvidia-driver" in problem


@pytest.mark.parametrize(
    ("cuda", "kinds", "version", "needed", "flavour"),
    [
        ("13.0", CUDA13, "535.216.01", "580.65.06", True),
        ("13.2", CUDA13, "580.12", "580.65.06", True),
        ("12.6", CUDA126, "470.256.02", "525.60.13", False),
    ],
)
def test_a_driver_that_is_too_old(
    monkeypatch: pytest.MonkeyPatch, said: Path, cuda: str, kinds: list[str], version: str,
    needed: str, flavour: bool,
) -> None:  # fmt: skip
    build(monkeypatch, cuda, kinds)
    said.write_text(f"NVRM version: NVIDIA UNIX x86_64 Kernel Module  {version}  Wed Oct 23\n")
    problem = devices.gpu_problem() or ""
    assert f"needs NVIDIA driver {needed} or newer, and {version} is here" in problem
    assert "install-nvidia-driver:latest" in problem
    assert ("FLAVOUR=cuda126 (driver 525.60.13 or newer)" in problem) == flavour
    with pytest.raises(UserError) as caught:
        devices.check_device("GPU")
    assert problem in str(caught.value)
    devices.check_device("CPU")


@pytest.mark.parametrize(
    ("content", "version"),
    [("NVRM version: x 580.65.06 y\n", "580.65.06"), ("", "an unknown one"), ("a\n1.2\n", "an un")],
)
def test_a_driver_that_cannot_be_blamed(
    monkeypatch: pytest.MonkeyPatch, said: Path, content: str, version: str
) -> None:
    build(monkeypatch, "13.0", CUDA13)
    monkeypatch.setenv("LD_LIBRARY_PATH", "/elsewhere")
    said.write_text(content)
    problem = devices.gpu_problem() or ""
    assert f"or newer, {version}" in problem
    assert "finds no GPU all the same" in problem
    assert "LD_LIBRARY_PATH='/elsewhere'" in problem


def test_what_torch_warns_of_is_not_said_twice(
    monkeypatch: pytest.MonkeyPatch, said: Path, recwarn: pytest.WarningsRecorder
) -> None:
    build(monkeypatch, "13.0", CUDA13)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: bool(warnings.warn("too old")))  # noqa: B028
    assert devices.gpu_problem()
    assert len(recwarn) == 0


@given(
    st.lists(st.integers(0, 999), min_size=2, max_size=4),
    st.lists(st.integers(0, 999), min_size=2, max_size=4),
)
def test_drivers_are_compared_by_number(left: list[int], right: list[int]) -> None:
    one, other = (".".join(map(str, version)) for version in (left, right))
    assert driver.is_older(one, other) == (left < right)
    assert not driver.is_older("an unknown one", other)
    assert driver.branch(one) == str(left[0])


@pytest.mark.parametrize(
    ("cuda", "needed"),
    [("12.0", "525.60.13"), ("12.6", "525.60.13"), ("13.0", "580.65.06"), ("13.2", "580.65.06")],
)
def test_the_driver_that_a_cuda_needs(cuda: str, needed: str) -> None:
    assert driver.needed_driver(cuda) == needed


def test_a_cuda_that_is_not_in_the_table_stops_a_build() -> None:
    with pytest.raises(KeyError):
        driver.needed_driver("14.0")
