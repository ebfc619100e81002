"""Freed memory is kept: the next forward pass takes it without the system's help."""

import platform
import subprocess
import sys

import pytest

PROGRAM = """
import resource, sys, torch
from runinference_metrics.host_memory import keep_freed_memory
if sys.argv[1] == "kept":
    assert keep_freed_memory()

def forward_pass():
    # Three tensors of 20 MB, all gone at the end.
    [torch.empty(20 << 20, dtype=torch.uint8).fill_(1) for _ in range(3)]

for _ in range(3):
    forward_pass()
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(20):
    forward_pass()
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


def faults(how: str) -> int:
    command = [sys.executable, "-c", PROGRAM, how]
    return int(subprocess.run(command, capture_output=True, text=True, check=True).stdout)


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="another C library than glibc")
def test_a_forward_pass_maps_no_memory_anew() -> None:
    # Three times 20 MB are 15,360 pages of 4 KiB, in each of 20 rounds.
    assert faults("kept") < 10_000
    assert faults("as it is") > 20 * 5000


def test_another_c_library_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    from runinference_metrics import host_memory

    monkeypatch.setattr(platform, "libc_ver", lambda: ("", ""))
    assert not host_memory.keep_freed_memory()
