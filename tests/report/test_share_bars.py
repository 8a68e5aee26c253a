"""Share bars: as long as their shares, with the shares as text."""

from __future__ import annotations

from xml.etree import ElementTree

import pytest

from tasks.report.charts import share_bars


def test_bars_are_as_long_as_their_shares() -> None:
    root = ElementTree.fromstring(share_bars({"learning rate": 0.6, "batch size": 0.3, "the <seeds>": 0.1}, "shares"))
    long, middle, short = (float(each.attrib["width"]) for each in root.iter("rect"))
    assert (middle / long, short / long) == (pytest.approx(0.5, abs=0.01), pytest.approx(1 / 6, abs=0.01))
    assert [each.text for each in root.iter("text") if (each.text or "").endswith("%")] == ["60%", "30%", "10%"]


def test_nothing_is_drawn_of_nothing() -> None:
    assert share_bars({}, "shares") == ""
