"""Tree simplification: splits that decide nothing go, and every answer stays."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from support import tree_models

from tasks.kernels.estimators import tree_files
from tasks.kernels.estimators.tree_ensembles import TreeEnsemble
from tasks.kernels.estimators.tree_evaluation import answers, leaves_reached
from tasks.kernels.estimators.tree_simplification import simplify


def tree(modes: list[int], bounds: list[float], values: list[float], missing: bool = False) -> TreeEnsemble:
    """Two splits of column 0: the root, with leaf 4 on `no`, and below its `yes` a split into leaves 2 and 3."""
    split = np.array([True, True, False, False, False])
    return TreeEnsemble(
        tree=np.zeros(5, np.int64),
        mode=np.array([*modes, 0, 0, 0]),
        feature=np.zeros(5, np.int64),
        threshold=np.array([*bounds, 0, 0, 0], np.float32),
        missing=split & missing,
        yes=np.array([1, 2, -1, -1, -1]),
        no=np.array([4, 3, -1, -1, -1]),
        value=np.array([[0], [0], *([each] for each in values)], np.float32),
        given=~split[:, None],
        base=np.zeros(0, np.float32),
        averaged=False,
        transform="NONE",
        classes=False,
    )


LEQ, LT, GTE, GT, EQ, NEQ = range(1, 7)


@pytest.mark.parametrize(
    ("modes", "bounds", "nodes"),
    [
        ([LEQ, LEQ], [1, 2], 3),
        ([LEQ, LEQ], [1, 1], 3),
        ([LEQ, LEQ], [2, 1], 5),
        ([LEQ, GT], [1, 1], 3),
        ([LT, GTE], [1, 1], 3),
        ([LEQ, GTE], [1, 1], 5),
        ([GT, LT], [1, 1], 3),
        ([GTE, LT], [1, 1], 3),
        ([EQ, EQ], [1, 1], 3),
        ([EQ, NEQ], [1, 1], 3),
        ([EQ, LEQ], [1, 3], 3),
        ([NEQ, LEQ], [1, 1], 5),
    ],
)
def test_a_decision_that_was_taken_above_goes(modes: list[int], bounds: list[float], nodes: int) -> None:
    before = tree(modes, bounds, [1, 2, 3])
    after = simplify(before)
    assert after.nodes == nodes
    near = [np.nextafter(np.float32(each), np.float32(way)) for each in (0, 1, 2, 3) for way in (-9, 9)]
    x = np.array([*near, 0, 1, 2, 3, np.inf, -np.inf, np.nan], np.float32)[:, None]
    assert np.array_equal(answers(after, leaves_reached(after, x)), answers(before, leaves_reached(before, x)))


def test_missing_values_may_need_a_split_that_numbers_do_not() -> None:
    before = tree([LEQ, LEQ], [1, 2], [1, 2, 3], missing=True)
    assert simplify(before).nodes == 3, "they take the same way as numbers"
    back = replace(before, missing=np.array([True, False, False, False, False]))
    assert simplify(back).nodes == 5, "they alone take the other way"


def test_equal_ways_become_one() -> None:
    assert simplify(tree([LEQ, LEQ], [2, 1], [7, 7, 3])).nodes == 3
    assert simplify(tree([LEQ, LEQ], [2, 1], [7, 7, 7])).nodes == 1


@pytest.mark.parametrize("kind", tree_models.KINDS)
def test_trained_ensembles_answer_the_same(kind: str) -> None:
    before = tree_files.ensemble_of(tree_models.tree_file(kind))
    after, x = simplify(before), tree_models.rows(800, seed=5)
    assert after.nodes <= before.nodes
    assert np.array_equal(answers(after, leaves_reached(after, x)), answers(before, leaves_reached(before, x)))
