"""What went wrong with a batch on the way to its result."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Faults:
    """What went wrong, and was overcome.

    Args:
        failed_batches: 1 when the first try failed.
        reclassifications: calls of the classifier beyond the first.
        timeouts: calls that timed out.
    """

    failed_batches: int = 0
    reclassifications: int = 0
    timeouts: int = 0


NO_FAULTS = Faults()
