"""Whether the job server of a portable runner is there."""

import socket
import time

from apache_beam.options.pipeline_options import PipelineOptions, PortableOptions

from runinference_metrics.errors import UserError, one_line

# Enough for a server that is started at the same time; Beam itself would wait for five minutes.
_PATIENCE_SECS = 30.0
_PAUSE_SECS = 0.5


def check(options: PipelineOptions) -> None:
    """Raises UserError when nobody listens at --job_endpoint."""
    portable = options.view_as(PortableOptions)
    if portable.job_endpoint in (None, "embed"):
        return
    host, _, port = portable.job_endpoint.rpartition(":")
    deadline = time.monotonic() + min(_PATIENCE_SECS, portable.job_server_timeout)
    while True:
        try:
            socket.create_connection((host.strip("[]"), int(port)), timeout=_PATIENCE_SECS).close()
            return
        except OSError as error:
            if time.monotonic() > deadline:
                takes = "the host:port of a job server that has been started"
                got = f"{portable.job_endpoint!r}: {one_line(error)}"
                raise UserError("job_endpoint", takes, got) from error
        time.sleep(_PAUSE_SECS)
