"""Beam's runner for one machine, whose worker processes keep quiet."""

import shlex
from pathlib import Path
from typing import Any

from apache_beam.portability import python_urns
from apache_beam.runners.portability.fn_api_runner import FnApiRunner


class LocalRunner(FnApiRunner):
    """An FnApiRunner whose worker processes write their standard error to a file.

    A worker prints the traceback of every failure; this program says the same in one line.

    Args:
        folder: a folder that goes away with the run.
    """

    def __init__(self, folder: str) -> None:
        super().__init__()
        self._file = Path(folder) / "workers.log"

    def run_via_runner_api(self, pipeline_proto: Any, options: Any) -> Any:
        """Runs the pipeline; the environment of worker processes is a command for the shell."""
        for environment in pipeline_proto.components.environments.values():
            if environment.urn == python_urns.SUBPROCESS_SDK:
                environment.payload += f" 2>>{shlex.quote(str(self._file))}".encode()
        return super().run_via_runner_api(pipeline_proto, options)

    def said(self) -> str:
        """What the worker processes wrote, at most its last 10,000 bytes."""
        return self._file.read_bytes()[-10_000:].decode(errors="replace") \
            if self._file.is_file() else ""  # fmt: skip
