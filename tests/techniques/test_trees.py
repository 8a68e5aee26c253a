"""trees and leaves: smaller ensembles that answer alike, or a refusal."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
import pytest
from contract import check
from pydantic import ValidationError
from support import onnx_files, tree_models

from tasks.core import Goal, Refusal
from tasks.kernels.estimators import tree_files
from tasks.kernels.onnx import sessions
from tasks.techniques import Leaves, Trees

BOTH: tuple[Trees | Leaves, ...] = (Trees(max_change=0.03), Leaves(max_change=0.03))


@pytest.mark.parametrize("kind", tree_models.KINDS)
@pytest.mark.parametrize("technique", BOTH, ids=lambda technique: technique.step)
def test_the_contract_holds(technique: Trees | Leaves, kind: str) -> None:
    model = tree_models.tree_file(kind)
    plan = check(technique, lambda seed: model, tree_models.tree_batches(kind))
    assert plan is not None
    assert plan["change"] <= 0.03
    assert plan["nodes"][0] < 0.8 * plan["nodes"][1]


@pytest.mark.parametrize("kind", tree_models.KINDS)
@pytest.mark.parametrize("technique", BOTH, ids=lambda technique: technique.step)
def test_answers_on_other_rows_change_about_as_much(technique: Trees | Leaves, kind: str) -> None:
    model, inputs = tree_models.tree_file(kind), {"x": tree_models.rows(2000, seed=8)}
    after = technique.apply(model, technique.plan(model, tree_models.tree_batches(kind)))
    name = "probabilities" if tree_models.classes_of(kind) else "prediction"
    answers = [sessions.run_all(data, inputs) for data in (model, after)]
    was, now = (np.asarray(each[name], float) for each in answers)
    assert ((now - was) ** 2).mean(axis=0).sum() / was.var(axis=0).sum() < 0.045
    if "label" in answers[1]:
        likeliest = [f"class {each}" for each in now.argmax(axis=1)]
        assert np.mean(answers[1]["label"] == likeliest) > 0.999, "ties aside, the label follows"


def test_the_number_of_trees_may_be_given() -> None:
    model, batches = tree_models.tree_file("forest"), tree_models.tree_batches("forest")
    for technique in (Trees(count=3), Trees(keep=0.1)):
        assert technique.plan(model, batches)["trees"] == [3, 30]
    with pytest.raises(Refusal, match="only 30 trees, and 30 were to be kept"):
        Trees(count=30).plan(model, batches)
    with pytest.raises(ValidationError, match="one of keep, count and max_change decides"):
        Trees(keep=0.5, count=3)


def test_a_settled_technique_keeps_as_many_whatever_they_change() -> None:
    model, batches = tree_models.tree_file("forest"), tree_models.tree_batches("forest")
    plan = Trees(max_change=0.03).plan(model, batches)
    settled = Trees(max_change=0.03).settled(plan)
    assert settled.max_change is None
    assert settled.plan(model, batches)["trees"] == plan["trees"]


def test_the_goal_fills_what_was_left_to_it() -> None:
    goal = Goal(metric="roc_auc", max_drop=0.01)
    assert Trees().for_goal(goal) == Trees(max_change=0.01)
    assert Leaves().for_goal(goal) == Leaves(max_change=0.01)
    assert Trees(keep=0.5).for_goal(goal) == Trees(keep=0.5)
    assert Leaves(max_change=0.5).for_goal(goal) == Leaves(max_change=0.5)
    assert Trees().for_goal(Goal(metric="r2", max_drop=0.02)).max_change == 0.02
    assert Trees().for_goal(Goal(metric="rmse", max_drop=3000)).max_change == 0.01


@pytest.mark.parametrize("technique", BOTH, ids=lambda technique: technique.step)
def test_what_is_refused(technique: Trees | Leaves) -> None:
    examples: Any = [({"pixels": np.zeros((4, 3, 8, 8), np.float32)}, None)]
    with pytest.raises(Refusal, match=f"{technique.step}: the file has no tree ensemble"):
        technique.plan(onnx_files.network().SerializeToString(), examples)
    forest, batches = tree_models.tree_file("forest"), tree_models.tree_batches("forest")
    with pytest.raises(Refusal, match="there are 7 calibration examples, and at least 30 are needed"):
        technique.plan(forest, [({"x": batches[0][0]["x"][:7]}, None)])
    plan = technique.plan(forest, batches)
    with pytest.raises(Refusal, match="made for another ensemble: this one has 40 trees"):
        technique.apply(tree_models.tree_file("boosted"), plan)
    with pytest.raises(Refusal, match="the file has 2 tree ensembles"):
        technique.plan(_twice(forest), batches)


def test_a_change_that_no_smaller_form_keeps_is_refused() -> None:
    model, batches = tree_models.tree_file("regression"), tree_models.tree_batches("regression")
    with pytest.raises(Refusal, match="nine tenths still change the answers by"):
        Trees(max_change=0).plan(model, batches)
    one = Trees(count=1).apply(model, Trees(count=1).plan(model, batches))
    with pytest.raises(Refusal, match="only one tree"):
        Trees().plan(one, batches)
    assert tree_files.ensemble_of(one).trees == 1
    assert Leaves(max_change=0.1).plan(one, batches)["trees"] == [1, 1]


def _twice(model: bytes) -> bytes:
    proto = onnx.load_from_string(model)
    [node] = [each for each in proto.graph.node if each.op_type.startswith("TreeEnsemble")]
    other = proto.graph.node.add()
    other.CopyFrom(node)
    other.output[:] = [f"{name}2" for name in node.output]
    return bytes(proto.SerializeToString())
