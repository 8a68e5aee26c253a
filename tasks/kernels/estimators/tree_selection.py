"""Tree selection: which trees of an ensemble answer best like all of them, and with what weights.

Averaged trees keep equal weights (ordered aggregation, Martínez-Muñoz and Suárez 2006); trees whose sum is free to grow
are chosen by forward regression on that sum.
"""

from __future__ import annotations

import numpy as np

from tasks.kernels.estimators.tree_ensembles import Floats, Integers, TreeEnsemble
from tasks.kernels.estimators.tree_evaluation import Doubles

RIDGE = 1e-3
"""Penalty on the trees' weights, as a share of their mean square."""


def is_average(ensemble: TreeEnsemble) -> bool:
    """Whether the sum is a probability by itself, so that weights must be equal for it to stay one."""
    return ensemble.classes and ensemble.transform == "NONE" and bool((ensemble.value >= 0).all())


def products_of(value: Floats, leaves: Integers, centred: bool) -> Doubles:
    """The products of what each two trees add, summed over rows and outputs (trees, trees).

    `centred` takes each tree's mean off before, for weights that come with a new base.
    """
    total = np.zeros((leaves.shape[1],) * 2)
    for output in value.T:
        added = output[leaves].astype(np.float64)
        added -= added.mean(axis=0) if centred else 0
        total += added.T @ added
    return total


def order_averaged(products: Doubles, count: int) -> Integers:
    """The first `count` trees in the order in which their mean approaches the mean of all fastest."""
    trees = len(products)
    to_all = products.sum(axis=1)
    chosen: list[int] = []
    inside, among, toward = np.zeros(trees), 0.0, 0.0
    for size in range(1, count + 1):
        scale = trees / size
        error = scale**2 * (among + 2 * inside + products.diagonal()) - 2 * scale * (toward + to_all)
        error[chosen] = np.inf
        best = int(error.argmin())
        among += 2 * inside[best] + products[best, best]
        toward += to_all[best]
        inside += products[:, best]
        chosen.append(best)
    return np.array(chosen)


def order_summed(products: Doubles, count: int) -> Integers:
    """The first `count` trees by forward regression on the sum of all: each explains most of what is left."""
    left = products + np.eye(len(products)) * _penalty(products)
    missing = products.sum(axis=1)
    chosen: list[int] = []
    for _ in range(count):
        size = np.maximum(left.diagonal(), 1e-300)
        gain = missing**2 / size
        gain[chosen] = -1
        best = int(gain.argmax())
        column = left[:, best] / np.sqrt(size[best])
        missing = missing - column * missing[best] / np.sqrt(size[best])
        left = left - np.outer(column, column)
        chosen.append(best)
    return np.array(chosen)


def weights_of(products: Doubles, chosen: Integers) -> Doubles:
    """The weights (chosen,) with which the chosen trees come closest to the sum of all."""
    among = products[np.ix_(chosen, chosen)]
    penalty = np.eye(len(chosen)) * max(_penalty(among), 1e-12)
    return np.asarray(np.linalg.solve(among + penalty, products[chosen].sum(axis=1)))


def _penalty(products: Doubles) -> float:
    return RIDGE * float(products.diagonal().mean())


def refit_leaves(ensemble: TreeEnsemble, leaves: Integers, missing: Doubles) -> Floats:
    """New values of the leaves (nodes, outputs) that also add what is `missing` from the answer's sum.

    Ridge regression toward the present values (Ren et al. 2015 "Global Refinement of Random Forest").

    Args:
        leaves: the leaves that rows reach (rows, trees).
        missing: for the same rows (rows, outputs).
    """
    from scipy import sparse

    nodes, place = np.unique(leaves, return_inverse=True)
    starts = np.arange(0, leaves.size + 1, leaves.shape[1])
    reached = sparse.csr_matrix((np.ones(leaves.size), place.ravel(), starts), shape=(len(leaves), len(nodes)))
    value = ensemble.value.astype(np.float64)
    for output in ensemble.written:
        own = np.flatnonzero(ensemble.given[nodes, output])
        part = reached[:, own]
        system: Doubles = (part.T @ part).toarray() + np.eye(len(own))
        wanted: Doubles = np.asarray(part.T @ missing[:, output])
        value[nodes[own], output] += np.linalg.solve(system, wanted)
    return value.astype(np.float32)
