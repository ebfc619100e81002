"""Two stand-ins for a GPU on a machine without one. Neither finds all faults; together, most.

`strict_gpu` computes on the CPU, with kernels that refuse what CUDA's own refuse, and results that
are not there before somebody waits for them: it finds wrong answers, types and edges, and what is
read too early. `fake_gpu` computes nothing, but knows on which device each tensor would be: it
finds tensors on the wrong one, and whatever would wait for the GPU on the way.

Both import the package's modules when they are entered, so that a mutated package can be tried.
"""

import contextlib
import importlib
import importlib.abc
import importlib.machinery
import importlib.util
import linecache
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any
from unittest import mock

import numpy as np
import torch
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.utils._python_dispatch import TorchDispatchMode, _disable_current_modes

PACKAGE = "runinference_metrics"
# An L4's.
CAPABILITY = (8, 9)
_HALF = (torch.float16, torch.bfloat16)
aten = torch.ops.aten
_WAITING = (
    aten._local_scalar_dense, aten.item, aten.is_nonzero, aten.nonzero, aten.equal,
    aten.masked_select,
)  # fmt: skip


def module_of(name: str) -> Any:
    """A module of the package's room `classifier`, as it is now."""
    return importlib.import_module(f"{PACKAGE}.classifier.{name}")


class Queue:
    """What a GPU was given, and does only as far as somebody waits."""

    def __init__(self) -> None:
        self._work: list[Callable[[], object]] = []
        self.done = 0

    def __len__(self) -> int:
        return len(self._work)

    def give(self, work: Callable[[], object]) -> None:
        self._work.append(work)

    def run_until(self, count: int) -> None:
        while self.done < count:
            self._work[self.done]()
            self.done += 1


class Event:
    """As torch.cuda.Event."""

    queue = Queue()

    def __init__(self, enable_timing: bool = False, blocking: bool = False) -> None:
        # Without it a waiting thread keeps a core busy.
        assert blocking
        self._timed = enable_timing
        self._place: Any = None

    def record(self) -> None:
        self.queue.give(lambda: None)
        self._place = len(self.queue)

    def synchronize(self) -> None:
        # One that was not recorded is not waited for, in CUDA too.
        self.queue.run_until(self._place or 0)

    def elapsed_time(self, later: "Event") -> float:
        if not (self._timed and later._timed):
            raise RuntimeError("Both events must be created with argument 'enable_timing=True'.")
        assert None not in (self._place, later._place), "an event was not recorded"
        if max(self._place, later._place) > self.queue.done:
            raise RuntimeError("CUDA error: device not ready")
        return float(later._place - self._place)


def _attention(
    query: torch.Tensor, key: torch.Tensor, value: torch.Tensor,
    of_queries: torch.Tensor, of_keys: torch.Tensor, most_queries: int, most_keys: int,
) -> torch.Tensor:  # fmt: skip
    """Text by text in float32, for [rows, heads, width]."""
    assert int(of_queries[-1]) == len(query)
    assert int(of_keys[-1]) == len(key) == len(value)
    found = torch.empty_like(query)
    edges = zip(
        *((part[:-1].tolist(), part[1:].tolist()) for part in (of_queries, of_keys)),
        strict=True,
    )
    (q_starts, k_starts), (q_ends, k_ends) = edges
    for q0, q1, k0, k1 in zip(q_starts, q_ends, k_starts, k_ends, strict=True):
        # Kernels go no further than they were told that a text goes.
        q1, k1 = min(q1, q0 + most_queries), min(k1, k0 + most_keys)
        q, k, v = (one.float().transpose(0, 1) for one in (query[q0:q1], key[k0:k1], value[k0:k1]))
        weights = (q @ k.transpose(1, 2) * query.shape[-1] ** -0.5).softmax(-1)
        found[q0:q1] = (weights @ v).transpose(0, 1).to(query.dtype)
    return found


def _edges(*edges: torch.Tensor) -> None:
    for one in edges:
        if one.dtype != torch.int32:
            raise RuntimeError("cu_seqlens must have dtype int32")
        if not one.is_contiguous():
            raise RuntimeError("cu_seqlens must be contiguous")


def _flash(
    query: Any, key: Any, value: Any, of_queries: Any, of_keys: Any, most_queries: Any,
    most_keys: Any, dropout: float, causal: bool, debug: bool, **more: Any,
) -> Any:  # fmt: skip
    """PyTorch's conditions: aten/src/ATen/native/transformers/cuda/flash_attn/flash_api.cpp."""
    if module_of("cuda").capability() < (8, 0):
        raise RuntimeError("FlashAttention only supports Ampere GPUs or newer.")
    if query.dtype not in _HALF or {key.dtype, value.dtype} != {query.dtype}:
        raise RuntimeError("FlashAttention only support fp16 and bf16 data type")
    if query.shape[-1] % 8 or query.shape[-1] > 256:
        raise RuntimeError("head_size must be a multiple of 8, and at most 256")
    if any(one.stride(-1) != 1 for one in (query, key, value)):
        raise RuntimeError("Input tensor must have contiguous last dimension")
    _edges(of_queries, of_keys)
    found = _attention(query, key, value, of_queries, of_keys, most_queries, most_keys)
    empty = torch.empty(0)
    return found, empty, empty, empty, empty


def _efficient(
    query: Any, key: Any, value: Any, bias: Any, of_queries: Any, of_keys: Any, most_queries: Any,
    most_keys: Any, dropout: float, mask: int, log_sum: bool = False, **more: Any,
) -> Any:  # fmt: skip
    """PyTorch's conditions: aten/src/ATen/native/transformers/cuda/attention.cu."""
    if query.ndim != 4 or query.shape[0] != 1:
        raise RuntimeError("cu_seqlen only supports batch_size=1")
    if {key.dtype, value.dtype} != {query.dtype}:
        raise RuntimeError("query, key and value must have the same dtype")
    if any(one.stride(-1) != 1 for one in (query, key, value)):
        raise RuntimeError("query must have contiguous last dimension")
    _edges(of_queries, of_keys)
    parts = (one.squeeze(0) for one in (query, key, value))
    found = _attention(*parts, of_queries, of_keys, most_queries, most_keys).unsqueeze(0)
    empty = torch.empty(0)
    return found, empty, empty, empty, most_queries, most_keys


class _NoWaiting(TorchDispatchMode):
    """Refuses what would wait for the GPU: whatever needs values on the host."""

    def __torch_dispatch__(
        self, function: Any, types: Any, arguments: Any = (), more: Any = None
    ) -> Any:
        if function.overloadpacket in _WAITING:
            raise AssertionError(f"{function} waits for the GPU")
        if function.overloadpacket in (aten.index, aten.index_put_):
            # By a mask: how many rows there are must be known on the host.
            for index in arguments[1]:
                assert index is None or index.dtype not in (torch.bool, torch.uint8), function
        return function(*arguments, **(more or {}))


@contextlib.contextmanager
def _kernels() -> Iterator[None]:
    library = torch.library.Library("aten", "IMPL")
    library.impl("_flash_attention_forward", _flash, "CPU")
    library.impl("_efficient_attention_forward", _efficient, "CPU")
    try:
        yield
    finally:
        library._destroy()


@contextlib.contextmanager
def _gpu(device: torch.device, capability: tuple[int, int]) -> Iterator[contextlib.ExitStack]:
    """What both have in common."""
    cuda, devices = module_of("cuda"), module_of("devices")
    switch_interval_secs = sys.getswitchinterval()
    with contextlib.ExitStack() as stack:
        for place, name, value in (
            (cuda, "device", lambda: device),
            (cuda, "capability", lambda: capability),
            (cuda, "free_memory", lambda: None),
            (cuda, "name", lambda: "Stand-in GPU"),
            (cuda, "count", lambda: 1),
            (cuda, "utilization_percent", lambda: 50),
            (cuda, "peak_memory_bytes", lambda: 1_000_000),
            (torch.cuda, "Event", Event),
            (devices, "gpu_problem", lambda: None),
        ):
            stack.enter_context(mock.patch.object(place, name, value))
        stack.callback(sys.setswitchinterval, switch_interval_secs)
        yield stack


@contextlib.contextmanager
def strict_gpu(capability: tuple[int, int] = CAPABILITY) -> Iterator[None]:
    """A GPU that computes, on the CPU."""
    cuda, passes = module_of("cuda"), module_of("passes")
    scores = passes.Passes._scores

    def launching(*arguments: Any) -> Any:
        with _NoWaiting():
            return scores(*arguments)

    def fetched(tensor: torch.Tensor) -> torch.Tensor:
        there = torch.full(tensor.shape, float("nan"), dtype=tensor.dtype)
        Event.queue.give(lambda: there.copy_(tensor))
        return there

    with _kernels(), _gpu(torch.device("cpu"), capability) as stack:
        stack.enter_context(mock.patch.object(cuda, "holds", return_value=True))
        stack.enter_context(mock.patch.object(cuda, "fetched", fetched))
        stack.enter_context(mock.patch.object(passes.Passes, "_scores", launching))
        yield


@contextlib.contextmanager
def fake_gpu(capability: tuple[int, int] = CAPABILITY) -> Iterator[None]:
    """A GPU that knows which tensors are its own, and computes nothing."""
    cuda, loading, linears, attention, scripted = (
        module_of(name) for name in ("cuda", "loading", "linears", "attention_on_gpu", "scripted")
    )
    device = torch.device("cuda", 0)
    safe_open = loading.safe_open

    def upload(array: np.ndarray, to: torch.device) -> torch.Tensor:
        return torch.from_numpy(array).to(to)

    def fetched(tensor: torch.Tensor) -> Any:
        assert tensor.device == device
        return mock.Mock(numpy=lambda: np.zeros(tuple(tensor.shape), np.float32))

    class Stored:
        def __init__(self, file: Path, framework: str, device: str = "cpu") -> None:
            self._stored, self._device = safe_open(file, framework=framework), device

        def __enter__(self) -> Any:
            stored, device = self._stored.__enter__(), self._device

            class Fetching:
                @staticmethod
                def get_tensor(name: str) -> torch.Tensor:
                    with _disable_current_modes():
                        tensor = stored.get_tensor(name)
                    moved: torch.Tensor = mode.from_tensor(tensor).to(device)
                    return moved

            return Fetching()

        def __exit__(self, *problem: Any) -> None:
            self._stored.__exit__(*problem)

    mode = FakeTensorMode(allow_non_fake_inputs=False)
    with _gpu(device, capability) as stack:
        for place, name, value in (
            (cuda, "upload", upload),
            (cuda, "fetched", fetched),
            (loading, "safe_open", Stored),
            # Values are compared, and there are none.
            (linears, "is_close", lambda *_: True),
            (scripted, "is_close", lambda *_: True),
            (attention, "_problem", lambda *_: None),
        ):
            stack.enter_context(mock.patch.object(place, name, value))
        with mode:
            yield


def classify(
    model: Path,
    texts: Sequence[str],
    precision: str = "bfloat16",
    at_once: bool = True,
    **more: Any,
) -> tuple[Any, Any]:
    """The classifier of a stand-in, and what it says of the texts."""
    spec = module_of("classifier").ClassifierSpec(str(model), "GPU", precision, **more)
    classifier = spec.load()
    network = classifier._passes.network
    # Else a fault in the script would show nowhere but in the log.
    assert network.grouping != "packed" or (network._at_once is not None) == at_once
    return classifier, classifier.classify(list(texts))


class _Mutating(importlib.abc.MetaPathFinder):
    """Finds the package's modules, one of them with a fault."""

    def __init__(self, name: str, old: str, new: str) -> None:
        self._name, self._old, self._new = name, old, new

    def find_spec(self, name: str, path: Any, target: ModuleType | None = None) -> Any:
        if name != self._name:
            return None
        spec = importlib.machinery.PathFinder.find_spec(name, path)
        assert spec is not None
        assert spec.origin is not None
        source = Path(spec.origin).read_text()
        assert source.count(self._old) >= 1, f"{name} has no {self._old!r}"
        mutant = source.replace(self._old, self._new)
        # Under a name of its own: what is scripted is read from there once more.
        file = f"<{name} with {self._new!r}>"
        linecache.cache[file] = (len(mutant), None, mutant.splitlines(keepends=True), file)
        code = compile(mutant, file, "exec")

        class Loader(importlib.abc.Loader):
            def exec_module(self, module: ModuleType) -> None:
                exec(code, module.__dict__)

        return importlib.util.spec_from_loader(name, Loader(), origin=spec.origin)


@contextlib.contextmanager
def mutated(module: str, old: str, new: str) -> Iterator[None]:
    """The package with another text in one module of `classifier`; its own is back afterwards."""

    def of_package() -> dict[str, ModuleType]:
        return {
            name: one for name, one in sys.modules.items()
            if name == PACKAGE or name.startswith(f"{PACKAGE}.")
        }  # fmt: skip

    kept = of_package()
    finder = _Mutating(f"{PACKAGE}.classifier.{module}", old, new)
    for name in kept:
        del sys.modules[name]
    sys.meta_path.insert(0, finder)
    try:
        yield
    finally:
        sys.meta_path.remove(finder)
        for name in of_package():
            del sys.modules[name]
        sys.modules.update(kept)
