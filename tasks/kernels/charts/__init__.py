"""Pictures of the report: pure functions from numbers to SVG text; the page's style sheet colours them."""

from tasks.kernels.charts.forest import forest
from tasks.kernels.charts.lines import Line, lines
from tasks.kernels.charts.numbers import Unit, count, duration, ratio, significant, storage, unit_of
from tasks.kernels.charts.pareto import View, front, pareto
from tasks.kernels.charts.points import Point
from tasks.kernels.charts.scales import Interval, Scale, ticks
from tasks.kernels.charts.tradeoff import Frame, Try, tradeoff
from tasks.kernels.charts.trials import Trial, scatter
from tasks.kernels.charts.waterfall import Bar, bars, dots

__all__ = [
    "Bar",
    "Frame",
    "Interval",
    "Line",
    "Point",
    "Scale",
    "Trial",
    "Try",
    "Unit",
    "View",
    "bars",
    "count",
    "dots",
    "duration",
    "forest",
    "front",
    "lines",
    "pareto",
    "ratio",
    "scatter",
    "significant",
    "storage",
    "ticks",
    "tradeoff",
    "unit_of",
]
