"""Split strategies: functions from labels, times or groups to the sorted positions of each split."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from tasks.core import SplitName

Fractions = Mapping[SplitName, float]
"""The share of all examples that each part except train takes; validation comes before test (order of time)."""

Parts = dict[SplitName, np.ndarray]
"""Sorted positions of the examples in each part, including `train`."""


def stratified(labels: np.ndarray, fractions: Fractions, seed: int) -> Parts:
    """A random split with every class in every part, in shares as close to `fractions` as possible.

    `labels`: int (count,), all zeros to split without classes. Each class must have at least one example for each
    part, including train.
    """
    order = np.random.default_rng(seed).permutation(len(labels))
    order = order[np.argsort(labels[order], kind="stable")]
    ends = np.cumsum(np.unique(labels, return_counts=True)[1])
    chosen: dict[SplitName, list[np.ndarray]] = {name: [] for name in ("train", *fractions)}
    for members in np.split(order, ends[:-1]):
        left = members
        for later, (name, fraction) in zip(range(len(fractions), 0, -1), fractions.items(), strict=True):
            count = min(max(1, round(fraction * len(members))), len(left) - later)
            chosen[name].append(left[:count])
            left = left[count:]
        chosen["train"].append(left)
    return {name: np.sort(np.concatenate(positions)) for name, positions in chosen.items()}


def by_time(times: np.ndarray, fractions: Fractions) -> Parts:
    """A split by time: the oldest examples are train, then follow the parts in order; equal times stay together.

    `times`: sortable values, (count,). Parts may be empty.
    """
    order = np.argsort(times, kind="stable")
    ordered = times[order]
    parts, end = {}, len(times)
    share = 0.0
    for name in reversed(list(fractions)):
        share += fractions[name]
        start = round((1 - share) * len(times))
        start = min(int(np.searchsorted(ordered, ordered[min(start, len(times) - 1)])), end)
        parts[name] = np.sort(order[start:end])
        end = start
    return {"train": np.sort(order[:end]), **parts}


def by_group(groups: np.ndarray, fractions: Fractions, seed: int) -> Parts:
    """A split by groups: whole groups, in random order, are added to each part until it has its fraction.

    `groups`: int (count,). There must be at least as many groups as parts, including train.
    """
    ids, counts = np.unique(groups, return_counts=True)
    shuffled = np.random.default_rng(seed).permutation(len(ids))
    part_of = np.full(len(ids), "train", dtype=object)
    next_group = 0
    for later, (name, fraction) in zip(range(len(fractions), 0, -1), fractions.items(), strict=True):
        held = 0
        while held < fraction * len(groups) and len(ids) - next_group > later:
            part_of[shuffled[next_group]] = name
            held += counts[shuffled[next_group]]
            next_group += 1
    part = part_of[np.searchsorted(ids, groups)]
    return {name: np.flatnonzero(part == name) for name in ("train", *fractions)}


def sample(targets: np.ndarray, count: int, seed: int) -> np.ndarray:
    """Sorted positions of `count` random examples, spread evenly over the sorted targets (hence stratified).

    All positions when there are fewer than `count`.
    """
    if count >= len(targets):
        return np.arange(len(targets))
    shuffled = np.random.default_rng(seed).permutation(len(targets))
    order = shuffled[np.argsort(targets[shuffled], kind="stable")]
    return np.sort(order[((np.arange(count) + 0.5) * len(targets) / count).astype(int)])
