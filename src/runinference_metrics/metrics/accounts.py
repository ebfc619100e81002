"""Whether a run's rows are all accounted for, and few enough of them were lost."""

from runinference_metrics.errors import RunFailed
from runinference_metrics.metrics.summary import Summary

# So many dead letters can be looked at one by one: a small input with a few bad rows is no failure.
TOLERATED_DEAD_LETTERS = 10
# Reasons named when a run fails by its dead letters.
_NAMED_REASONS = 3


def reconcile(read: int, predicted: int, dead_lettered: int, blank: int) -> None:
    """Raises RunFailed unless every row that was read is accounted for."""
    missing = read - predicted - dead_lettered - blank
    if missing:
        raise RunFailed(
            f"The run lost count: {read:,} rows read, but {predicted:,} predicted + "
            f"{dead_lettered:,} dead-lettered + {blank:,} blank, "
            f"{abs(missing):,} too {'few' if missing > 0 else 'many'}."
        )


def check_failure_rate(summary: Summary, max_failure_rate: float) -> None:
    """Raises RunFailed when too many rows got no prediction.

    Args:
        summary: the run's figures.
        max_failure_rate: the largest share of dead letters among the rows that are not blank. Up to
            `TOLERATED_DEAD_LETTERS` are let pass, unless it is 0.
    """
    dead, rows = summary.dead_letters.total(), summary.read - summary.blank
    tolerated = TOLERATED_DEAD_LETTERS if max_failure_rate else 0
    if dead <= tolerated or dead <= max_failure_rate * rows:
        return
    by_reason = sorted(summary.dead_letters.items(), key=lambda item: (-item[1], item[0]))
    named = ", ".join(f"{reason} {count:,}" for reason, count in by_reason[:_NAMED_REASONS])
    left = f" and {len(by_reason) - _NAMED_REASONS} more" if len(by_reason) > _NAMED_REASONS else ""
    raise RunFailed(
        f"{dead:,} of {rows:,} rows ({dead / rows:.1%}) got no prediction, more than "
        f"--max_failure_rate={max_failure_rate:g} allows: {named}{left}. All results are written; "
        "see the dead letters."
    )
