"""What of all that Beam logs is shown to a person."""

import logging
import sys

from runinference_metrics.redaction import RedactingFilter

# What Beam warns of and means nothing to whoever runs this program: that it cannot read its own
# memory, that it does not check a type hint that it has not got, how it cleans up.
_MEANINGLESS = (
    "Resource module is not available for current platform",
    "This output type hint will be ignored",
    "Running cleanup on exit",
)
# Where Beam passes on what a runner says of its job. What matters of it comes back as an error.
_RELAYS = ("read_messages", "log_stdout")


class WorthReading(logging.Filter):
    """Lets through what a person can use."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether a record is shown."""
        if record.funcName in _RELAYS:
            return False
        return not record.getMessage().startswith(_MEANINGLESS)


def configure(on_dataflow: bool) -> None:
    """Sends logs to standard error, without secrets and without what nobody needs.

    Args:
        on_dataflow: whether Dataflow is the runner, whose launcher and service say things that
            nobody else says.
    """
    logging.basicConfig(format="%(levelname)s %(message)s", stream=sys.stderr)
    for handler in logging.getLogger().handlers:
        handler.addFilter(WorthReading())
        handler.addFilter(RedactingFilter())
    logging.getLogger("runinference_metrics").setLevel(logging.WARNING)
    if on_dataflow:
        logging.getLogger().setLevel(logging.WARNING)
        # The job's states, and what the service says of it.
        logging.getLogger("apache_beam.runners.dataflow.dataflow_runner").setLevel(logging.INFO)
    else:
        # Beam warns, on the root logger too, about how it runs itself at every start; and what it
        # logs of a failure comes back to this program as an exception anyway.
        logging.getLogger().setLevel(logging.ERROR)
        logging.getLogger("apache_beam").setLevel(logging.CRITICAL)
