"""The graph of an ensemble answers as its members combined, and holds what they share once."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import onnx
import pytest
from lightgbm import LGBMClassifier, LGBMRegressor
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier, RandomForestRegressor
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import Pipeline
from support.mixed_tables import CLASSES, mixed_table, plain_transformer, raw_inputs, three_classes, values_of

from tasks.kernels.estimators.agreement import raw_feeds
from tasks.kernels.estimators.combination import Combination, combine, side_by_side
from tasks.kernels.estimators.conversion import convert_estimator
from tasks.kernels.estimators.ensemble_graph import join_members
from tasks.kernels.estimators.float32_features import Float32Features
from tasks.kernels.onnx.sessions import run_all

TABLE, TEST = mixed_table(), mixed_table(200, 1)
INPUTS = raw_inputs(TABLE)


def fitted(model: Any, targets: Any, trees: bool = True) -> Pipeline:
    transformer = plain_transformer("ordinal", scaled=False) if trees else plain_transformer()
    return Pipeline([("columns", transformer), ("float32", Float32Features()), ("model", model)]).fit(TABLE, targets)


def classifiers() -> list[Pipeline]:
    targets = three_classes(TABLE)
    trees = (LGBMClassifier(n_estimators=8, verbosity=-1), RandomForestClassifier(8, random_state=0))
    return [fitted(LogisticRegression(), targets, False), *(fitted(model, targets) for model in trees)]


def joined(members: Sequence[Pipeline], combination: Combination, classes: Sequence[str] = ()) -> onnx.ModelProto:
    return join_members([convert_estimator(each, INPUTS, classes or None) for each in members], combination, classes)


def test_an_average_of_classifiers() -> None:
    members, combination = classifiers(), Combination(np.array([0.5, 0.3, 0.2]))
    graph = joined(members, combination, CLASSES)
    onnx.checker.check_model(graph, full_check=True)
    answers = run_all(graph.SerializeToString(), raw_feeds(TEST, INPUTS))
    expected = combine([each.predict_proba(TEST) for each in members], combination, True)
    assert list(answers) == ["label_", "probabilities"]  # a column is called label
    np.testing.assert_allclose(answers["probabilities"], expected, atol=1e-6)
    np.testing.assert_array_equal(answers["label_"], np.array(CLASSES)[expected.argmax(axis=1)])


def test_a_regression_on_the_logarithms_of_probabilities() -> None:
    members = classifiers()
    shares = [each.predict_proba(TABLE) for each in members]
    final = LogisticRegression().fit(side_by_side(shares, True), three_classes(TABLE))
    combination = Combination(final.coef_.T, final.intercept_)
    answers = run_all(joined(members, combination, CLASSES).SerializeToString(), raw_feeds(TEST, INPUTS))
    found = [each.predict_proba(TEST) for each in members]
    expected = final.predict_proba(side_by_side(found, True))
    np.testing.assert_allclose(combine(found, combination, True), expected, atol=1e-6)
    np.testing.assert_allclose(answers["probabilities"], expected, atol=1e-4)


@pytest.mark.parametrize("bias", [None, np.array([0.5])])
def test_regressors(bias: Any) -> None:
    targets = values_of(TABLE)
    members = [fitted(Ridge(), targets, False)]
    members += [fitted(LGBMRegressor(n_estimators=8, verbosity=-1), targets)]
    members += [fitted(RandomForestRegressor(8, random_state=0), targets)]
    weights = np.array([0.2, 0.5, 0.4])
    combination = Combination(weights if bias is None else weights[:, None], bias)
    answers = run_all(joined(members, combination).SerializeToString(), raw_feeds(TEST, INPUTS))
    found = [each.predict(TEST).reshape(-1, 1) for each in members]
    expected = sum(weight * each for weight, each in zip(weights, found, strict=True)) + (0.0 if bias is None else 0.5)
    assert list(answers) == ["prediction"]
    np.testing.assert_allclose(answers["prediction"], expected, atol=1e-4)


def test_what_members_share_is_there_once() -> None:
    targets = three_classes(TABLE)
    pair = (LGBMClassifier(n_estimators=8, verbosity=-1), HistGradientBoostingClassifier(max_iter=8))
    members = [fitted(model, targets) for model in pair]
    graph = joined(members, Combination(np.array([0.5, 0.5])), CLASSES)
    alone = [len(convert_estimator(each, INPUTS, CLASSES).graph.node) for each in members]
    kinds = [node.op_type for node in graph.graph.node]
    assert kinds.count("LabelEncoder") == 3  # two columns of text, and the label
    assert kinds.count("Imputer") == 1
    assert len(kinds) < sum(alone)


def test_a_member_with_a_graph_inside() -> None:
    targets = three_classes(TABLE)
    members = [fitted(KNeighborsClassifier(5), targets, False), fitted(LogisticRegression(C=0.1), targets, False)]
    combination = Combination(np.array([0.5, 0.5]))
    answers = run_all(joined(members, combination, CLASSES).SerializeToString(), raw_feeds(TEST, INPUTS))
    expected = combine([each.predict_proba(TEST) for each in members], combination, True)
    assert (np.abs(answers["probabilities"] - expected).max(axis=1) > 1e-4).mean() < 0.02  # neighbours as far as others


def test_equal_members_give_equal_bytes() -> None:
    combination = Combination(np.array([0.5, 0.3, 0.2]))
    first, second = (joined(classifiers(), combination, CLASSES).SerializeToString() for _ in range(2))
    assert first == second
