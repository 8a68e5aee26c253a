"""Point marks: the points of the Pareto chart, their positions in pixels, and how they are drawn."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from tasks.core.number_format import fixed
from tasks.report.charts.labels import Anchor, Box
from tasks.report.charts.scales import AxisScale, Interval
from tasks.report.charts.svg import line, shortened, tag, title, width_of

FONT = 12.5
RING = 4.0


@dataclass(frozen=True)
class Point:
    """One model: `x` is a cost (less is better), `y` the score, and `area` the quantity shown as the disc's area."""

    label: str
    x: Interval
    y: Interval
    area: float
    role: Literal["baseline", "candidate", "control"]
    chosen: bool
    hint: str
    """Tooltip of the point."""


@dataclass(frozen=True)
class Spot:
    """A point in pixels: its centre, its radius, and the ends of its whiskers."""

    point: Point
    x: float
    y: float
    radius: float
    across: tuple[float, float]
    """(left, right) ends of the horizontal whisker."""
    along: tuple[float, float]
    """(top, bottom) ends of the vertical whisker."""
    off_scale: bool
    """Whether its score is outside the scale."""

    @property
    def style(self) -> str:
        """Its style classes."""
        return f"{self.point.role} chosen" if self.point.chosen else self.point.role

    @property
    def label(self) -> str:
        """Its name; outside the scale, with its score."""
        name = shortened(self.point.label, 260, FONT)
        return f"{name} (off scale: {fixed(self.point.y.value, 1)})" if self.off_scale else name

    @property
    def anchor(self) -> Anchor:
        """Its disc, with the width of its label."""
        radius = self.radius + (RING if self.point.chosen else 0)
        return Anchor(self.x, self.y, radius, width_of(self.label, FONT) + 4)

    @property
    def boxes(self) -> tuple[Box, Box]:
        """The boxes of its two whiskers."""
        level = (self.across[0], self.y - 1, self.across[1], self.y + 1)
        return level, (self.x - 1, self.along[0], self.x + 1, self.along[1])


def spot(point: Point, x: AxisScale, y: AxisScale, radius: float) -> Spot:
    """The point in pixels; a point outside the scale is placed on its edge, without whiskers."""
    across, up = x(point.x.value), y(point.y.value)
    if not y.low <= point.y.value <= y.high:
        return Spot(point, across, up, radius, (across, across), (up, up), off_scale=True)
    top, bottom = sorted((y(point.y.low), y(point.y.high)))
    return Spot(point, across, up, radius, (x(point.x.low), x(point.x.high)), (top, bottom), off_scale=False)


def whiskers(spot: Spot) -> str:
    """The two whiskers of a point as SVG text."""
    level = line(spot.across[0], spot.y, spot.across[1], spot.y, "whisker")
    upright = line(spot.x, spot.along[0], spot.x, spot.along[1], "whisker")
    return tag("g", level, upright, class_="on" if spot.point.chosen else None)


def disc(spot: Spot) -> str:
    """The disc of a point as SVG text, with a ring if it is chosen and an arrow if it is outside the scale."""
    x, y = spot.x, spot.y
    parts = [title(spot.point.hint), tag("circle", cx=x, cy=y, r=spot.radius, class_=f"point {spot.style}")]
    if spot.point.chosen:
        parts.append(tag("circle", cx=x, cy=y, r=spot.radius + RING, class_="ring"))
    parts.append(tag("circle", cx=x, cy=y, r=1.8, class_="centre"))
    if spot.off_scale:
        parts.append(tag("path", d=f"M{x - 6:.1f},{y + 2:.1f}h12l-6,9z", class_="off-scale"))
    return tag("g", *parts)
