"""Forest plot: one interval as a small chart for a table's row: a dot with whiskers, on a scale that all rows share."""

from __future__ import annotations

from tasks.report.charts.scales import AxisScale, Interval
from tasks.report.charts.svg import line, tag


def forest(
    interval: Interval, scale: AxisScale, *, reference: float, margin: float | None = None, tone: str = ""
) -> str:
    """The chart of one interval, as SVG text. It is hidden from screen readers, because the table has the numbers, too.

    Args:
        interval: the interval, in the units of `scale`.
        scale: the scale of all rows.
        reference: a value that is marked with a line.
        margin: the zone between `reference` and this value is shaded; None: no zone.
        tone: style class of the dot.
    """
    left, right = sorted((scale.start, scale.end))
    width, middle = left + right, 8.0
    at, low, high = scale(interval.value), scale(interval.low), scale(interval.high)
    parts = [line(left, middle, right, middle, "grid")]
    if margin is not None:
        first, last = sorted((scale(reference), scale(margin)))
        parts.append(tag("rect", x=first, y=1, width=last - first, height=14, class_="band"))
    parts.append(line(scale(reference), 1, scale(reference), 15, "base-line"))
    parts.append(line(low, middle, high, middle, "whisker"))
    parts += [line(end, 5, end, 11, "whisker") for end in (low, high)]
    parts.append(tag("circle", cx=at, cy=middle, r=3.4, class_=f"dot {tone}".strip()))
    box = f"0 0 {width:.0f} 16"
    return tag("svg", *parts, class_="forest", viewBox=box, width=width, height=16, aria_hidden="true")
