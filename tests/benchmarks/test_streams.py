"""Streams: rules of retraining on a small stream that turns around, and intervals by blocks."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from benchmarks.streams import WINDOW, OnHalfOfColumns, OnHarm, Schedule, Stream, followed, in_blocks, repeated
from tasks.monitoring.monitor_spec import MonitorSpec


def turning(days: int = 130, a_day: int = 12, turns: int = 100) -> Stream:
    """The label is whether x is positive, and after some days whether it is negative; x itself does not change."""
    x = np.random.default_rng(0).normal(size=days * a_day)
    day = np.arange(len(x)) // a_day
    return Stream(pd.DataFrame({"x": x}), ((x > 0) ^ (day >= turns)).astype(np.int64), a_day)


def test_never_and_every_so_many_days() -> None:
    right, fits, _ = followed(turning(), Schedule(None))
    assert fits == 0
    assert right[: 10 * 12].mean() > 0.95
    assert right[10 * 12 :].mean() < 0.05
    assert followed(turning(), Schedule(13))[1] == 3


def test_harm_is_found_soon_and_the_label_before_says_nothing() -> None:
    right, fits, _ = followed(turning(), OnHarm(MonitorSpec(tolerance=0.05)))
    assert fits >= 1
    assert len(right) == (130 - WINDOW) * 12
    assert repeated(turning()).mean() == pytest.approx(0.5, abs=0.1)


def test_columns_that_do_not_change_do_not_find_it() -> None:
    rule = OnHalfOfColumns()
    rule.begin(turning(), WINDOW)
    assert sum(rule.is_due(turning(), day, np.zeros(12)) for day in range(WINDOW, 130)) <= 6


def test_intervals_by_blocks_are_wider_where_blocks_differ() -> None:
    even = np.tile([0.0, 1.0], 500)
    blocks = np.repeat(even[:50], 20)
    assert in_blocks(even, 20) == (0.5, 0.5, 0.5)
    mean, low, high = in_blocks(blocks, 20)
    assert mean == 0.5
    assert low < 0.4 < 0.6 < high
