"""Metrics by hand, against scikit-learn, and weights against repetition."""

from __future__ import annotations

import math
from typing import get_args

import numpy as np
import pytest
from sklearn import metrics

from tasks.core.goal import MetricName
from tasks.kernels.statistics.class_metrics import log_softmax
from tasks.kernels.statistics.metrics import METRICS


def classified(classes: int, n: int = 300) -> tuple[np.ndarray, np.ndarray]:
    """Rounded logits, so that there are ties."""
    generator = np.random.default_rng(classes)
    targets = generator.integers(0, classes, n)
    logits = generator.normal(size=(n, classes)).round(1).astype(np.float32)
    logits[np.arange(n), targets] += 0.5
    return logits, targets


def test_by_hand() -> None:
    logits = np.log(np.array([[0.8, 0.2], [0.4, 0.6], [0.9, 0.1], [0.3, 0.7]]))
    targets = np.array([0, 1, 1, 1])
    assert METRICS["accuracy"].value(logits, targets) == 0.75
    loss = -(math.log(0.8) + math.log(0.6) + math.log(0.1) + math.log(0.7)) / 4
    assert METRICS["log_loss"].value(logits, targets) == pytest.approx(loss)
    # Class 0: 1 right of 1, 2 said. Class 1: 2 right of 3, 2 said.
    assert METRICS["f1"].value(logits, targets) == pytest.approx((2 / 3 + 4 / 5) / 2)
    # The negative's odds of class 1 are above those of one positive out of three.
    assert METRICS["roc_auc"].value(logits, targets) == pytest.approx(2 / 3)


def test_regression_by_hand() -> None:
    predictions, targets = np.array([[1.0], [2.0], [6.0]]), np.array([1.0, 4.0, 5.0])
    assert METRICS["mae"].value(predictions, targets) == pytest.approx(1.0)
    assert METRICS["rmse"].value(predictions[:, 0], targets) == pytest.approx(math.sqrt(5 / 3))
    assert METRICS["r2"].value(predictions, targets) == pytest.approx(metrics.r2_score(targets, predictions[:, 0]))
    assert math.isnan(METRICS["r2"].value(predictions, np.full(3, 1e6)))


def test_calibration_by_hand() -> None:
    logits = np.log(np.array([[0.75, 0.25], [0.25, 0.75], [0.95, 0.05], [0.04, 0.96]]))
    # Confidences 0.75 of which one half is right, and 0.955 of which both are.
    expected = (2 * abs(0.75 - 0.5) + 2 * abs(0.955 - 1)) / 4
    assert METRICS["calibration_error"].value(logits, np.array([0, 0, 0, 1])) == pytest.approx(expected)


@pytest.mark.parametrize("classes", [2, 5])
def test_agrees_with_scikit_learn(classes: int) -> None:
    logits, targets = classified(classes)
    probabilities = np.exp(log_softmax(logits))
    wide = logits.astype(np.float64)
    scores = wide[:, 1] - wide[:, 0] if classes == 2 else probabilities / probabilities.sum(1, keepdims=True)
    expected = {
        "f1": metrics.f1_score(targets, logits.argmax(1), average="macro"),
        "log_loss": metrics.log_loss(targets, probabilities),
        "roc_auc": metrics.roc_auc_score(targets, scores, multi_class="ovr"),
        "balanced_accuracy": metrics.balanced_accuracy_score(targets, logits.argmax(1)),
        "average_precision": metrics.average_precision_score(
            targets if classes == 2 else np.eye(classes)[targets], scores, average="macro"
        ),
    }
    for metric, value in expected.items():
        assert METRICS[metric].value(logits, targets) == pytest.approx(value, rel=1e-9), metric


@pytest.mark.parametrize("metric", get_args(MetricName))
def test_weights_are_repetition(metric: str) -> None:
    logits, targets = classified(3)
    outputs = logits[:, 0] if METRICS[metric].task == "regression" else logits
    counts = np.random.default_rng(0).integers(0, 4, len(targets))
    repeated = METRICS[metric].value(np.repeat(outputs, counts, axis=0), np.repeat(targets, counts))
    weighted = METRICS[metric].weighted(outputs, targets)(np.stack([counts, np.ones_like(counts)], axis=1))
    assert weighted == pytest.approx([repeated, METRICS[metric].value(outputs, targets)])


def test_roc_auc_without_one_class_is_not_a_number() -> None:
    logits, _ = classified(2)
    assert math.isnan(METRICS["roc_auc"].value(logits, np.zeros(len(logits), dtype=np.int64)))


def test_log_loss_of_huge_logits_is_finite() -> None:
    assert METRICS["log_loss"].value(np.array([[1e4, -1e4]]), np.array([1])) == pytest.approx(2e4)


def test_every_metric_of_a_recipe_has_its_record() -> None:
    assert set(METRICS) == set(get_args(MetricName))
    assert all(name == metric.name for name, metric in METRICS.items())
    assert {name for name, metric in METRICS.items() if metric.lower_is_better} == {
        *("log_loss", "calibration_error", "cost", "mae", "rmse", "quantile_loss")
    }


@pytest.mark.parametrize(("metric", "loss"), [("accuracy", 0.25), ("rmse", -0.25)])
def test_what_a_score_loses_against_another_is_positive_where_it_is_worse(metric: str, loss: float) -> None:
    assert METRICS[metric].loss(0.5, 0.75) == loss
    assert METRICS[metric].loss(0.75, 0.5) == -loss
    assert METRICS[metric].loss(np.array([0.5, 1.0]), np.full(2, 0.75)).tolist() == [loss, -loss]


@pytest.mark.parametrize(("metric", "sign"), [("accuracy", 1), ("rmse", -1)])
def test_oriented_scores_are_better_when_higher(metric: str, sign: int) -> None:
    oriented = METRICS[metric].oriented
    assert oriented(0.75) == sign * 0.75
    assert oriented(oriented(0.75)) == 0.75
    assert (oriented(0.75) > oriented(0.5)) == (METRICS[metric].loss(0.75, 0.5) < 0)


@pytest.mark.parametrize("metric", [name for name, metric in METRICS.items() if metric.losses])
def test_the_mean_of_the_losses_determines_the_metric(metric: str) -> None:
    logits, targets = classified(3)
    outputs = logits[:, 0] if METRICS[metric].task == "regression" else logits
    losses = METRICS[metric].losses
    assert losses is not None
    mean = losses(outputs, targets).mean()
    r2 = 1 - mean / targets.var()
    expected = {"accuracy": 1 - mean, "rmse": math.sqrt(mean), "r2": r2}.get(metric, mean)
    assert METRICS[metric].value(outputs, targets) == pytest.approx(expected)
