"""Effect plot: many effects with their intervals, one below the other, on one scale: a forest plot with its names."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from tasks.report.charts.scales import AxisScale, Interval, axes, marks, spread
from tasks.report.charts.svg import line, picture, shortened, tag, text, title, width_of

ROW = 27.0
TOP = 12.0
FOOT = 46.0
MOST = 230.0
"""Pixels of the longest name."""
WIDEST = 5.0
"""Logarithm of the largest ratio that a scale shows, unless a value lies beyond it."""


@dataclass(frozen=True)
class EffectMark:
    """One effect in the chart."""

    label: str
    interval: Interval
    """Its ends may be infinite."""
    shown: str
    """The effect as text, at the end of its row."""
    tone: str
    """Style class of the dot: `good`, `none`, `fair` or `bad`."""


@dataclass(frozen=True)
class EffectView:
    """The settings of a chart: titles, the value of no effect, and the width in pixels."""

    name: str
    """Title for screen readers."""
    x_title: str
    reference: float = 0.0
    """The value of no effect, which is marked with a line; 1 for ratios."""
    edge: float | None = None
    """The zone between `reference` and this value is shaded; None: no zone."""
    log: bool = False
    """Whether the values are ratios, whose scale is logarithmic where they differ much."""
    width: float = 760


def effects(rows: Sequence[EffectMark], view: EffectView) -> str:
    """The chart as SVG text; empty without a row of a finite value. Whiskers that leave the chart end in an arrow."""
    known = [row for row in rows if math.isfinite(row.interval.value) and (row.interval.value > 0 or not view.log)]
    if not known:
        return ""
    left = 14 + min(MOST, max(width_of(row.label) for row in known))
    right = view.width - 12 - max(width_of(row.shown, 11.5) for row in known)
    x = _scale(known, view, left, right)
    bottom = TOP + ROW * len(known)
    y = AxisScale(0, 1, bottom, TOP)
    parts = [axes(x, y, (view.x_title, ""), marks(x, 6), ())]
    if view.edge is not None:
        first, last = sorted((x(view.reference), x(view.edge)))
        parts.append(tag("rect", x=first, y=TOP, width=last - first, height=bottom - TOP, class_="band"))
    parts.append(line(x(view.reference), TOP, x(view.reference), bottom, "base-line"))
    parts += [_row(row, TOP + ROW * (index + 0.5), x, view) for index, row in enumerate(known)]
    return picture(view.width, bottom + FOOT, view.name, *parts)


def _scale(rows: Sequence[EffectMark], view: EffectView, left: float, right: float) -> AxisScale:
    """A scale that shows every value, and of the intervals what does not press the values together."""

    def far(value: float) -> float:
        """Signed distance from no effect, on the chart's own scale."""
        if not view.log:
            return value - view.reference
        return math.log(value / view.reference) if value > 0 else -math.inf

    ends = [(far(row.interval.low), far(row.interval.high)) for row in rows]
    widths = [high - low for low, high in ends if math.isfinite(high - low)]
    edge = abs(far(view.edge)) if view.edge is not None else 0.0
    values = [far(row.interval.value) for row in rows]
    reach = max(1.6 * max(map(abs, values)), 1.3 * edge, min(widths, default=0.0)) or 1e-3
    if view.log:
        reach = min(reach, max(WIDEST, 1.6 * max(map(abs, values))))
    low = max(-reach, min(0.0, -1.1 * edge, *(each for each, _ in ends)))
    high = min(reach, max(0.0, 0.1 * reach, *(each for _, each in ends)))
    room = 0.04 * (high - low)
    if view.log:
        first, last = (view.reference * math.exp(each) for each in (low - room, high + room))
    else:
        first, last = view.reference + low - room, view.reference + high + room
    return AxisScale(first, last, left, right, log=view.log and spread((first, last), 2))


def _row(row: EffectMark, middle: float, x: AxisScale, view: EffectView) -> str:
    at, low, high = (x(max(each, x.low)) for each in (row.interval.value, row.interval.low, row.interval.high))
    parts = [
        title(f"{row.label}: {row.shown}"),
        text(0, middle + 4, shortened(row.label, MOST), class_="stage"),
        line(x.start, middle, x.end, middle, "grid"),
        line(low, middle, high, middle, "whisker"),
        _end(low, middle, -1 if row.interval.low < x.low else 0),
        _end(high, middle, 1 if row.interval.high > x.high else 0),
        tag("circle", cx=at, cy=middle, r=4.2, class_=f"dot {row.tone}".strip()),
        text(view.width, middle + 4, row.shown, class_="tick", text_anchor="end"),
    ]
    return tag("g", *parts)


def _end(x: float, y: float, direction: int) -> str:
    """The end of a whisker: a short line, or an arrow where the interval goes on."""
    if direction == 0:
        return line(x, y - 4, x, y + 4, "whisker")
    back = x - 5 * direction
    return tag(
        "path", d=f"M{back:.1f},{y - 4:.1f}L{x:.1f},{y:.1f}L{back:.1f},{y + 4:.1f}", class_="whisker", fill="none"
    )
