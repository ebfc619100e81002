"""What of Beam's logs a person gets to see."""

import logging

import pytest
from apache_beam.utils import retry

from runinference_metrics.running.logs import WorthReading


def test_what_beam_tries_again_is_told_without_a_traceback(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """As of a bucket that is busy when a job's files are staged."""
    calls = []

    @retry.with_exponential_backoff(num_retries=2, initial_delay_secs=0.001)
    def staged() -> None:
        calls.append(True)
        if len(calls) < 2:
            raise OSError("503 Service Unavailable")

    caplog.handler.addFilter(WorthReading())
    # A run in this process may have made Beam quieter before.
    with caplog.at_level(logging.WARNING), caplog.at_level(logging.WARNING, "apache_beam"):
        staged()
    (said,) = caplog.messages
    assert said.startswith("Retry with exponential backoff: waiting for ")
    assert said.endswith("OSError: 503 Service Unavailable")
