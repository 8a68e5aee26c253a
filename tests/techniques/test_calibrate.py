"""calibrate: probabilities that mean what they say, fitted on rows that were held out, or a refusal."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from contract import check
from support import onnx_files, tree_models

from tasks.core import Refusal
from tasks.kernels.onnx import sessions
from tasks.techniques import Calibrate


def too_sure(kind: str, power: float = 3.0) -> tuple[bytes, Any]:
    """The trained ensemble with log-odds three times as far from 0, and held-out examples."""
    plan = {"output": "probabilities", "slope": power, "offset": [], "labels": {}}
    file = Calibrate().apply(tree_models.tree_file(kind), plan)
    return file, tree_models.tree_batches(kind, 1500, seed=4)


def log_loss(data: bytes, batches: Any) -> float:
    losses = []
    for inputs, classes in batches:
        found = sessions.run_all(data, inputs)["probabilities"]
        losses.append(-np.log(np.maximum(found[np.arange(len(classes)), classes], 1e-7)))
    return float(np.concatenate(losses).mean())


@pytest.mark.parametrize(
    ("kind", "method"), [("boosted", "auto"), ("boosted", "temperature"), ("boosted_classes", "auto")]
)
def test_the_contract_holds_and_log_loss_falls(kind: str, method: Any) -> None:
    technique, (model, batches) = Calibrate(method=method), too_sure(kind)
    plan = check(technique, lambda seed: model, batches)
    assert plan is not None
    assert plan["slope"] < 0.7
    assert bool(plan["labels"]) == (kind == "boosted" and method == "auto")
    new = tree_models.tree_batches(kind, 2000, seed=7)
    after = technique.apply(model, plan)
    assert log_loss(after, new) < log_loss(model, new) - 0.05
    answers = sessions.run_all(after, new[1][0])
    assert list(answers["label"]) == [f"class {each}" for each in answers["probabilities"].argmax(axis=1)]


def test_rows_of_the_training_are_refused() -> None:
    x = tree_models.rows(1200, seed=1)
    batches = [({"x": x}, tree_models.targets(x, 2))]
    with pytest.raises(Refusal, match=r"trained on the calibration examples: give data\.calibration"):
        Calibrate().plan(tree_models.tree_file("boosted"), batches)
    answers = sessions.run_all(tree_models.tree_file("boosted"), batches[0][0])["probabilities"].argmax(axis=1)
    with pytest.raises(Refusal, match=r"right in 100\.00% of the calibration examples"):
        Calibrate().plan(tree_models.tree_file("boosted"), [(batches[0][0], answers)])


def test_nothing_gained_is_refused() -> None:
    model, batches = too_sure("boosted")
    after = Calibrate().apply(model, Calibrate().plan(model, batches))
    with pytest.raises(Refusal, match="gains nothing: log loss falls by"):
        Calibrate().plan(after, tree_models.tree_batches("boosted", 1500, seed=4))


def test_what_has_no_probabilities_is_refused() -> None:
    with pytest.raises(Refusal, match="prediction is read as rows, and not as probabilities of all classes"):
        Calibrate().plan(tree_models.tree_file("regression"), tree_models.tree_batches("regression"))
    examples: Any = [({"pixels": np.zeros((4, 3, 8, 8), np.float32)}, None)]
    with pytest.raises(Refusal, match="read as rows"):
        Calibrate().plan(onnx_files.network().SerializeToString(), examples)
    three, boosted = tree_models.tree_file("boosted_classes"), tree_models.tree_file("boosted")
    with pytest.raises(Refusal, match="sigmoid is for two classes, and probabilities has 3"):
        Calibrate(method="sigmoid").plan(three, tree_models.tree_batches("boosted_classes"))
    with pytest.raises(Refusal, match="the calibration examples have no classes"):
        Calibrate().plan(boosted, [({"x": tree_models.rows(9)}, None)])
    with pytest.raises(Refusal, match="no class indices below 2"):
        Calibrate().plan(boosted, [({"x": tree_models.rows(3)}, np.array([0, 1, 2]))])


def test_a_plan_for_another_file_is_refused() -> None:
    plan = {"output": "probabilities", "slope": 1.0, "offset": [], "labels": {}}
    with pytest.raises(Refusal, match="made for another file: this one has no output probabilities"):
        Calibrate().apply(tree_models.tree_file("regression"), plan)
