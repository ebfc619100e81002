"""Charts as SVG without text, so that they stretch to any width; their labels are HTML.

Whatever is drawn is numbers; no data goes into the markup as text.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from markupsafe import Markup

_WIDTH = 1000
_HEIGHT = 200
# On a phone they stand some eight pixels apart.
_MOST_DOTS = 45


def columns(values: Sequence[float], parts: Sequence[float] = ()) -> Markup:
    """A column a value, next to each other; the highest fills the height.

    Args:
        values: the heights.
        parts: how much of each, from the bottom, is to be told apart; none may be given.
    """
    highest = max(values, default=0) or 1
    step = _WIDTH / max(1, len(values))
    gap = min(4.0, step * 0.15)
    shapes = [
        f'<rect x="{index * step + gap / 2:.2f}" width="{step - gap:.2f}" '
        f'y="{_HEIGHT - _HEIGHT * value / highest:.2f}" height="{_HEIGHT * value / highest:.2f}"/>'
        for index, value in enumerate(values)
    ]
    shapes += [
        f'<rect class="mark" x="{index * step + gap / 2:.2f}" width="{step - gap:.2f}" '
        f'y="{_HEIGHT - _HEIGHT * part / highest:.2f}" height="{_HEIGHT * part / highest:.2f}"/>'
        for index, part in enumerate(parts)
        if part
    ]
    return _svg("".join(shapes))


Span = tuple[float, float, float]


def spans(values: Sequence[Span], axis: tuple[float, float], behind: Sequence[Span] = ()) -> Markup:
    """Areas over an axis, each of which holds a value from a begin to an end.

    Args:
        values: begin, end and value of each, in the order of their begins.
        axis: where the axis begins and ends.
        behind: others on the same axis, drawn lighter and behind; none is lower than what stands
            before it.
    """
    highest = max((value for _, _, value in (*values, *behind)), default=0) or 1
    first, last = axis
    width = max(last - first, 1e-9)

    def path(some: Sequence[Span], name: str) -> str:
        drawn = []
        for begin, end, value in some:
            left, right = (_WIDTH * (at - first) / width for at in (begin, end))
            # What is over in no time can be seen all the same.
            right = max(right, left + 1.5)
            y = _HEIGHT - _HEIGHT * value / highest
            drawn.append(f"M{left:.2f} {_HEIGHT}V{y:.2f}H{right:.2f}V{_HEIGHT}Z")
        return f'<path{name} d="{"".join(drawn)}"/>' if drawn else ""

    return _svg(path(behind, ' class="light"') + path(values, ""))


def reliability(bins: Sequence[tuple[float, float] | None]) -> Markup:
    """Columns of the share that is right, and over each a line at its mean score.

    Args:
        bins: of each bin from 0 to 1 the share and the score; None where there is no text.
    """
    step = _WIDTH / max(1, len(bins))
    gap = min(4.0, step * 0.15)
    shapes = []
    for index, found in enumerate(bins):
        if found:
            share, score = (_HEIGHT * one for one in found)
            x, width = f"{index * step + gap / 2:.2f}", f"{step - gap:.2f}"
            shapes.append(
                f'<rect x="{x}" width="{width}" y="{_HEIGHT - share:.2f}" height="{share:.2f}"/>'
                f'<rect class="mark" x="{x}" width="{width}" '
                f'y="{max(0.0, _HEIGHT - score - 2):.2f}" height="4"/>'
            )
    return _svg("".join(shapes))


@dataclass(frozen=True)
class Point:
    """A point of a trend.

    Args:
        mean: the value, or the mean of several; None where it is not known.
        low: the lowest of them.
        high: the highest of them.
        failed: whether it is to stand out.
        changed: whether something else is other than before from here on.
    """

    mean: float | None
    low: float | None
    high: float | None
    failed: bool = False
    changed: bool = False


def trend(points: Sequence[Point]) -> Markup:
    """A line through points, equally far from each other; the height is that of their values.

    The range of values fills the height, if it is a tenth of the highest at least: what hardly
    changes is to look so.

    Args:
        points: in their order. The line has gaps where a value is not known.
    """
    lows = [one.low for one in points if one.low is not None]
    highs = [one.high for one in points if one.high is not None]
    bottom, height = _scale(min(lows, default=0.0), max(highs, default=0.0))
    step = _WIDTH / max(1, len(points))

    def at(index: int) -> str:
        return f"{(index + 0.5) * step:.2f}"

    def y(value: float) -> str:
        # Dots have room above and below.
        return f"{_HEIGHT * (0.95 - 0.9 * (value - bottom) / height):.2f}"

    known = [(index, one) for index, one in enumerate(points) if one.mean is not None]
    changes = [f"M{at(index)} 0V{_HEIGHT}" for index, one in enumerate(points) if one.changed]
    bars = [
        f"M{at(index)} {y(one.low)}V{y(one.high)}"
        for index, one in known
        if one.low is not None and one.high is not None and one.low < one.high
    ]
    line = [
        f"{'L' if index and points[index - 1].mean is not None else 'M'}{at(index)} {y(one.mean)}"
        for index, one in known
        if one.mean is not None
    ]
    dots: dict[bool, list[str]] = {False: [], True: []}
    for index, one in known:
        if one.mean is not None:
            # A line without length has round ends, which no stretching makes oval.
            dots[one.failed].append(f"M{at(index)} {y(one.mean)}h0")
    # Dots that would run into each other are smaller.
    dot = "dot" if len(points) <= _MOST_DOTS else "dot small"
    shapes = (
        ("change", changes), ("spread", bars), ("line", line), (dot, dots[False]),
        ("dot bad", dots[True]),
    )  # fmt: skip
    return _svg("".join(
        f'<path class="{name}" d="{"".join(parts)}"/>' for name, parts in shapes if parts
    ))  # fmt: skip


def _scale(low: float, high: float) -> tuple[float, float]:
    """Where the axis of a trend begins, and how far it reaches."""
    height = max(high - low, 0.1 * max(abs(low), abs(high))) or 1.0
    bottom = (low + high - height) / 2
    # What is never less than nothing has no room for it.
    return (max(0.0, bottom) if low >= 0 else bottom), height


def stacks(columns: Sequence[Sequence[float]]) -> Markup:
    """Columns of shares, one on top of the other, each in a colour of its own.

    Args:
        columns: shares of 1 from the bottom, the same ones in each; none where they are not known.
    """
    step = _WIDTH / max(1, len(columns))
    gap = min(4.0, step * 0.15)
    return _svg("".join(
        f'<rect class="f{at}" x="{index * step + gap / 2:.2f}" width="{step - gap:.2f}" '
        f'y="{top:.2f}" height="{height:.2f}"/>'
        for index, column in enumerate(columns)
        for at, (top, height) in enumerate(_stacked(column))
    ))  # fmt: skip


def _stacked(shares: Sequence[float]) -> Iterator[tuple[float, float]]:
    """Where each part of a column begins, and its height."""
    below = 0.0
    for share in shares:
        below += share
        yield _HEIGHT * (1 - below), _HEIGHT * share


def _svg(shapes: str) -> Markup:
    return Markup(
        '<svg viewBox="0 0 {} {}" preserveAspectRatio="none" aria-hidden="true">{}</svg>'
    ).format(_WIDTH, _HEIGHT, Markup(shapes))
