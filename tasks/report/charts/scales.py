"""Scales: mapping of numbers to pixels, round tick values, and the axes of most charts."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from tasks.core.number_format import fixed, format_significant
from tasks.report.charts.svg import line, text

Marks = Sequence[tuple[float, str]]
"""The ticks of an axis: (pixel, text)."""


@dataclass(frozen=True)
class Interval:
    """A number and its 95 % interval."""

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class AxisScale:
    """Maps [low, high] to pixels [start, end], linearly or logarithmically; values outside are mapped to the edge."""

    low: float
    high: float
    start: float
    end: float
    log: bool = False
    most: float = math.inf
    """The largest value that there can be; no tick is above it."""

    def __call__(self, value: float) -> float:
        """The pixel of a value."""
        low, high = self.low, self.high
        value = min(max(value, low), high)
        if self.log:
            low, high, value = math.log(low), math.log(high), math.log(value)
        return self.start + (value - low) / (high - low) * (self.end - self.start)


def scale_of(
    values: Iterable[float],
    start: float,
    end: float,
    *,
    log: bool = False,
    pad: float = 0.06,
    most: float = math.inf,
) -> AxisScale:
    """The scale that contains all finite values, extended on both sides by the share `pad` of their range.

    A logarithmic scale ignores values that are not positive. `start` and `end` are pixels; `most` is as in `AxisScale`.
    """
    known = [value for value in values if math.isfinite(value) and (value > 0 or not log)] or [1.0]
    low, high = min(known), max(known)
    if log:
        room = (high / low) ** pad if high > low else 1.5
        return AxisScale(low / room, high * room, start, end, log=True, most=most)
    room = (high - low) * pad if high > low else abs(high) * 0.1 or 1.0
    return AxisScale(low - room, high + room, start, end, most=most)


def spread(values: Iterable[float], factor: float) -> bool:
    """Whether all values are positive and the largest is more than `factor` times the smallest (use a logarithm)."""
    known = list(values)
    return bool(known) and min(known) > 0 and max(known) / min(known) > factor


def ticks(scale: AxisScale, most: int = 6) -> list[float]:
    """Round values within a scale, about `most` at most."""
    if scale.log:
        for steps in ((1, 1.5, 2, 3, 4, 5, 6, 8), (1, 2, 5), (1, 3), (1,)):
            found = _decades(scale, steps)
            if 3 <= len(found) <= most + 1:
                return found
    return _linear(scale, most)


def _decades(scale: AxisScale, steps: Sequence[float]) -> list[float]:
    powers = range(math.floor(math.log10(scale.low)), math.ceil(math.log10(scale.high)) + 1)
    values = [step * 10.0**power for power in powers for step in steps]
    return [value for value in values if scale.low <= value <= min(scale.high, scale.most)]


def _linear(scale: AxisScale, most: int) -> list[float]:
    rough = (scale.high - scale.low) / most
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(power * nice for nice in (1, 2, 2.5, 5, 10, 20) if power * nice >= rough)
    first = math.ceil(scale.low / step - 1e-9)
    last = math.floor(min(scale.high, scale.most) / step + 1e-9)
    return [index * step for index in range(first, last + 1)]


def labelled(values: Sequence[float], *, log: bool = False) -> list[str]:
    """The texts of ticks, all with as many decimals as distinguish neighbouring values."""
    if log:
        words = [format_significant(value, 2) for value in values]
        return [word.rstrip("0").rstrip(".") if "." in word else word for word in words]
    if len(values) < 2:
        return [format_significant(value) for value in values]
    gap = min(abs(after - before) for before, after in itertools.pairwise(values))
    decimals = max(-math.floor(math.log10(gap) + 1e-9), 0)
    if round(gap * 10**decimals, 6) % 1 > 1e-6:
        decimals += 1
    return [fixed(value, decimals) for value in values]


def marks(scale: AxisScale, most: int) -> list[tuple[float, str]]:
    """The ticks of a scale as (pixel, text)."""
    values = ticks(scale, most)
    return list(zip(map(scale, values), labelled(values, log=scale.log), strict=True))


def axes(x: AxisScale, y: AxisScale, titles: tuple[str, str], columns: Marks, rows: Marks) -> str:
    """The axes as SVG text: grid lines, ticks (`columns` of x, `rows` of y) and the titles (x, y).

    The y title is horizontal and above its axis.
    """
    left, right = sorted((x.start, x.end))
    top, bottom = sorted((y.start, y.end))
    parts = [line(left, bottom, right, bottom, "axis")]
    for place, words in columns:
        parts.append(text(place, bottom + 17, words, class_="tick", text_anchor="middle"))
        parts.append(line(place, bottom, place, bottom + 4, "axis"))
    for place, words in rows:
        parts.append(line(left, place, right, place, "grid"))
        parts.append(text(left - 7, place + 4, words, class_="tick", text_anchor="end"))
    parts.append(text(right, bottom + 36, titles[0], class_="axis-title", text_anchor="end"))
    parts.append(text(0, top - 13, titles[1], class_="axis-title"))
    return "".join(parts)
