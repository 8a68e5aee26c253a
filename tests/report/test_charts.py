"""The charts: scales and numbers by hand, the front against brute force, well-formed and escaped SVG."""

from __future__ import annotations

import dataclasses
import itertools
import random
from typing import Any
from xml.etree import ElementTree

import pytest

from tasks.core import number_format
from tasks.report import charts
from tasks.report.charts import AxisScale, Bar, BranchMark, Frame, Interval, ParetoView, Point, Series, TrialMark
from tasks.report.charts.labels import Anchor, overlap, place_labels
from tasks.report.charts.point_marks import spot
from tasks.report.charts.scales import labelled, scale_of

VIEW = ParetoView("latency, ms", "accuracy, %", "area = size", lower_is_better=False, margin=1.0)
NASTY = '<script>alert("x")</script> & more'


def point(x: float, y: float, role: Any = "candidate", name: str = "p", chosen: bool = False) -> Point:
    return Point(name, Interval(x, x * 0.9, x * 1.1), Interval(y, y - 0.2, y + 0.2), 10.0, role, chosen, name)


def parsed(svg: str) -> ElementTree.Element:
    return ElementTree.fromstring(svg)


def test_numbers_by_hand() -> None:
    accuracy = number_format.unit_of(True, 0.01)
    assert accuracy.score(0.91857) == "0.9186"
    assert accuracy.change(-0.00123) == "−0.0012"
    assert accuracy.change_span(-0.00001, 0.0107) == "[0.0000,\N{NO-BREAK SPACE}0.0107]"
    assert [accuracy.clip(score) for score in (-0.01, 0.5, 1.0103)] == [0.0, 0.5, 1.0]
    assert number_format.unit_of(False, 500.0).clip(1.0103) == 1.0103
    assert number_format.unit_of(False, 500.0).score(31480.4) == "31\N{NARROW NO-BREAK SPACE}480"
    assert number_format.unit_of(True, 0.001).change(0.0012) == "0.00120"
    assert number_format.format_bytes(91_204) == "91.2\N{NARROW NO-BREAK SPACE}kB"
    assert number_format.format_count(41_230_000) == "41.2\N{NARROW NO-BREAK SPACE}M"
    assert number_format.format_ratio(3.508) == "3.51×"
    assert number_format.format_duration(7_380) == "2\N{NARROW NO-BREAK SPACE}h 3\N{NARROW NO-BREAK SPACE}min"
    assert number_format.format_significant(3.1e-6, 2) == "3.1e−6"
    assert number_format.format_significant(float("nan")) == "–"


def test_no_tick_is_above_the_best_score_that_there_can_be() -> None:
    assert charts.ticks(scale_of([0.9, 1.0], 0, 100, pad=0.5), 5)[-1] == pytest.approx(1.05)
    assert charts.ticks(scale_of([0.9, 1.0], 0, 100, pad=0.5, most=1.0), 5)[-1] == 1.0
    view = ParetoView("x", "accuracy", "a", lower_is_better=False, margin=0.01)
    points = [point(2, 0.99, "baseline"), point(1, 0.995)]
    free, bounded = (charts.pareto(points, dataclasses.replace(view, highest=most)) for most in (9.0, 1.0))
    assert [">1.1<" in svg for svg in (free, bounded)] == [True, False]


def test_scales_by_hand() -> None:
    assert AxisScale(0, 10, 100, 200)(2.5) == 125
    assert AxisScale(1, 100, 0, 300, log=True)(10) == pytest.approx(150)
    assert AxisScale(0, 10, 100, 200)(99) == 200
    assert charts.ticks(AxisScale(0, 10, 0, 1), 5) == [0, 2, 4, 6, 8, 10]
    assert labelled([0.25, 0.5]) == ["0.25", "0.50"]
    assert labelled([0.5, 20, 100], log=True) == ["0.5", "20", "100"]


@pytest.mark.parametrize("values", [[5.0], [0.0, 0.0], [-3.0, 7.0], [1e-6, 2e-6], [float("nan"), 4.0], []])
def test_any_values_give_a_scale_with_ticks(values: list[float]) -> None:
    scale = scale_of(values, 0, 100)
    assert len(charts.ticks(scale)) >= 2
    assert all(0 <= scale(value) <= 100 for value in charts.ticks(scale))


@pytest.mark.parametrize("lower_is_better", [False, True])
def test_front_agrees_with_brute_force(lower_is_better: bool) -> None:
    draw = random.Random(0)
    points = [point(draw.uniform(1, 9), draw.uniform(80, 95), name=str(i)) for i in range(40)]
    sign = -1 if lower_is_better else 1

    def beaten(a: Point) -> bool:
        return any(b is not a and b.x.value <= a.x.value and sign * b.y.value >= sign * a.y.value for b in points)

    expected = {a.label for a in points if not beaten(a)}
    assert {a.label for a in charts.frontier(points, lower_is_better)} == expected
    assert expected


def test_controls_are_no_part_of_the_front() -> None:
    points = [point(1, 99, "control"), point(2, 90, name="real")]
    assert [p.label for p in charts.frontier(points, False)] == ["real"]


def test_names_stand_apart_and_inside() -> None:
    anchors = [Anchor(100 + 34 * index, 200 + 9 * (index % 3), 8, 90) for index in range(15)]
    bounds = (0.0, 0.0, 900.0, 400.0)
    boxes = place_labels(anchors, [], bounds)
    assert sum(overlap(a, b) for a, b in itertools.combinations(boxes, 2)) < 15
    assert all(overlap(box, bounds) == pytest.approx(90 * 15) for box in boxes)


def test_pareto_draws_every_point_and_escapes() -> None:
    points = [point(2, 92, "baseline"), point(1, 91.5, name=NASTY, chosen=True), point(2, 92.1, "control")]
    svg = charts.pareto(points, VIEW)
    root = parsed(svg)
    classes = [node.get("class") for node in root.iter("circle")]
    assert {"point baseline", "point candidate chosen", "point control", "ring"} <= set(classes)
    assert NASTY in [node.text for node in root.iter("title")]
    assert "<script>" not in svg
    assert root.get("role") == "img"


def test_band_is_as_high_as_the_margin() -> None:
    points = [point(2, 92, "baseline"), point(1, 90)]
    root = parsed(charts.pareto(points, VIEW))
    band = next(node for node in root.iter("rect") if node.get("class") == "band")
    centres = [float(node.get("cy", "")) for node in root.iter("circle") if "point" in node.get("class", "")]
    two_units = abs(centres[0] - centres[1])
    assert float(band.get("height", "")) == pytest.approx(two_units / 2, abs=0.15)


def test_better_is_up_for_both_directions() -> None:
    points = [point(2, 10, "baseline"), point(1, 11)]
    heights = {}
    for lower in (False, True):
        svg = charts.pareto(points, ParetoView("x", "y", "a", lower_is_better=lower, margin=0.5))
        discs = [node for node in parsed(svg).iter("circle") if "point" in node.get("class", "")]
        heights[lower] = [float(disc.get("cy", "")) for disc in discs]
    assert heights[False][1] < heights[False][0]
    assert heights[True][1] > heights[True][0]


def test_what_is_far_beyond_stands_on_the_edge_and_says_where() -> None:
    points = [point(2, 92, "baseline"), point(1, 91.5), point(1.5, 91), point(1.2, 31)]
    texts = [node.text for node in parsed(charts.pareto(points, VIEW)).iter("text")]
    assert "p (off scale: 31.0)" in texts
    flat = spot(points[3], AxisScale(0, 3, 0, 300), AxisScale(90, 93, 400, 0), 5)
    assert (flat.y, flat.along) == (400, (400, 400))


def test_waterfall_bars_have_lengths_by_hand() -> None:
    stages = [Bar("all", Interval(100, 100, 100), "100"), Bar("half", Interval(50, 50, 50), "50")]
    root = parsed(charts.bars([*stages, Bar("more", Interval(75, 75, 75), "75")], "bytes", width=216))
    widths = {(node.get("class"), float(node.get("width", ""))) for node in root.iter("rect")}
    assert widths == {("level", 200), ("level", 100), ("taken", 100), ("added", 50)}


def test_dots_band_spans_baseline_to_edge() -> None:
    stages = [Bar("a", Interval(92, 92, 92), "92"), Bar(NASTY, Interval(88, 87, 89), "88")]
    root = parsed(charts.dots(stages, "score", base=92, edge=91))
    bands = [node for node in root.iter("rect") if node.get("class") == "band"]
    assert len(bands) == 2
    assert float(bands[0].get("width", "")) > 10


def test_lines_skip_what_is_not_finite() -> None:
    curves = [Series("train", ((1, 1.0), (2, float("nan")), (3, 0.5)), "first"), Series("none", (), "second")]
    svg = charts.lines(curves, "loss", "epoch", "loss", mark=3)
    assert "nan" not in svg
    assert len(list(parsed(svg).iter("path"))) == 1
    assert charts.lines([Series("none", (), "first")], "loss", "epoch", "loss") == ""


@pytest.mark.parametrize(
    "places", [[0.1, 0.001, 0.01], ["adam", "sgd", "adam"], [32, 32, 32], ["a", 1, "b"], [1, 2, 3]]
)
def test_trials_of_any_kind_of_value(places: list[Any]) -> None:
    scores = [0.9, None, 0.8]
    trials = [
        TrialMark(at, score, "failed" if score is None else "finished", score == 0.9, NASTY)
        for at, score in zip(places, scores, strict=True)
    ]
    root = parsed(charts.scatter(trials, "search", "knob", "score", lower_is_better=False))
    assert [node.get("class") for node in root.iter("circle")] == ["trial", "trial best"]
    assert sum(node.get("class") == "failed" for node in root.iter("path")) == 1


def test_search_without_any_score_still_draws() -> None:
    trials = [TrialMark(1, None, "failed", False, "gone")]
    assert "failed" in charts.scatter(trials, "search", "trial", "score", lower_is_better=True)


def test_forest_clamps_what_is_off_its_scale() -> None:
    svg = charts.forest(Interval(0.5, -9, 9), AxisScale(-1, 1, 4, 104), reference=0, margin=0.5, tone="good")
    root = parsed(svg)
    assert root.get("aria-hidden") == "true"
    whisker = next(node for node in root.iter("line") if node.get("class") == "whisker")
    assert (whisker.get("x1"), whisker.get("x2")) == ("4", "104")
    assert next(root.iter("circle")).get("cx") == "79"


FRAME = Frame("tried", "speed-up", "drop", margin=1.0)


def tried(gain: float, drop: float, kind: Any = "finished", label: str = "") -> BranchMark:
    return BranchMark(label, gain, drop, kind, NASTY)


def test_tradeoff_has_a_mark_for_each_and_a_band_as_high_as_the_margin() -> None:
    tries = [
        tried(1.5, 0.0, "own", NASTY),
        tried(2.0, 2.0),
        tried(3.0, 0.5, "best", "found 2"),
        tried(2.5, 1.0, "stopped early"),
    ]
    root = parsed(charts.tradeoff(tries, FRAME))
    discs = {node.get("class"): float(node.get("cy", "")) for node in root.iter("circle")}
    assert discs.keys() == {"trial", "trial best", "trial stopped"}
    assert discs["trial best"] < discs["trial stopped"] < discs["trial"], "less drop is up"
    band = next(node for node in root.iter("rect") if node.get("class") == "band")
    assert float(band.get("height", "")) == pytest.approx(discs["trial"] - discs["trial stopped"], abs=0.15)
    texts = [node.text for node in root.iter("text")]
    assert "found 2" in texts
    assert "the goal's margin" in texts


def test_tradeoff_keeps_what_is_far_beyond_on_its_edge() -> None:
    tries = [tried(2.0, 0.1), tried(2.1, 0.2), tried(2.2, 0.3), tried(2.3, 60.0)]
    root = parsed(charts.tradeoff(tries, FRAME))
    assert [node.get("class") for node in root.iter("path")].count("off-scale") == 1
    assert len(list(root.iter("circle"))) == 3


def test_tradeoff_of_nothing_is_empty() -> None:
    assert charts.tradeoff([], FRAME) == ""
    assert charts.tradeoff([tried(0.0, 1.0), tried(2.0, float("nan"))], FRAME) == ""
    assert parsed(charts.tradeoff([tried(1.0, 0.0)], Frame("one", "x", "y", margin=0.0))).get("role") == "img"
