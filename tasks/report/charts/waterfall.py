"""Waterfall charts: one quantity after each step of a branch, as bars from zero, or as dots with intervals."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tasks.report.charts.scales import AxisScale, Interval, scale_of
from tasks.report.charts.svg import line, picture, shortened, tag, text, title, width_of

ROW = 41.0
HEAD = 30.0
SIDE = 8.0


@dataclass(frozen=True)
class Bar:
    """One stage: its name, the quantity after it, and this quantity as text."""

    label: str
    value: Interval
    shown: str


def bars(stages: Sequence[Bar], name: str, *, whiskers: bool = False, width: float = 330) -> str:
    """Bars from zero, as SVG text; a dashed piece shows what a step removed, a solid end piece what it added.

    `name` is the title; `whiskers` draws the intervals; `width` is pixels.
    """
    largest = max(max(stage.value.high, stage.value.value) for stage in stages) or 1.0
    x = AxisScale(0.0, largest, SIDE, width - SIDE)
    parts = []
    for index, stage in enumerate(stages):
        top = HEAD + index * ROW
        before = stages[index - 1].value.value if index else stage.value.value
        parts.append(_words(stage, top, width))
        parts.append(_bar(stage, before, x, top + 19))
        if whiskers:
            parts.append(line(x(stage.value.low), top + 25, x(stage.value.high), top + 25, "whisker"))
    return _panel(parts, name, len(stages), width)


def dots(stages: Sequence[Bar], name: str, *, base: float, edge: float, width: float = 330) -> str:
    """Dots with intervals, as SVG text, on a scale that need not begin at zero.

    A band extends from the baseline's value `base` to the goal's limit `edge`, both in the units of `stages`. `name` is
    the title; `width` is pixels.
    """
    values = [end for stage in stages for end in (stage.value.low, stage.value.high)]
    x = scale_of([*values, base, edge], SIDE, width - SIDE)
    first, last = sorted((x(base), x(edge)))
    parts = []
    for index, stage in enumerate(stages):
        top = HEAD + index * ROW
        parts.append(_words(stage, top, width))
        parts.append(line(SIDE, top + 25, width - SIDE, top + 25, "grid"))
        parts.append(tag("rect", x=first, y=top + 18, width=last - first, height=14, class_="band"))
        parts.append(line(x(base), top + 18, x(base), top + 32, "base-line"))
        parts.append(line(x(stage.value.low), top + 25, x(stage.value.high), top + 25, "whisker"))
        parts.append(tag("circle", cx=x(stage.value.value), cy=top + 25, r=4.2, class_="dot"))
    return _panel(parts, name, len(stages), width)


def _bar(stage: Bar, before: float, x: AxisScale, top: float) -> str:
    start, here, past = x(0.0), x(stage.value.value), x(before)
    parts = [tag("rect", x=start, y=top, width=max(min(here, past) - start, 1), height=12, class_="level")]
    if past > here:
        parts.append(tag("rect", x=here, y=top + 0.5, width=past - here, height=11, class_="taken"))
    if here > past:
        parts.append(tag("rect", x=past, y=top, width=here - past, height=12, class_="added"))
    return "".join(parts)


def _words(stage: Bar, top: float, width: float) -> str:
    room = width - 2 * SIDE - width_of(stage.shown) - 10
    label = tag("g", title(stage.label), text(SIDE, top + 12, shortened(stage.label, room), class_="stage"))
    return label + text(width - SIDE, top + 12, stage.shown, class_="stage-value", text_anchor="end")


def _panel(parts: Sequence[str], name: str, rows: int, width: float) -> str:
    head = text(SIDE, 13, name, class_="panel-title")
    return picture(width, HEAD + rows * ROW, name, head, *parts)
