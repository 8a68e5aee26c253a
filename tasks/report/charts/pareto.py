"""Pareto chart: score against cost with intervals, a third quantity as area, and the Pareto front as a step line.

Up and to the left is always better: the axis of a score that is better when lower is reversed.
"""

from __future__ import annotations

import itertools
import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass

from tasks.report.charts.labels import Box, named, place_labels
from tasks.report.charts.point_marks import Point, Spot, disc, spot, whiskers
from tasks.report.charts.scales import AxisScale, axes, marks, scale_of, spread
from tasks.report.charts.svg import line, path, picture, tag, text, width_of

LARGEST = 24.0
SMALLEST = 4.5
REACH = 8.0
"""The chart ends at this multiple of the margin (or of the median loss, if larger) below the baseline; points that are
worse are drawn on its edge."""


@dataclass(frozen=True)
class ParetoView:
    """The settings of one chart: titles, direction of the score, the margin, and its size in pixels."""

    x_title: str
    y_title: str
    area_title: str
    lower_is_better: bool
    margin: float
    """How much worse than the baseline the goal allows a score to be, in the units of the y axis."""
    highest: float = math.inf
    """The highest score that there can be."""
    width: float = 1056
    height: float = 540

    @property
    def sign(self) -> float:
        """1 when a higher score is better, -1 when a lower one is."""
        return -1.0 if self.lower_is_better else 1.0

    @property
    def wide(self) -> bool:
        """Whether the chart has room for longer texts."""
        return self.width > 600


def frontier(points: Sequence[Point], lower_is_better: bool) -> list[Point]:
    """The points on the Pareto front of cost (x) and score (y), the cheapest first; controls are left out."""
    sign = -1.0 if lower_is_better else 1.0
    found: list[Point] = []
    real = [point for point in points if point.role != "control"]
    for point in sorted(real, key=lambda point: (point.x.value, -sign * point.y.value)):
        if not found or sign * point.y.value > sign * found[-1].y.value:
            found.append(point)
    return found


def pareto(points: Sequence[Point], view: ParetoView) -> str:
    """The chart of at least one point, as SVG text; a narrow chart needs points with short labels."""
    base = next((point for point in points if point.role == "baseline"), None)
    x, y = _scales(points, base, view)
    largest = max(point.area for point in points)
    radii = [max(LARGEST * math.sqrt(point.area / largest), SMALLEST) for point in points]
    spots = [spot(point, x, y, radius) for point, radius in zip(points, radii, strict=True)]
    below = sorted(spots, key=lambda spot: -spot.radius)
    steps = _steps(points, x, y, view)
    band, lines = _band(base, x, y, view) if base else ("", [])
    parts = [
        band,
        axes(x, y, (view.x_title, view.y_title), marks(x, 7 if view.wide else 4), marks(y, 6)),
        path(steps, "front"),
        *map(whiskers, below),
        *map(disc, below),
        _names(spots, [*lines, *_covered(steps)], (x.start, min(y.start, y.end), x.end, max(y.start, y.end))),
        _area_key(view) if view.wide else "",
    ]
    best = next((point.label for point in points if point.chosen), "none")
    name = f"{view.y_title} against {view.x_title} of {len(points)} models; chosen: {best}"
    return picture(view.width, view.height, name, *parts, class_="chart pareto")


def _scales(points: Sequence[Point], base: Point | None, view: ParetoView) -> tuple[AxisScale, AxisScale]:
    left, right, top, bottom = 52.0, view.width - 12, 40.0, view.height - 46
    costs = [cost for point in points for cost in (point.x.low, point.x.high)]
    x = scale_of(costs, left, right, log=spread(costs, 4), pad=0.1)
    ends = (top, bottom) if view.lower_is_better else (bottom, top)
    if base is None or len(points) == 1:
        scores = [end for point in points for end in (point.y.low, point.y.high)]
        return x, scale_of(scores, *ends, pad=0.2, most=view.highest)
    losses = {point: view.sign * (base.y.value - point.y.value) for point in points}
    usual = statistics.median(loss for point, loss in losses.items() if point is not base)
    near = [point for point, loss in losses.items() if loss <= REACH * max(view.margin, usual)]
    scores = [end for point in near for end in (point.y.low, point.y.high)]
    edge = base.y.value - view.sign * 1.3 * view.margin
    pad = 0.09 if len(near) == len(points) else 0.2
    return x, scale_of([*scores, edge], *ends, pad=pad, most=view.highest)


def _band(base: Point, x: AxisScale, y: AxisScale, view: ParetoView) -> tuple[str, list[Box]]:
    """The margin as a band below the baseline's level (SVG text), and the boxes of it that labels should not cover."""
    level, edge = y(base.y.value), y(base.y.value - view.sign * view.margin)
    words = "worse than the baseline, within the margin" if view.wide else "margin"
    shown = line(x.start, level, x.end, level, "base-line")
    lines = [(x.start, level - 1, x.end, level + 1)]
    if edge - level > 1:
        across = x.end - x.start
        shown += tag("rect", x=x.start, y=level, width=across, height=edge - level, class_="band")
        shown += line(x.start, edge, x.end, edge, "band-edge")
        shown += text(x.start + 7, edge - 6 if edge - level > 18 else edge + 14, words, class_="note")
        note = (x.start, edge - 17, x.start + 10 + width_of(words, 11.5), edge + 17)
        lines += [(x.start, edge - 1, x.end, edge + 1), note]
    return shown, lines


def _steps(points: Sequence[Point], x: AxisScale, y: AxisScale, view: ParetoView) -> list[tuple[float, float]]:
    """The corners of the front in pixels: the line stays at a point's score up to the next, more expensive point."""
    level = max(y.start, y.end)
    corners: list[tuple[float, float]] = []
    for point in frontier(points, view.lower_is_better):
        across, up = x(point.x.value), y(point.y.value)
        corners += [(across, level), (across, up)]
        level = up
    return [*corners, (x.end, level)] if corners else []


def _covered(corners: Sequence[tuple[float, float]]) -> list[Box]:
    pairs = itertools.pairwise(corners)
    return [(min(a, c) - 1, min(b, d) - 1, max(a, c) + 1, max(b, d) + 1) for (a, b), (c, d) in pairs]


def _names(spots: Sequence[Spot], lines: Sequence[Box], bounds: Box) -> str:
    order = sorted(spots, key=lambda spot: (not spot.point.chosen, spot.point.role != "baseline"))
    anchors = [spot.anchor for spot in order]
    thin = [box for spot in order for box in spot.boxes]
    boxes = place_labels(anchors, [*thin, *lines], bounds)
    return "".join(
        named(spot.label, f"name {spot.style}", anchor, box)
        for spot, anchor, box in zip(order, anchors, boxes, strict=True)
    )


def _area_key(view: ParetoView) -> str:
    parts, x = [], view.width - 14.0
    for share in (1.0, 0.25, 0.0625):
        radius = max(LARGEST * math.sqrt(share), SMALLEST) * 0.5
        x -= radius * 2 + 4
        parts.append(tag("circle", cx=x + radius, cy=14, r=radius, class_="key"))
    parts.append(text(x - 6, 18, view.area_title, class_="note", text_anchor="end"))
    return tag("g", *parts)
