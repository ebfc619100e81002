"""Shares and rates of which the whole may be nothing."""


def ratio(part: float, whole: float | None) -> float | None:
    """`part / whole`; None where there is nothing to divide by."""
    return part / whole if whole else None
