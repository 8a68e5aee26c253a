"""Answer rules: thresholds and costs that travel in the product's file."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from support import onnx_files

from tasks.conversion.answer_rule import AnswerRule, keep_rule, read_rule
from tasks.core import MetricSpec, Store
from tasks.kernels.onnx import compose, description, sessions

CLASSES = ("no", "yes")
SHARES = np.array([[0.7, 0.3], [0.6, 0.4], [0.1, 0.9]])


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "store")


def product(store: Store, classes: tuple[str, ...] = CLASSES) -> str:
    model = onnx_files.network(classes=len(classes))
    return store.put(compose.label(model, {"classes": json.dumps(classes), "kind": "images"}))


def test_a_threshold_is_kept_and_applied(store: Store) -> None:
    content = product(store)
    spec = MetricSpec("recall_at_precision", positive=1, label="yes")
    file = keep_rule(content, spec, 0.35, store)
    assert file != content
    said = description.metadata(store.path(file))
    assert json.loads(said["threshold"]) == {"class": "yes", "value": 0.35}
    assert (json.loads(said["classes"]), said["kind"]) == (["no", "yes"], "images")
    rule = read_rule(store.path(file))
    assert rule == AnswerRule(CLASSES, "yes", 0.35)
    assert rule.answers(SHARES).tolist() == [0, 1, 1]
    assert rule.words == "'yes' is answered from a probability of 0.35 on, as validation chose"
    pixels = np.zeros((2, 3, 8, 8), np.float32)
    same = (sessions.run_all(store.path(each), {"pixels": pixels}) for each in (content, file))
    first, second = (next(iter(found.values())) for found in same)
    assert np.array_equal(first, second)


def test_costs_are_kept_and_applied(store: Store) -> None:
    costs = ((0.0, 1.0, 1.0), (1.0, 0.0, 1.0), (10.0, 1.0, 0.0))
    file = keep_rule(product(store, ("a", "b", "c")), MetricSpec("cost", costs=costs), None, store)
    rule = read_rule(store.path(file))
    assert rule == AnswerRule(("a", "b", "c"), costs=costs)
    assert rule.answers(np.array([[0.5, 0.3, 0.2]])).tolist() == [1]
    assert rule.words == "the answer is the one of least expected cost, by the goal's costs"


def test_without_a_rule_the_file_stays_and_the_likeliest_class_is_answered(store: Store) -> None:
    content = product(store)
    assert keep_rule(content, MetricSpec("f1", positive=1, label="yes"), None, store) == content
    rule = read_rule(store.path(content))
    assert (rule.answers(SHARES).tolist(), rule.words) == ([0, 0, 1], "")


def test_a_class_that_is_never_answered_is_said() -> None:
    rule = AnswerRule(CLASSES, "yes", 2.0)
    assert rule.answers(SHARES).tolist() == [0, 0, 0]
    assert rule.words == "'yes' is never answered: no threshold kept on validation what the goal asks"
