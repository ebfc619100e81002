"""Figures as people read them."""


def count(value: int) -> str:
    """A whole number with separators."""
    return f"{value:,}"


def number(value: float | None) -> str:
    """A number with as many digits as matter; a dash for none."""
    if value is None:
        return "-"
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:,.3g}"


def percent(value: float | None) -> str:
    """A share as a percentage."""
    return "-" if value is None else f"{value:.1%}"


def short(value: float | None) -> str:
    """A number in at most seven characters: 1234567890 as 1.23 G."""
    if value is None:
        return "-"
    # From where on the smaller unit would round up to a thousand of its own.
    for unit, size, smallest in (("G", 1e9, 999.95e6), ("M", 1e6, 999_999.5)):
        if abs(value) >= smallest:
            scaled = value / size
            return f"{scaled:,.2f} {unit}" if abs(scaled) < 99.995 else f"{scaled:,.1f} {unit}"
    return f"{value:,.0f}" if value == int(value) or abs(value) >= 1000 else f"{value:,.1f}"


def duration(secs: float | None) -> str:
    """A time in the unit that suits it."""
    if secs is None:
        return "-"
    if secs >= 7200:
        return f"{secs / 3600:,.1f} h"
    if secs >= 120:
        return f"{secs / 60:,.1f} min"
    for unit, size in (("s", 1.0), ("ms", 1e-3)):
        if secs >= size:
            return f"{secs / size:,.3g} {unit}" if secs / size < 1000 else f"{secs:,.0f} s"
    return f"{secs * 1e6:,.3g} µs"


def size(num_bytes: float | None) -> str:
    """A number of bytes in binary units."""
    if num_bytes is None:
        return "-"
    for unit, scale in (("GiB", 2**30), ("MiB", 2**20), ("KiB", 2**10)):
        if num_bytes >= scale:
            return f"{num_bytes / scale:,.3g} {unit}" if num_bytes < 1000 * scale else (
                f"{num_bytes / scale:,.0f} {unit}"
            )  # fmt: skip
    return f"{num_bytes:,.0f} B"


def money(value: float, currency: str) -> str:
    """An amount with as many decimals as it takes to see it."""
    return f"{value:,.2f} {currency}" if value >= 1 else f"{value:,.3g} {currency}"


def of_metric(name: str, value: float | None) -> str:
    """A value of the metric `name`, in the unit that its name ends in."""
    if name.endswith("_micro_secs"):
        return duration(None if value is None else value / 1e6)
    if name.endswith("_milli_secs"):
        return duration(None if value is None else value / 1e3)
    if name.endswith("byte_size"):
        return size(value)
    return number(value)
