"""Where fetched models lie: a folder a model, filled once, shared by the machine's processes."""

import contextlib
import fcntl
import os
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

from runinference_metrics.environment import CACHE_VARIABLE


def filled(key: str, fill: Callable[[Path], object]) -> Path:
    """The model's folder in the cache; filled now unless a process here already has.

    Args:
        key: its name there, of exactly one content.
        fill: makes the folder, whole or not at all.
    """
    root = Path(os.environ.get(CACHE_VARIABLE) or _default())
    root.mkdir(mode=0o700, parents=True, exist_ok=True)
    folder = root / key
    if not folder.is_dir():
        with _locked(root / f"{key}.lock"):
            # Another process may have come first.
            if not folder.is_dir():
                fill(folder)
    return folder


def _default() -> str:
    return os.path.join(tempfile.gettempdir(), f"runinference_metrics-models-{os.getuid()}")


@contextlib.contextmanager
def _locked(path: Path) -> Iterator[None]:
    """Holds a lock of all processes of this machine; the system frees it when a process dies."""
    with path.open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
