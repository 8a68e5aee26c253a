"""Tree pruning: fewer trees and merged leaves, and what they change."""

from __future__ import annotations

import numpy as np
import pytest
from support import tree_models

from tasks.kernels.estimators import tree_merging, tree_selection
from tasks.kernels.estimators.tree_evaluation import answers, leaves_reached
from tasks.kernels.estimators.tree_pruning import TreePruning, numbers_of, rebuild


def pruning(kind: str) -> TreePruning:
    return TreePruning(tree_models.tree_file(kind), {"x": tree_models.rows(200, seed=3)})


@pytest.mark.parametrize("kind", tree_models.KINDS)
def test_more_trees_change_less(kind: str) -> None:
    work = pruning(kind)
    few, many = (work.keep_trees(count) for count in (3, 18))
    assert (few.ensemble.trees, many.ensemble.trees) == (3, 18)
    assert many.change < few.change < 0.5
    assert many.change < 0.05


@pytest.mark.parametrize("kind", ["boosted", "boosted_classes"])
def test_chosen_trees_answer_more_like_all_than_the_first_ones(kind: str) -> None:
    work, x = pruning(kind), tree_models.rows(1000, seed=4)
    count = 6
    first = rebuild(work.ensemble, np.arange(count), ())
    all_of, chosen, prefix = (
        answers(each, leaves_reached(each, x)) for each in (work.ensemble, work.keep_trees(count).ensemble, first)
    )
    assert ((chosen - all_of) ** 2).mean() < 0.5 * ((prefix - all_of) ** 2).mean()


def test_what_is_averaged_stays_a_probability() -> None:
    work = pruning("forest")
    assert tree_selection.is_average(work.ensemble)
    pruned, x = work.keep_trees(5).ensemble, tree_models.rows(1000, seed=4)
    found = answers(pruned, leaves_reached(pruned, x))
    assert found.min() >= -1e-6
    assert found.max() <= 1 + 1e-6


@pytest.mark.parametrize("kind", tree_models.KINDS)
def test_stronger_merging_leaves_fewer_nodes(kind: str) -> None:
    work = pruning(kind)
    nodes, changes = [], []
    for share in (0.0, 0.5, 0.9):
        merged = work.merge_leaves(float(work.strengths[int(share * len(work.strengths))]))
        nodes.append(merged.ensemble.nodes)
        changes.append(merged.change)
    assert nodes[2] < nodes[1] < nodes[0] <= work.ensemble.nodes
    assert changes[0] < 0.01
    assert changes[0] < changes[2]


def test_the_weakest_link_is_the_one_that_changes_least() -> None:
    work = pruning("regression")
    leaves = leaves_reached(work.ensemble, tree_models.rows(500, seed=6))
    links = tree_merging.measure_links(work.ensemble, leaves)
    weights = np.bincount(leaves.ravel(), minlength=work.ensemble.nodes) + tree_merging.PRIOR
    pairs = np.flatnonzero(~work.ensemble.leaf & np.isin(work.ensemble.yes, np.flatnonzero(work.ensemble.leaf)))
    node = next(each for each in pairs if work.ensemble.leaf[work.ensemble.no[each]])
    ends = [work.ensemble.yes[node], work.ensemble.no[node]]
    values = work.ensemble.value[ends, 0].astype(float)
    mean = np.average(values, weights=weights[ends])
    assert links.mean[node, 0] == pytest.approx(mean, rel=1e-5)
    assert links.strength[node] == pytest.approx((weights[ends] * (values - mean) ** 2).sum(), rel=1e-3, abs=1e-9)


def test_equal_examples_are_refused() -> None:
    with pytest.raises(ValueError, match="every calibration example the same answer"):
        TreePruning(tree_models.tree_file("forest"), {"x": np.zeros((50, tree_models.COLUMNS), np.float32)})


def test_numbers_become_the_same_float_again() -> None:
    numbers = np.random.default_rng(0).normal(size=100).astype(np.float32)
    assert np.array_equal(np.array(numbers_of(numbers), np.float32), numbers)
