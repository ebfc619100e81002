"""Freed memory is kept: the next forward pass takes it without the system's help."""

import platform
import subprocess
import sys
from pathlib import Path

import pytest

from runinference_metrics.classifier import classifier, host_memory

# What a layer of DistilBERT's width takes for up to 2,048 tokens, no two the same, and frees again.
# The forward passes of a whole model are too much arithmetic for the little that is to be seen.
PROGRAM = """
import random, resource, sys
import torch
from runinference_metrics.classifier import host_memory

if sys.argv[1] == "kept":
    assert host_memory.keep_freed_memory()
rng = random.Random(1)

def layers(count):
    for _ in range(count):
        tokens = rng.randint(100, 2048)
        hidden = torch.ones(tokens, 768)
        wide = torch.ones(tokens, 3072)
        out = hidden + torch.ones(tokens, 768)

layers(40)
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
layers(40)
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


def page_faults(how: str) -> int:
    """How often the system had to map a page, with freed memory "kept" or "given back"."""
    command = [sys.executable, "-c", PROGRAM, how]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return int(done.stdout)


@pytest.mark.starts
@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="another C library than glibc")
def test_tensors_map_little_memory_anew() -> None:
    # 282 to 5,676 were seen, against 10,327 to 57,345: where the system has huge pages to give, it
    # maps more at once.
    kept, given_back = ([page_faults(how) for _ in range(3)] for how in ("kept", "given back"))
    assert min(kept) < max(given_back) / 2


def test_a_classifier_on_a_cpu_keeps_freed_memory(
    distilbert: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []
    monkeypatch.setattr(classifier, "keep_freed_memory", lambda: asked.append(True))
    classifier.ClassifierSpec(str(distilbert)).load()
    assert asked == [True]


def test_another_c_library_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(platform, "libc_ver", lambda: ("", ""))
    assert not host_memory.keep_freed_memory()
