"""Split strategies: disjoint, complete, in the shares asked for, and true to classes, time or groups."""

from __future__ import annotations

import numpy as np
import pytest

from tasks.data.splits import split_strategies
from tasks.data.splits.split_strategies import Parts

BOTH: split_strategies.Fractions = {"validation": 0.2, "test": 0.2}


def assert_partition(parts: Parts, count: int) -> None:
    together = np.concatenate(list(parts.values()))
    assert sorted(together.tolist()) == list(range(count))
    assert all((np.diff(rows) > 0).all() for rows in parts.values())


def test_stratified_keeps_the_shares_of_each_class() -> None:
    labels = np.array([0] * 50 + [1] * 10 + [2] * 3)
    parts = split_strategies.stratified(labels, BOTH, seed=0)
    assert_partition(parts, 63)
    # 20 % of 50, of 10, and at least one of 3
    assert np.bincount(labels[parts["test"]]).tolist() == [10, 2, 1]
    assert np.bincount(labels[parts["validation"]]).tolist() == [10, 2, 1]
    assert np.bincount(labels[parts["train"]]).tolist() == [30, 6, 1]


def test_stratified_leaves_train_an_example_however_large_the_parts() -> None:
    parts = split_strategies.stratified(np.zeros(4, int), {"validation": 0.49, "test": 0.49}, seed=0)
    assert [len(parts[name]) for name in ("train", "validation", "test")] == [1, 2, 1]


def test_another_seed_cuts_otherwise_and_the_same_seed_does_not() -> None:
    labels = np.arange(300) % 3
    first, again, other = (split_strategies.stratified(labels, BOTH, seed)["test"].tolist() for seed in (0, 0, 1))
    assert first == again != other


def test_time_tests_on_the_latest() -> None:
    times = np.array([9, 1, 8, 2, 7, 3, 6, 4, 5, 0])
    parts = split_strategies.by_time(times, BOTH)
    assert_partition(parts, 10)
    assert sorted(times[parts["test"]]) == [8, 9]
    assert sorted(times[parts["validation"]]) == [6, 7]


def test_equal_times_stay_together_in_the_later_part() -> None:
    times = np.array([0, 0, 1, 1, 1, 2, 2, 2, 3, 3])  # the cuts at 6 and 8 fall inside 2 and before 3
    parts = split_strategies.by_time(times, BOTH)
    assert times[parts["train"]].tolist() == [0, 0, 1, 1, 1]
    assert times[parts["validation"]].tolist() == [2, 2, 2]
    assert times[parts["test"]].tolist() == [3, 3]


@pytest.mark.parametrize("seed", range(5))
def test_no_group_is_in_two_parts(seed: int) -> None:
    groups = np.repeat(np.arange(20), np.arange(1, 21))
    parts = split_strategies.by_group(groups, BOTH, seed)
    assert_partition(parts, len(groups))
    held = [set(groups[rows].tolist()) for rows in parts.values()]
    assert sum(len(part) for part in held) == len(set.union(*held)) == 20
    assert 42 <= len(parts["test"]) <= 42 + 19  # at least 20 % of 210, and at most one group too many


def test_three_groups_make_three_parts() -> None:
    for seed in range(5):
        parts = split_strategies.by_group(np.array([0, 0, 0, 0, 1, 2]), {"validation": 0.4, "test": 0.4}, seed)
        assert all(len(rows) for rows in parts.values())


def test_the_sample_is_spread_over_classes_and_values() -> None:
    labels = np.array([0] * 80 + [1] * 20)
    assert np.bincount(labels[split_strategies.sample(labels, 10, seed=0)]).tolist() == [8, 2]
    values = np.linspace(0, 1, 1000)[np.random.default_rng(0).permutation(1000)]
    assert values[split_strategies.sample(values, 10, seed=0)].mean() == pytest.approx(0.5, abs=0.002)


def test_a_sample_larger_than_all_is_all() -> None:
    assert split_strategies.sample(np.zeros(3), 10, seed=0).tolist() == [0, 1, 2]
