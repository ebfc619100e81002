"""How busy the GPU is, asked now and then."""

import logging
import threading
import time
from typing import Any

from runinference_metrics.classifier import cuda
from runinference_metrics.records.measured import GpuSample

_LOG = logging.getLogger(__name__)

# The driver averages over a sixth of a second to a second (nvmlDeviceGetUtilizationRates).
_SAMPLE_EVERY_SECS = 1.0


class GpuMonitor:
    """Samples the GPU that this process uses.

    Args:
        clock: a clock with `monotonic`, for tests.
    """

    def __init__(self, clock: Any = time) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._next_secs: float | None = clock.monotonic()

    def sample(self) -> GpuSample | None:
        """The GPU as it is now; None when it was asked a moment ago, or cannot be asked at all."""
        with self._lock:
            now = self._clock.monotonic()
            if self._next_secs is None or now < self._next_secs:
                return None
            self._next_secs = now + _SAMPLE_EVERY_SECS
            try:
                return GpuSample(cuda.utilization_percent(), cuda.peak_memory_bytes())
            except Exception as error:
                # A figure of a report must not end the work.
                _LOG.warning("The GPU's utilisation is not known here: %s", error)
                self._next_secs = None
                return None
