"""Tree merging: subtrees whose leaves differ little become one leaf with their mean."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tasks.kernels.estimators.tree_ensembles import Flags, Floats, Integers, TreeEnsemble
from tasks.kernels.estimators.tree_evaluation import Doubles

PRIOR = 0.1
"""Rows that every leaf counts for besides those that reach it."""


@dataclass(frozen=True)
class Links:
    """What it costs to make a leaf of each split, and the leaf's value."""

    strength: Doubles
    """(nodes,): the squared change of what the tree adds, summed over rows, for each leaf fewer; infinite in leaves."""
    mean: Floats
    """(nodes, outputs): the mean of the leaves below, weighted by the rows that reach them."""


def measure_links(ensemble: TreeEnsemble, leaves: Integers) -> Links:
    """The links of all nodes, from the leaves that rows reach (rows, trees)."""
    leaf = ensemble.leaf
    weight = np.where(leaf, np.bincount(leaves.ravel(), minlength=ensemble.nodes) + PRIOR, 0.0)
    total = weight[:, None] * ensemble.value
    square, count = total * ensemble.value, leaf.astype(np.float64)
    for level in reversed(_levels(ensemble)):
        splits = level[~leaf[level]]
        yes, no = ensemble.yes[splits], ensemble.no[splits]
        for each in (weight, total, square, count):
            each[splits] = each[yes] + each[no]
    mean = total / weight[:, None]
    lost = np.maximum(square - total * mean, 0).sum(axis=1)
    strength = np.where(leaf, np.inf, lost / np.maximum(count - 1, 1))
    return Links(strength, mean.astype(np.float32))


def written_below(ensemble: TreeEnsemble) -> Flags:
    """(nodes, outputs): whether the node, or any leaf below it, writes the output."""
    given = ensemble.given.copy()
    for level in reversed(_levels(ensemble)):
        splits = level[~ensemble.leaf[level]]
        given[splits] = given[ensemble.yes[splits]] | given[ensemble.no[splits]]
    return given


def _levels(ensemble: TreeEnsemble) -> list[Integers]:
    """The nodes by their depth; one with several parents at its greatest depth."""
    depth = np.zeros(ensemble.nodes, np.int64)
    level, number = ensemble.roots, 0
    while len(level):
        depth[level] = number
        splits = level[~ensemble.leaf[level]]
        level, number = np.unique(np.concatenate([ensemble.yes[splits], ensemble.no[splits]])), number + 1
    order = np.argsort(depth, kind="stable")
    return np.split(order, np.flatnonzero(np.diff(depth[order])) + 1)


def weak_nodes(ensemble: TreeEnsemble, links: Links, limit: float) -> Integers:
    """For each node the topmost split above it, or itself, whose link is at most `limit`; else the node itself.

    A node with several parents stays apart from them.
    """
    stand = np.arange(ensemble.nodes)
    splits = ~ensemble.leaf
    links_to = np.bincount(np.concatenate([ensemble.yes[splits], ensemble.no[splits]]), minlength=ensemble.nodes)
    inside = (links.strength <= limit) & ~_above_shared(ensemble, links_to > 1)
    for level in _levels(ensemble):
        at = level[inside[level] & splits[level]]
        for child in (ensemble.yes[at], ensemble.no[at]):
            stand[child], inside[child] = stand[at], True
    return stand


def _above_shared(ensemble: TreeEnsemble, shared: Flags) -> Flags:
    """Which nodes have a node below them that several splits lead to, or are one."""
    found = shared.copy()
    for level in reversed(_levels(ensemble)):
        at = level[~ensemble.leaf[level]]
        found[at] |= found[ensemble.yes[at]] | found[ensemble.no[at]]
    return found
