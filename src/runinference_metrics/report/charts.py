"""Charts as SVG without text, so that they stretch to any width; their labels are HTML.

Whatever is drawn is numbers; no data goes into the markup as text.
"""

from collections.abc import Sequence

from markupsafe import Markup

_WIDTH = 1000
_HEIGHT = 200


def columns(values: Sequence[float]) -> Markup:
    """A column a value, next to each other; the highest fills the height."""
    highest = max(values, default=0) or 1
    step = _WIDTH / max(1, len(values))
    gap = min(4.0, step * 0.15)
    shapes = [
        f'<rect x="{index * step + gap / 2:.2f}" width="{step - gap:.2f}" '
        f'y="{_HEIGHT - _HEIGHT * value / highest:.2f}" height="{_HEIGHT * value / highest:.2f}"/>'
        for index, value in enumerate(values)
    ]
    return _svg("".join(shapes))


def area(values: Sequence[float]) -> Markup:
    """A stepped area: a value holds for the whole of its step."""
    highest = max(values, default=0) or 1
    step = _WIDTH / max(1, len(values))
    points = [f"M0 {_HEIGHT}"]
    for index, value in enumerate(values):
        y = _HEIGHT - _HEIGHT * value / highest
        points.append(f"L{index * step:.2f} {y:.2f}L{(index + 1) * step:.2f} {y:.2f}")
    points.append(f"L{_WIDTH} {_HEIGHT}Z")
    return _svg(f'<path d="{"".join(points)}"/>')


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
