"""Trade-off chart: the drop of everything that a search tried against the gain (how many times faster or smaller).

Up and to the right is better.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from tasks.report.charts.labels import Anchor, Box, around, named, place_labels
from tasks.report.charts.scales import AxisScale, axes, marks, scale_of, spread
from tasks.report.charts.svg import line, picture, shortened, tag, text, title, width_of

REACH = 8.0
"""The chart ends at this multiple of the margin (or of the median drop, if larger) below the baseline; points that are
worse are drawn on its edge."""
FONT = 12.5


@dataclass(frozen=True)
class BranchMark:
    """One branch or trial in the chart."""

    label: str
    """Name beside the mark; empty for most."""
    gain: float
    """How many times faster or smaller than the reference; above 0."""
    drop: float
    """Loss of the metric against the reference, in the units of `Frame.margin`; positive is worse."""
    kind: Literal["own", "finished", "stopped early", "best"]
    """Decides the mark's shape; `own` is one of the recipe's branches."""
    hint: str
    """Tooltip of the mark."""


@dataclass(frozen=True)
class Frame:
    """The titles of the chart, the margin, and its size in pixels."""

    name: str
    """Title for screen readers."""
    x_title: str
    y_title: str
    margin: float
    """Largest drop that the goal accepts, in the units of `BranchMark.drop`."""
    width: float = 720
    height: float = 360


def tradeoff(tries: Sequence[BranchMark], frame: Frame) -> str:
    """The chart as SVG text; empty without any finite mark. Marks that are not finite are left out."""
    known = [each for each in tries if math.isfinite(each.drop) and math.isfinite(each.gain) and each.gain > 0]
    if not known:
        return ""
    x, y = _scales(known, frame)
    drawn = sorted(known, key=lambda each: (each.kind == "best", each.kind == "own"))
    parts = [
        _margin(x, y, frame),
        axes(x, y, (frame.x_title, frame.y_title), marks(x, 7 if frame.width > 600 else 4), marks(y, 6)),
        *(_mark(each, x, y) for each in drawn),
        _names([each for each in drawn if each.label], drawn, x, y),
    ]
    return picture(frame.width, frame.height, frame.name, *parts)


def _scales(tries: Sequence[BranchMark], frame: Frame) -> tuple[AxisScale, AxisScale]:
    gains = [1.0, *(each.gain for each in tries)]
    x = scale_of(gains, 52, frame.width - 12, log=spread(gains, 4))
    usual = statistics.median(abs(each.drop) for each in tries)
    near = [each.drop for each in tries if each.drop <= REACH * max(frame.margin, usual)]
    return x, scale_of([*near, 0.0, 1.3 * frame.margin], 40, frame.height - 46, pad=0.09)


def _margin(x: AxisScale, y: AxisScale, frame: Frame) -> str:
    """The goal's margin as a band below the level of the reference, which is where the two lines cross."""
    level, edge, one = y(0.0), y(frame.margin), x(1.0)
    parts = [line(x.start, level, x.end, level, "base-line"), line(one, y.start, one, y.end, "base-line")]
    if edge - level > 1:
        parts.append(tag("rect", x=x.start, y=level, width=x.end - x.start, height=edge - level, class_="band"))
        parts.append(line(x.start, edge, x.end, edge, "band-edge"))
        parts.append(text(x.start + 7, edge + 14, "the goal's margin", class_="note"))
    return "".join(parts)


def _mark(each: BranchMark, x: AxisScale, y: AxisScale) -> str:
    across, up = x(each.gain), y(each.drop)
    if each.drop > y.high:
        shape = tag("path", d=f"M{across - 6:.1f},{up - 9:.1f}h12l-6,9z", class_="off-scale")
    elif each.kind == "own":
        shape = tag("rect", x=across - 5, y=up - 5, width=10, height=10, class_="own")
    else:
        style = {"finished": "trial", "stopped early": "trial stopped", "best": "trial best"}[each.kind]
        shape = tag("circle", cx=across, cy=up, r=6.5 if each.kind == "best" else 4.5, class_=style)
    return tag("g", title(each.hint), shape)


def _names(wanted: Sequence[BranchMark], drawn: Sequence[BranchMark], x: AxisScale, y: AxisScale) -> str:
    labels = [shortened(each.label, 220, FONT) for each in wanted]
    anchors = [
        Anchor(x(each.gain), y(each.drop), 7, width_of(label, FONT) + 4)
        for each, label in zip(wanted, labels, strict=True)
    ]
    others = [around(Anchor(x(each.gain), y(each.drop), 5, 0)) for each in drawn if not each.label]
    bounds: Box = (x.start, y.start, x.end, y.end)
    return "".join(
        named(label, f"name {'chosen' if each.kind == 'best' else ''}".strip(), anchor, box)
        for each, label, anchor, box in zip(wanted, labels, anchors, place_labels(anchors, others, bounds), strict=True)
    )
