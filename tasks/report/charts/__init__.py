"""Charts of the report: pure functions from numbers to SVG text; the page's style sheet sets the colours."""

from tasks.core.number_format import (
    Unit,
    format_bytes,
    format_count,
    format_duration,
    format_ratio,
    format_significant,
    unit_of,
)
from tasks.report.charts.effect_plot import EffectMark, EffectView, effects
from tasks.report.charts.forest import forest
from tasks.report.charts.line_chart import Series, lines
from tasks.report.charts.pareto import ParetoView, frontier, pareto
from tasks.report.charts.point_marks import Point
from tasks.report.charts.scales import AxisScale, Interval, ticks
from tasks.report.charts.scatter import TrialMark, scatter
from tasks.report.charts.share_bars import share_bars
from tasks.report.charts.tradeoff import BranchMark, Frame, tradeoff
from tasks.report.charts.waterfall import Bar, bars, dots

__all__ = [
    "AxisScale",
    "Bar",
    "BranchMark",
    "EffectMark",
    "EffectView",
    "Frame",
    "Interval",
    "ParetoView",
    "Point",
    "Series",
    "TrialMark",
    "Unit",
    "bars",
    "dots",
    "effects",
    "forest",
    "format_bytes",
    "format_count",
    "format_duration",
    "format_ratio",
    "format_significant",
    "frontier",
    "lines",
    "pareto",
    "scatter",
    "share_bars",
    "ticks",
    "tradeoff",
    "unit_of",
]
