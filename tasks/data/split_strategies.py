"""Which examples go into which split: pure functions from labels and numbers to sorted positions."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from tasks.core import SplitName

Fractions = Mapping[SplitName, float]
"""The share of the whole that each part besides train takes, in order of time: validation before test."""

Parts = dict[SplitName, np.ndarray]
"""Sorted positions of each part, `train` among them."""


def stratified(labels: np.ndarray, fractions: Fractions, seed: int) -> Parts:
    """A random cut with every class in every part, in shares as near to `fractions` as whole examples allow.

    `labels`: int (count,); give zeros to cut without classes. Each class must have at least one example for
    each part, train included.
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
    """The oldest examples are train, then come the parts in order; equal times stay together."""
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
    """Whole groups in random order fill each part until it holds its fraction; no group is in two parts.

    `groups`: int (count,). There must be at least as many groups as parts, train included.
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
    """Sorted positions of `count` examples spread evenly over the sorted targets, so stratified."""
    if count >= len(targets):
        return np.arange(len(targets))
    shuffled = np.random.default_rng(seed).permutation(len(targets))
    order = shuffled[np.argsort(targets[shuffled], kind="stable")]
    return np.sort(order[((np.arange(count) + 0.5) * len(targets) / count).astype(int)])
