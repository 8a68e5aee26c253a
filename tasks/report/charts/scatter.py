"""Scatter chart: the score of each trial of a search against one of the searched values."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from tasks.core.number_format import format_significant
from tasks.report.charts.scales import AxisScale, Marks, axes, marks, scale_of, spread
from tasks.report.charts.svg import picture, shortened, tag, title

FEW = 6
"""An x axis with at most this number of different values, each tried twice or more on average, is evenly spaced."""
State = Literal["finished", "stopped early", "failed"]


@dataclass(frozen=True)
class TrialMark:
    """One trial in a chart."""

    at: float | str
    """Its value on the x axis."""
    score: float | None
    """Finite; None when it has none."""
    state: State
    best: bool
    hint: str
    """Tooltip of the mark."""


def scatter(
    trials: Sequence[TrialMark],
    name: str,
    x_title: str,
    y_title: str,
    *,
    lower_is_better: bool,
    most: float = math.inf,
    width: float = 330,
    height: float = 200,
) -> str:
    """The chart as SVG text; better scores are higher.

    Finished trials are filled discs, trials that were stopped early are hollow, and trials without a score are crosses
    on the x axis. `name` is the title for screen readers, `most` the largest score that there can be, and `width` and
    `height` are pixels.
    """
    x, places, columns = _across([trial.at for trial in trials], width)
    ends = (27.0, height - 44) if lower_is_better else (height - 44, 27.0)
    y = scale_of([trial.score for trial in trials if trial.score is not None], *ends, pad=0.12, most=most)
    parts = [axes(x, y, (x_title, y_title), columns, marks(y, 4))]
    for trial, place in sorted(zip(trials, places, strict=True), key=lambda pair: pair[0].best):
        parts.append(_mark(trial, place, height - 44 if trial.score is None else y(trial.score)))
    return picture(width, height, name, *parts)


def _across(values: Sequence[float | str], width: float) -> tuple[AxisScale, list[float], Marks]:
    """The x scale, the pixel of each trial, and the ticks.

    Texts, and numbers with few different values (FEW), are placed at equal distances.
    """
    left, right = 44.0, width - 12
    numbers = [float(value) for value in values if isinstance(value, int | float)]
    numeric = len(numbers) == len(values)
    if numeric and len(set(numbers)) > min(FEW, len(numbers) // 2):
        x = scale_of(numbers, left, right, log=spread(numbers, 20))
        return x, [x(number) for number in numbers], marks(x, 4)
    words = [format_significant(value) if isinstance(value, float) else str(value) for value in values]
    ranks = dict(zip(words, numbers, strict=True)) if numeric else dict.fromkeys(words, 0.0)
    distinct = sorted(ranks, key=lambda word: (ranks[word], word))
    x = AxisScale(-0.5, len(distinct) - 0.5, left, right)
    room = (right - left) / len(distinct) - 6
    columns = [(x(index), shortened(word, room, 11)) for index, word in enumerate(distinct)]
    return x, [x(distinct.index(word)) for word in words], columns


def _mark(trial: TrialMark, x: float, y: float) -> str:
    if trial.score is None:
        shape = tag("path", d=f"M{x - 4:.1f},{y - 4:.1f}l8,8m0,-8l-8,8", class_="failed")
    else:
        stopped = " stopped" if trial.state == "stopped early" else ""
        class_ = f"trial{' best' if trial.best else ''}{stopped}"
        shape = tag("circle", cx=x, cy=y, r=6 if trial.best else 4, class_=class_)
    return tag("g", title(trial.hint), shape)
