"""What of all that Beam logs is shown to a person."""

import logging
import sys

from runinference_metrics.redaction import RedactingFilter, redact
from runinference_metrics.running.failures import last_cause

# What Beam warns of and means nothing to whoever runs this program: that it cannot read its own
# memory, that it does not check a type hint that it has not got, how it cleans up, that an image
# could be prepared, as ours is, and the address of a job, which this program says itself.
_MEANINGLESS = (
    "Resource module is not available for current platform",
    "This output type hint will be ignored",
    "Running cleanup on exit",
    "Pipeline has additional dependencies to be installed in SDK worker container",
    "Console URL: ",
)
# Where Beam passes on what a runner says of its job. What matters of it comes back as an error.
_RELAYS = ("read_messages", "log_stdout")
# Where Beam says what Dataflow says of a job.
_SERVICE = "apache_beam.runners.dataflow.dataflow_runner"
_TRACEBACK = "Traceback (most recent call last):"
# How Beam goes on when it tries something again, after a line that says what and why.
_RETRY_TRACEBACK = "Traceback for above exception (most recent call last):"


class WorthReading(logging.Filter):
    """Lets through what a person can use; of what a service says of its workers, a line each."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether a record is shown; a traceback in it is cut to its cause."""
        said = record.getMessage()
        if record.name == _SERVICE and _TRACEBACK in said:
            record.msg, record.args = said.partition(_TRACEBACK)[0] + last_cause(said), ()
        elif _RETRY_TRACEBACK in said:
            record.msg, record.args = said.partition(_RETRY_TRACEBACK)[0].rstrip(), ()
        return record.funcName not in _RELAYS and not said.startswith(_MEANINGLESS)


def configure(on_dataflow: bool) -> None:
    """Sends logs to standard error, without secrets and without what nobody needs.

    Args:
        on_dataflow: whether Dataflow is the runner, whose launcher and service say things that
            nobody else says.
    """
    logging.basicConfig(stream=sys.stderr)
    for handler in logging.getLogger().handlers:
        # Beam, when it is imported, may have been here before.
        if isinstance(handler, logging.StreamHandler) and handler.stream is sys.stderr:
            handler.setFormatter(logging.Formatter("%(levelname)s %(message)s"))
        handler.addFilter(WorthReading())
        handler.addFilter(RedactingFilter())
    logging.getLogger("runinference_metrics").setLevel(logging.WARNING)
    if on_dataflow:
        logging.getLogger().setLevel(logging.WARNING)
        # The job's states, and what the service says of it; and what was chosen for the workers.
        logging.getLogger(_SERVICE).setLevel(logging.INFO)
        logging.getLogger("runinference_metrics.dataflow").setLevel(logging.INFO)
    else:
        # Beam warns, on the root logger too, about how it runs itself at every start; and what it
        # logs of a failure comes back to this program as an exception anyway.
        logging.getLogger().setLevel(logging.ERROR)
        logging.getLogger("apache_beam").setLevel(logging.CRITICAL)


def say(line: str) -> None:
    """A line for whoever waits, beside what is logged."""
    print(redact(line), file=sys.stderr)
