"""Judging: two files on the same rows, with what they lose, what they cost, and what stands between them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import helper, numpy_helper
from support import onnx_files
from support.short_timing import short_timing

from flows.results.gate.judging import CHALLENGER, CHAMPION, GateTerms, bound_loss, judge, runtime_of
from tasks.core import Goal, MetricSpec, Runtime
from tasks.evaluation.evaluate import EvaluationData
from tasks.evaluation.groups import Group
from tasks.kernels.host.machine import host_name
from tasks.kernels.statistics.metrics import METRICS
from tasks.monitoring.promotion import gate_alpha

COLUMNS = {"a": onnx_files.FLOAT, "b": onnx_files.FLOAT}
COUNT = 2000


@pytest.fixture(autouse=True)
def _short() -> Iterator[None]:
    with short_timing():
        yield


def rows(count: int = COUNT) -> EvaluationData:
    """Two numbers, of which the second is twice the first one's help; one in twenty answers is wrong."""
    rng = np.random.default_rng(0)
    values = rng.normal(size=(count, 2)).astype(np.float32)
    targets = ((values @ [1.0, 2.0] > 0) ^ (rng.random(count) < 0.05)).astype(np.int64)
    groups = tuple(Group("sign", str(sign), np.flatnonzero((values[:, 0] > 0) == sign)) for sign in (False, True))
    return EvaluationData({"a": values[:, :1], "b": values[:, 1:]}, targets, groups=groups)


def file(place: Path, *weights: float, ballast: int = 0, columns: Any = None, classes: Any = ("no", "yes")) -> Path:
    """A linear model that says yes where the weighted columns are above 0, with bytes that do nothing."""
    made = onnx_files.table(columns or COLUMNS)
    weight = np.array([[-each, each] for each in weights], np.float32)
    made.graph.initializer[0].CopyFrom(numpy_helper.from_array(weight, "weight"))
    if ballast:
        extra = numpy_helper.from_array(np.zeros(ballast, np.float32), "ballast")
        made.graph.initializer.append(extra)
    helper.set_model_props(made, {"classes": json.dumps(classes)})
    onnx.save(made, str(place))
    return place


def scores(given: EvaluationData) -> dict[str, np.ndarray]:
    """Outputs of a champion that weighs the columns wrongly, and of a challenger that does not."""
    a, b = given.inputs["a"], given.inputs["b"]
    sums = {CHAMPION: 2 * a + b, CHALLENGER: a + 2 * b}
    return {name: np.concatenate([-each, each], axis=1) for name, each in sums.items()}


def terms(**changes: Any) -> GateTerms:
    goal = {"metric": "accuracy", "max_drop": 0.01, **changes.pop("goal", {})}
    given: dict[str, Any] = {"k": 1, "is_exact": True, **changes}
    metric = given.pop("metric", MetricSpec(goal["metric"]))
    return GateTerms(Goal.model_validate(goal), metric, Runtime(engine=("onnxruntime",)), **given)


def test_what_is_proven_better_is_promoted(tmp_path: Path) -> None:
    old, new = file(tmp_path / "old.onnx", 2, 1), file(tmp_path / "new.onnx", 1, 2)
    decided = judge(old, new, rows(), terms(champion_host=host_name(), goal={"limits": {"group_drop": 0.01}}))
    assert decided.verdict == "promote"
    assert decided.reason.startswith("promoted: proven better")
    assert f"on {COUNT:,} rows, margin 0.01" in decided.reason


def test_few_rows_prove_nothing_and_it_is_said_how_many_would(tmp_path: Path) -> None:
    big, small = file(tmp_path / "big.onnx", 1, 2, ballast=500_000), file(tmp_path / "small.onnx", 2, 4)
    decided = judge(big, small, rows(60), terms())
    assert decided.verdict == "not proven"
    assert decided.needed is not None
    assert decided.needed > 60
    assert f"about {decided.needed:,} rows would" in decided.reason
    one = rows(60)
    alone = EvaluationData({name: array[:1] for name, array in one.inputs.items()}, one.targets[:1])
    assert judge(big, small, alone, terms()).reason == "not proven, the champion stays: there are 1 fresh rows"


@pytest.mark.parametrize(
    ("columns", "classes", "told"),
    [
        ({"a": onnx_files.FLOAT, "c": onnx_files.FLOAT}, ("no", "yes"), "takes the input 'c', which the champion does"),
        (None, ("no", "maybe"), "has the classes no, maybe instead of the champion's no, yes"),
    ],
)
def test_another_interface_is_refused_in_a_sentence(tmp_path: Path, columns: Any, classes: Any, told: str) -> None:
    old = file(tmp_path / "old.onnx", 1, 2)
    weights = (1,) * len(columns or COLUMNS)
    new = file(tmp_path / "new.onnx", *weights, columns=columns, classes=classes)
    decided = judge(old, new, rows(), terms())
    assert decided.verdict == "stay"
    assert decided.reason.startswith(f"the champion stays: the challenger {told}")


def test_data_without_an_input_of_the_champion(tmp_path: Path) -> None:
    old, new = file(tmp_path / "old.onnx", 1, 2), file(tmp_path / "new.onnx", 1, columns={"a": onnx_files.FLOAT})
    given = rows()
    fewer = EvaluationData({"a": given.inputs["a"]}, given.targets)
    assert "comes from data without the champion's input 'b'" in judge(old, new, fewer, terms()).reason


def test_a_group_that_loses_and_another_host_are_obstacles(tmp_path: Path) -> None:
    """Fewer inputs are none."""
    old, new = file(tmp_path / "old.onnx", 1, 2), file(tmp_path / "new.onnx", 1, columns={"a": onnx_files.FLOAT})
    grouped = terms(goal={"limits": {"group_drop": 0.01}})
    assert judge(old, new, rows(), grouped).reason == "the champion stays: the challenger hurts sign=False, sign=True"
    elsewhere = terms(champion_host="A cpu, 8 cores, sse, onnxruntime 1.0")
    assert "different hosts: sse, onnxruntime 1.0, and" in judge(old, new, rows(), elsewhere).reason


def test_the_loss_is_in_the_metric_s_unit() -> None:
    rng = np.random.default_rng(1)
    targets = rng.normal(size=400)
    outputs = {CHAMPION: targets[:, None] + 2.0, CHALLENGER: targets[:, None] + rng.choice([-1.0, 1.0], (400, 1))}
    alpha = gate_alpha(0.05, 1)
    for name, expected in (("rmse", -1.0), ("mae", -1.0)):
        found = bound_loss(METRICS[name], outputs, targets, {}, alpha)
        assert found is not None
        assert found.value == pytest.approx(expected)
        assert found.upper < 0
        assert (found.n, found.alpha) == (400, alpha)


def test_a_metric_that_is_not_defined_proves_nothing(tmp_path: Path) -> None:
    old, new = file(tmp_path / "old.onnx", 2, 1), file(tmp_path / "new.onnx", 1, 2)
    given = rows()
    one_class = EvaluationData(given.inputs, np.ones_like(given.targets))
    asked = terms(goal={"metric": "roc_auc"}, metric=MetricSpec("roc_auc"))
    assert judge(old, new, one_class, asked).reason.endswith("roc_auc is not defined on the 2,000 fresh rows")
    found = bound_loss(METRICS["roc_auc"], scores(given), given.targets, {}, gate_alpha(0.05, 1))
    assert found is not None
    assert found.upper < 0, "the challenger is better"


def test_of_a_host_count_instruction_sets_and_the_runtime() -> None:
    assert runtime_of("A cpu, with a comma, 2 cores, avx2 avx512f, onnxruntime 1.2") == "avx2 avx512f, onnxruntime 1.2"
