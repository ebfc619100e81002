"""Charts as SVG without text, so that they stretch to any width; their labels are HTML.

Whatever is drawn is numbers; no data goes into the markup as text.
"""

from collections.abc import Sequence

from markupsafe import Markup

_WIDTH = 1000
_HEIGHT = 200


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


def _svg(shapes: str) -> Markup:
    return Markup(
        '<svg viewBox="0 0 {} {}" preserveAspectRatio="none" aria-hidden="true">{}</svg>'
    ).format(_WIDTH, _HEIGHT, Markup(shapes))
