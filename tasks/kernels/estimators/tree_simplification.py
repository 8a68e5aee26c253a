"""Tree simplification: the same answers from fewer nodes.

A split goes where every row that arrives takes the same way, because splits above it on the same column leave no other,
and where both of its ways end alike.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from tasks.kernels.estimators.tree_ensembles import NOWHERE, Flags, Floats, Integers, TreeEnsemble, take_nodes

_LEQ, _LT, _GTE, _GT, _EQ, _NEQ = range(1, 7)


def simplify(ensemble: TreeEnsemble) -> TreeEnsemble:
    """The ensemble without splits that decide nothing; every row, also with NaN, gets the same leaf values."""
    shorter = redirect(ensemble, _open_way(ensemble))
    return redirect(shorter, _same_ways(shorter))


def redirect(ensemble: TreeEnsemble, stand: Integers) -> TreeEnsemble:
    """The ensemble in which node `stand[i]`, a descendant of node i or itself, takes the place of node i."""
    while not np.array_equal(stand, stand[stand]):
        stand = stand[stand]
    split = ~ensemble.leaf
    yes, no = (np.where(split, stand[child], NOWHERE) for child in (ensemble.yes, ensemble.no))
    return take_nodes(replace(ensemble, yes=yes, no=no), stand[ensemble.roots])


@dataclass
class _Range:
    """The values of a column that can arrive, per node: low to high, both included, and whether NaN can."""

    low: Floats
    high: Floats
    nan: Flags

    @property
    def open(self) -> Flags:
        return (self.low <= self.high) | self.nan


def _open_way(ensemble: TreeEnsemble) -> Integers:
    """For each split with one way only that child, for every other node itself."""
    above, side = _same_column(ensemble)
    infinite = np.full(ensemble.nodes, np.inf, np.float32)
    arrives = _Range(-infinite, infinite.copy(), np.ones(ensemble.nodes, bool))
    known = np.flatnonzero((above == NOWHERE) & ~ensemble.leaf)
    while len(known):
        ways = _ways(ensemble, arrives)
        waiting = np.flatnonzero(np.isin(above, known))
        for name in ("low", "high", "nan"):
            yes, no = (getattr(way, name)[above[waiting]] for way in ways)
            getattr(arrives, name)[waiting] = np.where(side[waiting], yes, no)
        known = waiting
    yes, no = (way.open for way in _ways(ensemble, arrives))
    stand = np.arange(ensemble.nodes)
    split = ~ensemble.leaf
    stand = np.where(split & yes & ~no, ensemble.yes, stand)
    return np.where(split & no & ~yes, ensemble.no, stand)


def _same_column(ensemble: TreeEnsemble) -> tuple[Integers, Flags]:
    """For each split the nearest split above it on its column, or NOWHERE, and whether it lies on that one's `yes`.

    The search ends at a node that several splits lead to.
    """
    split = np.flatnonzero(~ensemble.leaf)
    parent, on_yes = np.full(ensemble.nodes, NOWHERE), np.zeros(ensemble.nodes, bool)
    for children, flag in ((ensemble.no, False), (ensemble.yes, True)):
        parent[children[split]], on_yes[children[split]] = split, flag
    links = np.bincount(np.concatenate([ensemble.yes[split], ensemble.no[split]]), minlength=ensemble.nodes)
    parent[links > 1] = NOWHERE
    above, side = np.full(ensemble.nodes, NOWHERE), np.zeros(ensemble.nodes, bool)
    seeker, at = split, split
    while len(seeker):
        way, at = on_yes[at], parent[at]
        here = at != NOWHERE
        seeker, way, at = seeker[here], way[here], at[here]
        found = ensemble.feature[at] == ensemble.feature[seeker]
        above[seeker[found]], side[seeker[found]] = at[found], way[found]
        seeker, at = seeker[~found], at[~found]
    return above, side


def _ways(ensemble: TreeEnsemble, arrives: _Range) -> tuple[_Range, _Range]:
    """What goes to `yes` and to `no` of each node."""
    mode, bound = ensemble.mode, ensemble.threshold
    after, before = np.nextafter(bound, np.float32(np.inf)), np.nextafter(bound, np.float32(-np.inf))
    bounds_on_yes = {_LEQ: bound, _LT: before, _EQ: bound}, {_GTE: bound, _GT: after, _EQ: bound}
    bounds_on_no = {_GTE: before, _GT: bound, _NEQ: bound}, {_LEQ: after, _LT: bound, _NEQ: bound}
    to_yes = ensemble.missing | (mode == _NEQ)
    ways = []
    for (most, least), nan, excluded in ((bounds_on_yes, to_yes, _NEQ), (bounds_on_no, ~to_yes, _EQ)):
        high, low = arrives.high, arrives.low
        for code, limit in most.items():
            high = np.where(mode == code, np.minimum(high, limit), high)
        for code, limit in least.items():
            low = np.where(mode == code, np.maximum(low, limit), low)
        gone = (mode == excluded) & (arrives.low == bound) & (arrives.high == bound)
        ways.append(_Range(np.where(gone, np.float32(np.inf), low), high, arrives.nan & nan))
    return ways[0], ways[1]


def _same_ways(ensemble: TreeEnsemble) -> Integers:
    """For each split whose two subtrees are equal the one on `yes`, for every other node itself."""
    stand = np.arange(ensemble.nodes)
    numbers: dict[tuple[object, ...], int] = {}
    number = [0] * ensemble.nodes
    columns = (ensemble.mode, ensemble.feature, ensemble.threshold, ensemble.missing, ensemble.yes, ensemble.no)
    tests = list(zip(*(column.tolist() for column in columns), strict=True))
    for node in range(ensemble.nodes - 1, -1, -1):
        mode, feature, threshold, missing, yes, no = tests[node]
        if not mode:
            key: tuple[object, ...] = (ensemble.value[node].tobytes(), ensemble.given[node].tobytes())
        elif number[yes] == number[no]:
            stand[node], number[node] = yes, number[yes]
            continue
        else:
            key = (mode, feature, threshold, missing, number[yes], number[no])
        number[node] = numbers.setdefault(key, len(numbers))
    return stand
