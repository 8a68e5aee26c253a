"""One interval as a tiny picture beside its number: a dot with a whisker on a scale that all rows share."""

from __future__ import annotations

from tasks.report.charts.scales import AxisScale, Interval
from tasks.report.charts.svg import line, tag


def forest(
    interval: Interval, scale: AxisScale, *, reference: float, margin: float | None = None, tone: str = ""
) -> str:
    """The interval against `reference` (a line) and, where given, the zone up to `margin` (shaded).

    The number beside it says the same, so a screen reader passes over the picture.
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
