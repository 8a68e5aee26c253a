"""The effect plot: values where they belong, arrows where an interval goes on, and nothing for nothing."""

from __future__ import annotations

import math
from xml.etree import ElementTree

import pytest

from tasks.report.charts import EffectMark, EffectView, Interval, effects

NASTY = '<script>alert("x")</script>'
VIEW = EffectView("effects", "gain, points")


def mark(value: float, low: float, high: float, label: str = "flip") -> EffectMark:
    return EffectMark(label, Interval(value, low, high), f"{value:+.1f}", "good")


def dots(svg: str) -> list[float]:
    return [float(each.attrib["cx"]) for each in ElementTree.fromstring(svg).iter("circle")]


def test_effects_stand_in_their_order_on_one_scale() -> None:
    svg = effects([mark(1, 0.5, 1.5), mark(-1, -1.5, -0.5, "crop"), mark(0, -0.5, 0.5, "none")], VIEW)
    better, worse, middle = dots(svg)
    assert worse < middle < better
    assert middle == pytest.approx((better + worse) / 2, abs=0.2)


def test_a_ratio_and_its_inverse_are_as_far_from_one() -> None:
    view = EffectView("times", "time", reference=1.0, log=True)
    half, twice, one = dots(effects([mark(0.5, 0.4, 0.6), mark(2, 1.8, 2.2), mark(1, 0.9, 1.1)], view))
    assert one - half == pytest.approx(twice - one, abs=0.2)


def test_an_interval_without_an_end_has_arrows_and_does_not_press_the_others_together() -> None:
    calm = effects([mark(1, 0.5, 1.5), mark(-1, -1.5, -0.5)], VIEW)
    wild = effects([mark(1, 0.5, 1.5), mark(-1, -math.inf, math.inf)], VIEW)
    assert (calm.count("<path"), wild.count("<path")) == (0, 2)
    assert dots(wild)[0] - dots(wild)[1] > 0.4 * (dots(calm)[0] - dots(calm)[1])


def test_the_margin_is_a_band() -> None:
    assert 'class="band"' in effects([mark(1, 0.5, 1.5)], EffectView("effects", "gain", edge=-1.0))
    assert 'class="band"' not in effects([mark(1, 0.5, 1.5)], VIEW)


def test_names_are_escaped_and_what_is_not_finite_is_left_out() -> None:
    svg = effects([mark(1, 0.5, 1.5, NASTY), mark(math.nan, 0, 1, "gone")], VIEW)
    assert "<script" not in svg
    assert "gone" not in svg
    assert effects([mark(math.nan, 0, 1)], VIEW) == ""
    assert effects([mark(0.0, 0.0, 0.0)], VIEW).startswith("<svg")
