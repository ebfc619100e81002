"""Beam's runner for one machine, whose worker processes keep quiet."""

import functools
import shlex
import threading
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

from apache_beam.portability import python_urns
from apache_beam.runners.portability.fn_api_runner import FnApiRunner

# Beam's name of the thread that starts a worker process and waits for its end.
_WAITS_FOR_WORKER = "run_worker"


class LocalRunner(FnApiRunner):
    """An FnApiRunner whose worker processes write their standard error to a file.

    A worker prints the traceback of every failure; this program says the same in one line. So does
    Beam's thread that waits for a worker process, when that ends with a code of its own: whatever
    of it matters to the run, the run says.

    Args:
        folder: a folder that goes away with the run.
    """

    def __init__(self, folder: str) -> None:
        super().__init__()
        self._file = Path(folder) / "workers.log"
        # For good: a worker process may end after the run has.
        threading.excepthook = functools.partial(self._note, threading.excepthook)

    def run_via_runner_api(self, pipeline_proto: Any, options: Any) -> Any:
        """Runs the pipeline; the environment of worker processes is a command for the shell."""
        for environment in pipeline_proto.components.environments.values():
            if environment.urn == python_urns.SUBPROCESS_SDK:
                environment.payload += f" 2>>{shlex.quote(str(self._file))}".encode()
        return super().run_via_runner_api(pipeline_proto, options)

    def _note(
        self, otherwise: Callable[[threading.ExceptHookArgs], Any], raised: threading.ExceptHookArgs
    ) -> None:
        if raised.thread is None or raised.thread.name != _WAITS_FOR_WORKER:
            otherwise(raised)
            return
        # The folder is gone with the run.
        if self._file.parent.is_dir():
            with self._file.open("a") as file:
                traceback.print_exception(raised.exc_value, file=file)

    def said(self) -> str:
        """What the worker processes wrote, at most its last 10,000 bytes."""
        return self._file.read_bytes()[-10_000:].decode(errors="replace") \
            if self._file.is_file() else ""  # fmt: skip
