"""Timing in turns."""

from __future__ import annotations

import time

import numpy as np
import pytest

from tasks.kernels.latency import interleaving


def busy(milliseconds: float) -> None:
    end = time.perf_counter() + milliseconds / 1000
    while time.perf_counter() < end:
        pass


def test_interleave_sees_a_factor_of_three() -> None:
    times = interleaving.interleave({"slow": lambda: busy(0.6), "fast": lambda: busy(0.2)}, seconds=0.3)
    assert times["slow"].shape[1] == 3
    assert times["slow"].shape[0] == times["fast"].shape[0] >= interleaving.ROUNDS
    assert interleaving.time_ratio(times["slow"], times["fast"]) == pytest.approx(3, rel=0.15)
    assert times["slow"].min() >= 0.6


def test_blocks_of_tiny_calls_are_long_enough() -> None:
    times = interleaving.interleave({"tiny": lambda: None}, seconds=0.0)
    rounds, calls = times["tiny"].shape
    assert rounds == interleaving.ROUNDS
    assert calls > 100


def test_one_stall_does_not_move_the_ratio() -> None:
    base, other = np.ones((9, 3)), np.full((9, 3), 0.5)
    other[4] = 100.0
    assert interleaving.time_ratio(base, other) == 2.0
