"""Tree evaluation: which leaves rows reach, what their values add up to, and what the ensemble answers, in NumPy."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from tasks.kernels.estimators.tree_ensembles import Flags, Floats, Integers, TreeEnsemble

Doubles = NDArray[np.float64]
CELLS = 4_000_000
"""Rows are followed in parts of this many pairs (row, tree)."""


def leaves_reached(ensemble: TreeEnsemble, rows: Floats) -> Integers:
    """The leaf that each row reaches in each tree, (rows, trees), as indices of nodes. `rows` is (rows, columns)."""
    step = max(1, CELLS // ensemble.trees)
    parts = [_descend(ensemble, rows[at : at + step]) for at in range(0, len(rows), step)]
    return np.concatenate(parts) if parts else np.zeros((0, ensemble.trees), np.int64)


def _descend(ensemble: TreeEnsemble, rows: Floats) -> Integers:
    at = np.tile(ensemble.roots, (len(rows), 1)).ravel()
    number = np.repeat(np.arange(len(rows)), ensemble.trees)
    moving = np.flatnonzero(~ensemble.leaf[at])
    while len(moving):
        node = at[moving]
        met = _compare(ensemble, node, rows[number[moving], ensemble.feature[node]])
        at[moving] = np.where(met, ensemble.yes[node], ensemble.no[node])
        moving = moving[~ensemble.leaf[at[moving]]]
    return at.reshape(len(rows), ensemble.trees)


def _compare(ensemble: TreeEnsemble, node: Integers, value: Floats) -> Flags:
    """Whether each value goes to `yes` at its node."""
    bound = ensemble.threshold[node]
    tests = (value <= bound, value < bound, value >= bound, value > bound, value == bound, value != bound)
    met = np.choose(ensemble.mode[node] - 1, tests)
    return np.asarray(met | (ensemble.missing[node] & np.isnan(value)))


def sum_leaves(value: Floats, leaves: Integers) -> Doubles:
    """The sum over the trees of `value` (nodes, outputs) at the leaves (rows, trees): (rows, outputs)."""
    total = np.zeros((len(leaves), value.shape[1]))
    for column in leaves.T:
        total += value[column]
    return total


def answers(ensemble: TreeEnsemble, leaves: Integers) -> Doubles:
    """What the ensemble answers for rows that reach `leaves`: probabilities (rows, classes), or (rows, targets)."""
    total = sum_leaves(ensemble.value, leaves) / (ensemble.trees if ensemble.averaged else 1)
    return transform(ensemble, total + base_of(ensemble))


def base_of(ensemble: TreeEnsemble) -> Doubles:
    """What is added to each output, (outputs,). Where one of two classes is written, its number is the last."""
    base = np.zeros(ensemble.outputs)
    if len(ensemble.base) == ensemble.outputs and len(ensemble.written) == ensemble.outputs:
        base += ensemble.base
    elif len(ensemble.base):
        base[ensemble.written] = ensemble.base[-1]
    return base


def transform(ensemble: TreeEnsemble, total: Doubles) -> Doubles:
    """The answers for sums of the leaves and the base, both (rows, outputs)."""
    if ensemble.classes and ensemble.outputs == 2 and len(ensemble.written) == 1:
        second = total[:, ensemble.written]
        if ensemble.transform == "LOGISTIC":
            second = _logistic(second)
        return np.concatenate([1 - second, second], axis=1)
    if ensemble.transform == "LOGISTIC":
        return _logistic(total)
    if ensemble.transform == "NONE":
        return total
    grown = np.exp(total - total.max(axis=1, keepdims=True))
    return np.asarray(grown / grown.sum(axis=1, keepdims=True))


def _logistic(total: Doubles) -> Doubles:
    return np.asarray(0.5 * (1 + np.tanh(0.5 * total)))
