"""Study pictures: the charts of one table of a study, as SVG text, from the plain records of its rows."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, Literal

from tasks.core.number_format import format_bytes, format_significant
from tasks.report import charts
from tasks.report.charts import EffectMark, EffectView, Interval, ParetoView, Point, Series

STYLES = ("first", "second", "third")
TIMES = {"training": "time of training", "time": "time of the same work"}
WIDEST = 10.0
"""Factor from which an interval of a cost is not drawn: one or two seeds know next to nothing."""
Row = Mapping[str, Any]


def draw_table(table: Mapping[str, Any], metric: Mapping[str, Any]) -> dict[str, str]:
    """The charts of a table: caption → SVG text. Only what its rows hold is drawn.

    Args:
        table: a table as `render_study` takes it.
        metric: as `render_study` takes it.
    """
    found = {
        "Validation loss by epoch, with the first seed; each curve ends where its training stopped.": _curves(table),
        "Score against cost; the line joins what nothing beats in both, and the band is the goal's margin.": _tradeoff(
            table, metric
        ),
        "Score by the share of the train rows.": _shares(table, metric),
        "What each setting gains over the first row; the band is the goal's margin.": _effects(table, metric),
        "How much of the variation of the score each setting explains, in a fitted sum of effects.": charts.share_bars(
            table["explained"], f"{table['title']}: explained variation"
        ),
        "The time that each setting takes, beside the first row, which takes 1.": _times(table),
    }
    return {caption: drawn for caption, drawn in found.items() if drawn}


def _curves(table: Mapping[str, Any]) -> str:
    curves = table["curves"][: len(STYLES)]
    series = [
        Series(each["label"], tuple(map(tuple, each["points"])), style)
        for each, style in zip(curves, STYLES, strict=False)
    ]
    return charts.lines(series, f"{table['title']}: loss by epoch", "epoch", "validation loss", width=560, height=260)


def _shares(table: Mapping[str, Any], metric: Mapping[str, Any]) -> str:
    shared = sorted((row["share"], row["score"]) for row in table["rows"] if row["share"] and row["score"] is not None)
    if len(shared) < 2:
        return ""
    points = tuple((100 * share, score) for share, score in shared)
    most = 1.0 if metric["is_share"] else math.inf
    name, title = f"{table['title']}: score by share of rows", metric["title"]
    return charts.lines([Series("", points, "second")], name, "share of the rows, %", title, most=most, width=560)


def _effects(table: Mapping[str, Any], metric: Mapping[str, Any]) -> str:
    rows = [
        EffectMark(row["name"], Interval(*row["effect"]), row["effect_text"], row["tone"])
        for row in table["rows"]
        if row["effect"]
    ]
    axis = f"gain, {metric['unit']} (right is better)"
    return charts.effects(rows, EffectView(f"{table['title']}: effects", axis, edge=-metric["margin"]))


def _times(table: Mapping[str, Any]) -> str:
    if table["cost"] not in TIMES:
        return ""
    rows = [
        EffectMark(row["name"], Interval(*row["cost"]), row["cost_text"], row["cost_tone"])
        for row in table["rows"]
        if row["cost"]
    ]
    axis = f"{TIMES[table['cost']]} beside the first row (left is better)"
    return charts.effects(rows, EffectView(f"{table['title']}: times", axis, reference=1.0, log=True))


def _tradeoff(table: Mapping[str, Any], metric: Mapping[str, Any]) -> str:
    key = {"latency": "latency_ms", "bytes": "bytes"}.get(table["cost"])
    rows = [row for row in table["rows"] if key and row[key] and row["score"] is not None]
    if key is None or len(rows) < 2:
        return ""
    axis, scale = ("latency, ms", 1.0) if key == "latency_ms" else ("file size, kB", 1e-3)
    reverse = ", axis reversed" if metric["lower_is_better"] else ""
    view = ParetoView(
        x_title=f"← better · {axis}",
        y_title=f"↑ better · {metric['title']}{reverse}",
        area_title="area = file size",
        lower_is_better=metric["lower_is_better"],
        margin=metric["margin"] / metric["scale"],
        highest=1.0 if metric["is_share"] else math.inf,
        width=760,
        height=420,
    )
    return charts.pareto([_point(row, row[key] * scale, metric) for row in rows], view)


def _point(row: Row, cost: float, metric: Mapping[str, Any]) -> Point:
    """A row as a point: its cost with the ratio's interval, its score with that of its effect."""
    score, sign = row["score"], -1 if metric["lower_is_better"] else 1
    ends = [score]
    if row["effect"]:
        value, low, high = (sign * each / metric["scale"] for each in row["effect"])
        ends = [score + end - value for end in (low, high) if math.isfinite(end)] or [score]
    across = [cost]
    if row["cost"]:
        ratios = [end / row["cost"][0] for end in row["cost"][1:]]
        across = [cost * ratio for ratio in ratios if 1 / WIDEST < ratio < WIDEST] or [cost]
    if metric["is_share"]:
        ends = [min(max(end, 0.0), 1.0) for end in ends]
    size = f", {format_bytes(row['bytes'])}" if row["bytes"] else ""
    hint = f"{row['name']}: {format_significant(score)}, {format_significant(cost)}{size}"
    x, y = Interval(cost, min(across), max(across)), Interval(score, min(ends), max(ends))
    role: Literal["baseline", "candidate"] = "baseline" if row["is_first"] else "candidate"
    return Point(row["name"], x, y, row["bytes"] or 1.0, role, row["recommended"], hint)
