"""Shadow: a new champion that is worse goes back, and one that is not stays; the window ends."""

from __future__ import annotations

from dataclasses import asdict
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from tasks.core import InputError
from tasks.monitoring.shadow import Shadow, begin_shadow, extend_shadow, is_open, look_at_shadow, read_shadow


def seen(seed: int, worse: float, looks: int = 30) -> Shadow:
    generator = np.random.default_rng(seed)
    shadow = begin_shadow(0.01, 1.0, 3)
    for _ in range(looks):
        kind = generator.choice(3, 200, p=[0.8 - worse, 0.1 + worse, 0.1])
        shadow = extend_shadow(shadow, (kind == 2).astype(float), (kind == 1).astype(float))
    return shadow


def goes_back(seed: int, worse: float) -> bool:
    return look_at_shadow(seen(seed, worse), 0.05).level == "act"


def test_a_worse_champion_goes_back() -> None:
    assert sum(goes_back(seed, 0.1) for seed in range(20)) >= 18
    found = look_at_shadow(seen(0, 0.1), 0.05)
    assert found.sentence.startswith("proven that the loss is higher than that of version 3 by more than 0.01; +0.1")
    assert (found.previous, found.n) == (3, 6000)
    assert found.difference == pytest.approx(0.1, abs=0.02)


def test_one_that_is_worse_by_the_margin_stays() -> None:
    assert sum(goes_back(seed, 0.01) for seed in range(100)) <= 5


def test_nothing_seen_yet() -> None:
    found = look_at_shadow(begin_shadow(0.01, 1.0, 3), 0.05)
    assert (found.level, found.n, found.difference) == ("fine", 0, 0.0)
    assert found.sentence.endswith("no labels yet")


def test_losses_count_as_at_most_the_span() -> None:
    found = extend_shadow(begin_shadow(0.0, 2.0), np.array([0.0, 9.0]), np.array([50.0, 7.0]))
    assert look_at_shadow(found, 0.05).difference == pytest.approx(1.0)


def test_the_record_is_read_back() -> None:
    shadow = seen(1, 0.0, looks=2)
    assert read_shadow(asdict(shadow)) == shadow
    with pytest.raises(InputError, match="must be a monitor's shadow; it was altered"):
        read_shadow({"previous": 1})


@pytest.mark.parametrize(
    ("window", "age", "expected"),
    [(401, 99, True), ("400 rows", 0, False), ("2 weeks", 13, True), ("2 weeks", 15, False), (0, 0, False)],
)
def test_the_window_ends(window: str | int, age: int, expected: bool) -> None:
    now = datetime(2026, 3, 20, tzinfo=UTC)
    since = (now - timedelta(days=age)).isoformat(timespec="seconds")
    shadow = seen(0, 0.0, looks=2)
    assert is_open(shadow, window, since, now) is expected
    assert is_open(shadow, "3 days", "", now) is False


@pytest.mark.parametrize("margin", [-0.1, 1.0])
def test_a_margin_beyond_the_span_is_refused(margin: float) -> None:
    with pytest.raises(InputError, match="from 0 to below the largest difference"):
        begin_shadow(margin, 1.0)
