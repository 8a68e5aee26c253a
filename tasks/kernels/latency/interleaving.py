"""Interleaved timing: blocks of calls in alternation, so that other load on the machine affects all models alike."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Mapping

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
BLOCK_MS = 0.5
"""Minimum length of a block, in milliseconds, which has at least 3 calls: so most of them run with warm caches."""
FAST = 0.2
"""Quantile of the call times that a ratio compares. With three times as many busy processes as cores, ratios of
this quantile spread from 1.74 to 1.87, where the median of the ratios by round spread from 1.7 to 7."""
ROUNDS = 5
"""Rounds that are completed at least, however slow the models are."""


def interleave(calls: Mapping[str, Callable[[], object]], seconds: float, seed: int = 0) -> dict[str, Floats]:
    """Times all `calls` in rounds of random order; returns milliseconds of each call, (rounds, calls in a block).

    Every call is warmed up first. Runs for about `seconds` in all, and for at least ROUNDS rounds.
    """
    blocks = {name: _block(call) for name, call in calls.items()}
    order, shuffle = list(calls), random.Random(seed).shuffle
    times: dict[str, list[Floats]] = {name: [] for name in calls}
    end = time.perf_counter() + seconds
    while time.perf_counter() < end or len(times[order[0]]) < ROUNDS:
        shuffle(order)
        for name in order:
            times[name].append(_time(calls[name], blocks[name]))
    return {name: np.stack(rounds) for name, rounds in times.items()}


def _block(call: Callable[[], object]) -> int:
    """Number of calls in a block, from the fastest of some warm-up calls."""
    _time(call, 2)
    return max(3, int(np.ceil(BLOCK_MS / _time(call, 5).min())))


def _time(call: Callable[[], object], count: int) -> Floats:
    marks = [time.perf_counter_ns()]
    for _ in range(count):
        call()
        marks.append(time.perf_counter_ns())
    return np.diff(np.array(marks)) / 1e6


def time_ratio(baseline: Floats, model: Floats) -> float:
    """Baseline time / model time, at the quantile FAST of the calls: other load on the machine only adds time."""
    return float(np.quantile(baseline, FAST) / np.quantile(model, FAST))
