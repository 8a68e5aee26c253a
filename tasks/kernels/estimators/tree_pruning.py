"""Tree pruning: builds smaller forms of a file's tree ensemble, and measures how their answers change."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from tasks.kernels.estimators import tree_files, tree_merging, tree_selection
from tasks.kernels.estimators.tree_ensembles import NOWHERE, Floats, Integers, TreeEnsemble, take_nodes
from tasks.kernels.estimators.tree_evaluation import Doubles, answers, base_of, leaves_reached, sum_leaves
from tasks.kernels.estimators.tree_simplification import simplify
from tasks.kernels.onnx.sessions import Array

MIXED, CELLS = 4096, 40_000_000
"""Mixed rows on which trees are chosen and leaves fitted, and how many of their cells there are, at most."""
JUDGING = 3
"""Every example in this many judges the change; the others are mixed for choosing and fitting."""
FEWEST = 30
"""Calibration examples that are needed."""
REFITTED = 2000
"""Leaves of more than this many are not fitted again."""
ORDERED = 3e9
"""Trees are put in order until this many pairs were looked at; after these the rest follow as they stand."""


@dataclass(frozen=True)
class Pruned:
    """A smaller ensemble, and where it came from."""

    ensemble: TreeEnsemble
    trees: Integers
    """The trees that stay, of the simplified ensemble."""
    merged: Integers
    """Its splits that became leaves."""
    change: float
    """The share of the variance of the answers that the smaller ensemble does not reproduce."""


class TreePruning:
    """The smaller forms of one file's tree ensemble.

    Args:
        model: the bytes of an ONNX file.
        inputs: examples: raw inputs (count, ...) by name.

    Raises:
        ValueError: the file has no tree ensemble that can be pruned, there are too few examples, or the answers are the
            same for all of them.
    """

    def __init__(self, model: bytes, inputs: Mapping[str, Array]) -> None:
        if (count := len(next(iter(inputs.values())))) < FEWEST:
            raise ValueError(f"there are {count} calibration examples, and at least {FEWEST} are needed")
        self.ensemble = simplify(tree_files.ensemble_of(model))
        """The file's ensemble, without splits that decide nothing."""
        self._rows = tree_files.rows_read(model, {name: array[::JUDGING] for name, array in inputs.items()})
        self._answers = answers(self.ensemble, leaves_reached(self.ensemble, self._rows))
        self._deviation = float(self._answers.var(axis=0).sum())
        if self._deviation <= 0:
            raise ValueError("it gives every calibration example the same answer")
        rest = {name: array[np.arange(len(array)) % JUDGING > 0] for name, array in inputs.items()}
        columns = self._rows.shape[1] + sum(array[0].size for array in rest.values())
        mixed = tree_files.mix_rows(rest, min(MIXED, max(1, CELLS // columns)))
        self._mixed = tree_files.rows_read(model, mixed)
        self._average = tree_selection.is_average(self.ensemble)

    def keep_trees(self, count: int) -> Pruned:
        """The ensemble with the `count` trees that answer best like all, weighted, and fitted anew where it is free."""
        trees = np.sort(self._order[:count])
        kept = rebuild(self.ensemble, trees, ())
        mean = kept.averaged or not self._average
        share = np.full(count, 1.0 if mean else self.ensemble.trees / count)
        if not self._average:
            share = tree_selection.weights_of(self._products, trees)
            share = share * (count / self.ensemble.trees if kept.averaged else 1)
        value = (kept.value * share[kept.tree][:, None]).astype(np.float32)
        return self._best(replace(kept, value=value), trees, ())

    def merge_leaves(self, limit: float) -> Pruned:
        """The ensemble in which every subtree whose link is at most `limit` is a leaf; see `strengths`."""
        stand = tree_merging.weak_nodes(self.ensemble, self._links, limit)
        merged = np.unique(stand[~self.ensemble.leaf[stand] & (self._links.strength[stand] <= limit)])
        value = np.where(self.ensemble.leaf[:, None], self.ensemble.value, self._links.mean)
        trees = np.arange(self.ensemble.trees)
        return self._best(rebuild(replace(self.ensemble, value=value), trees, merged), trees, merged)

    @property
    def strengths(self) -> Doubles:
        """The links of all splits, ascending: what it costs to make a leaf of one, for each leaf fewer."""
        return np.sort(self._links.strength[~self.ensemble.leaf])

    @cached_property
    def _leaves(self) -> Integers:
        return leaves_reached(self.ensemble, self._mixed)

    @cached_property
    def _links(self) -> tree_merging.Links:
        return tree_merging.measure_links(self.ensemble, self._leaves)

    @cached_property
    def _products(self) -> Doubles:
        return tree_selection.products_of(self.ensemble.value, self._leaves, centred=not self._average)

    @cached_property
    def _order(self) -> Integers:
        trees = self.ensemble.trees
        count = min(trees, max(1, int(ORDERED / trees**2)))
        order = tree_selection.order_averaged if self._average else tree_selection.order_summed
        chosen = order(self._products, count)
        return np.concatenate([chosen, np.setdiff1d(np.arange(trees), chosen)])

    @cached_property
    def _sum(self) -> Doubles:
        return _scores(self.ensemble, self._leaves)

    def _best(self, pruned: TreeEnsemble, trees: Integers, merged: Sequence[int] | Integers) -> Pruned:
        """The ensemble as it is where it is an average; else with a new base and, where that is better, new leaves."""
        if self._average:
            return self._judged(pruned, trees, merged)
        leaves = leaves_reached(pruned, self._mixed)
        base = base_of(pruned) + (self._sum - _scores(pruned, leaves)).mean(axis=0)
        alone = pruned.classes and pruned.outputs == 2 and len(pruned.written) == 1
        numbers = np.full(max(len(pruned.base), 1), base[pruned.written[0]]) if alone else base
        pruned = replace(pruned, base=numbers.astype(np.float32))
        plain = self._judged(pruned, trees, merged)
        if np.count_nonzero(pruned.leaf) > REFITTED:
            return plain
        missing = (self._sum - _scores(pruned, leaves)) * (pruned.trees if pruned.averaged else 1)
        fitted = replace(pruned, value=tree_selection.refit_leaves(pruned, leaves, missing))
        return min(plain, self._judged(fitted, trees, merged), key=lambda each: each.change)

    def _judged(self, pruned: TreeEnsemble, trees: Integers, merged: Sequence[int] | Integers) -> Pruned:
        found = answers(pruned, leaves_reached(pruned, self._rows))
        lost = float(((found - self._answers) ** 2).mean(axis=0).sum())
        return Pruned(pruned, trees, np.asarray(merged, np.int64), lost / self._deviation)


def _scores(ensemble: TreeEnsemble, leaves: Integers) -> Doubles:
    return sum_leaves(ensemble.value, leaves) / (ensemble.trees if ensemble.averaged else 1) + base_of(ensemble)


def rebuild(ensemble: TreeEnsemble, trees: Integers, merged: Sequence[int] | Integers) -> TreeEnsemble:
    """Only these trees of the ensemble, with the splits `merged` as leaves, which give what `value` says."""
    mode, at = ensemble.mode.copy(), np.asarray(merged, np.int64)
    mode[at] = 0
    arrays = {name: getattr(ensemble, name).copy() for name in ("yes", "no", "feature", "threshold", "missing")}
    for name, nothing in (("yes", NOWHERE), ("no", NOWHERE), ("feature", 0), ("threshold", 0), ("missing", False)):
        arrays[name][at] = nothing
    split = mode > 0
    value = np.where(split[:, None], 0, ensemble.value)
    given = tree_merging.written_below(ensemble) & ~split[:, None]
    shorter = replace(ensemble, mode=mode, value=value.astype(np.float32), given=given, **arrays)
    return take_nodes(shorter, ensemble.roots[trees])


def with_numbers(ensemble: TreeEnsemble, values: Sequence[float], base: Sequence[float]) -> TreeEnsemble:
    """The ensemble with these values of its leaves, in the order of its nodes and outputs, and this base."""
    value = np.zeros_like(ensemble.value)
    value[ensemble.given] = values
    return replace(ensemble, value=value, base=np.array(base, np.float32))


def numbers_of(array: Floats) -> list[float]:
    """The shortest numbers that become the same float32 again."""
    return [float(str(number)) for number in array]
