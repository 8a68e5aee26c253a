"""Line chart: curves over epochs or trials, with their names at their ends."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass

from tasks.report.charts.scales import AxisScale, axes, marks, scale_of
from tasks.report.charts.svg import line, path, picture, tag, text, width_of

APART = 14.0


@dataclass(frozen=True)
class Series:
    """One curve: (x, y) pairs, and the style class that colours it (`first`, `second`, `third`)."""

    label: str
    points: tuple[tuple[float, float], ...]
    style: str


def lines(
    curves: Sequence[Series],
    name: str,
    x_title: str,
    y_title: str,
    *,
    mark: float | None = None,
    most: float = math.inf,
    width: float = 330,
    height: float = 190,
) -> str:
    """The chart as SVG text; empty without any finite point. Points that are not finite are left out.

    Args:
        curves: the curves.
        name: title for screen readers.
        x_title: title of the x axis.
        y_title: title of the y axis.
        mark: a value of x that is marked with a vertical line; None for none.
        most: the largest value of y that there can be.
        width: in pixels.
        height: in pixels.
    """
    known = [Series(c.label, tuple(p for p in c.points if all(map(math.isfinite, p))), c.style) for c in curves]
    known = [curve for curve in known if curve.points]
    if not known:
        return ""
    room = 14 + max(width_of(curve.label, 11.5) for curve in known)
    across = [point[0] for curve in known for point in curve.points]
    x = scale_of(across, 44, width - room, pad=0.02)
    y = scale_of([point[1] for curve in known for point in curve.points], height - 44, 27, most=most)
    parts = [axes(x, y, (x_title, y_title), marks(x, 4), marks(y, 4))]
    if mark is not None:
        parts.append(line(x(mark), y.start, x(mark), y.end, "mark"))
    for curve, level in zip(known, _levels([y(curve.points[-1][1]) for curve in known]), strict=True):
        parts.append(_drawn(curve, x, y, level))
    return picture(width, height, name, *parts)


def _drawn(curve: Series, x: AxisScale, y: AxisScale, level: float) -> str:
    pixels = [(x(across), y(up)) for across, up in curve.points]
    end = pixels[-1]
    dot = tag("circle", cx=end[0], cy=end[1], r=2.6, class_=f"end {curve.style}")
    label = text(end[0] + 7, level + 4, curve.label, class_=f"series {curve.style}")
    return path(pixels, f"curve {curve.style}") + dot + label


def _levels(wanted: Sequence[float]) -> list[float]:
    """The heights in pixels, each moved down where it would be less than APART below another; in the given order."""
    order = sorted(range(len(wanted)), key=lambda index: wanted[index])
    found = list(wanted)
    for before, after in itertools.pairwise(order):
        found[after] = max(found[after], found[before] + APART)
    return found
