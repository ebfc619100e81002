"""The model once more in float32, for texts whose scores float16 cannot hold."""

import logging
import threading
from collections.abc import Callable

from runinference_metrics.classifier.passes import Passes
from runinference_metrics.recovery.memory import may_be_out_of_memory

_LOG = logging.getLogger(__name__)


class Second:
    """Passes in float32, made when they are first needed.

    Args:
        load: makes them; takes seconds, and as much memory as twice the model.
    """

    def __init__(self, load: Callable[[], Passes]) -> None:
        self._load = load
        self._lock = threading.Lock()
        self._loaded: Passes | None = None
        self._fits = True

    def passes(self) -> Passes | None:
        """The passes; None where the device has no memory for them."""
        with self._lock:
            if self._loaded is None and self._fits:
                _LOG.warning("Scores overflow in float16: such texts are computed in float32 too.")
                try:
                    self._loaded = self._load()
                except Exception as error:
                    if not may_be_out_of_memory(error):
                        raise
                    self._fits = False
                    _LOG.warning("There is no memory for the model in float32 besides: %s", error)
            return self._loaded
