"""Metric choice: the metric of a goal on data of certain classes."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from sklearn import metrics

from tasks.core import Goal, InputError, MetricSpec
from tasks.evaluation.metric_choice import metric_of, metric_spec

TWO, THREE = ("no", "yes"), ("cat", "dog", "fish")


def data(classes: tuple[str, ...]) -> Any:
    return SimpleNamespace(classes=classes, task="classification" if classes else "regression")


def spec(classes: tuple[str, ...] = TWO, **goal: Any) -> MetricSpec:
    return metric_spec(Goal.model_validate(goal), data(classes))


def drawn(classes: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Logits, targets, probabilities."""
    generator = np.random.default_rng(1)
    targets = generator.integers(0, classes, 200)
    logits = generator.normal(size=(200, classes))
    logits[np.arange(200), targets] += 1
    shares = np.exp(logits)
    return logits, targets, shares / shares.sum(axis=1, keepdims=True)


@pytest.mark.parametrize(
    ("classes", "goal", "positive", "title"),
    [
        (TWO, {"metric": "f1"}, None, "macro F1"),
        (TWO, {"metric": "f1", "positive": "no"}, 0, "F1 of 'no'"),
        (THREE, {"metric": "f1", "positive": "fish"}, 2, "F1 of 'fish'"),
        (TWO, {"metric": "average_precision"}, 1, "average precision of 'yes'"),
        (THREE, {"metric": "average_precision"}, None, "average precision"),
        (THREE, {"metric": "roc_auc", "positive": "dog"}, 1, "ROC AUC of 'dog'"),
        (TWO, {"metric": "roc_auc"}, None, "ROC AUC"),
        (TWO, {"metric": "accuracy", "positive": "yes"}, 1, "accuracy"),
        (TWO, {"metric": "recall_at_precision"}, 1, "recall of 'yes' at precision 0.9"),
        (THREE, {"metric": "sensitivity_at_specificity", "positive": "cat", "at": 0.8}, 0, None),
        (TWO, {"metric": "cost", "costs": [[0, 1], [5, 0]]}, 1, "mean cost"),
        (("0", "1"), {"metric": "f1", "positive": 1}, 1, "F1 of '1'"),
        ((), {"metric": "quantile_loss", "quantile": 0.9}, None, "quantile loss at 0.9"),
    ],
)
def test_the_class_and_the_title(classes: tuple[str, ...], goal: Any, positive: int | None, title: str | None) -> None:
    found = spec(classes, **goal)
    assert (found.positive, found.label) == (positive, "" if positive is None else classes[positive])
    assert metric_of(found).title == (title or "sensitivity of 'cat' at specificity 0.8")


def test_metrics_of_one_class_agree_with_scikit_learn() -> None:
    logits, targets, shares = drawn(3)
    up = targets == 2
    for name, expected in {
        "f1": metrics.f1_score(up, logits.argmax(1) == 2),
        "roc_auc": metrics.roc_auc_score(up, shares[:, 2]),
        "average_precision": metrics.average_precision_score(up, shares[:, 2]),
    }.items():
        found = metric_of(spec(THREE, metric=name, positive="fish")).value(logits, targets)
        assert found == pytest.approx(expected, rel=1e-9), name


def test_the_first_of_two_classes_can_be_positive() -> None:
    logits, targets, shares = drawn(2)
    found = metric_of(spec(TWO, metric="average_precision", positive="no")).value(logits, targets)
    assert found == pytest.approx(metrics.average_precision_score(targets == 0, shares[:, 0]))


def test_quantile_loss_agrees_with_scikit_learn() -> None:
    generator = np.random.default_rng(0)
    targets, answers = generator.normal(size=100), generator.normal(size=(100, 1))
    found = metric_of(spec((), metric="quantile_loss", quantile=0.9))
    assert found.value(answers, targets) == pytest.approx(metrics.mean_pinball_loss(targets, answers[:, 0], alpha=0.9))
    assert found.losses is not None
    assert found.losses(answers, targets).mean() == pytest.approx(found.value(answers, targets))
    half = metric_of(spec((), metric="quantile_loss")).value(answers, targets)
    assert half == pytest.approx(np.abs(answers[:, 0] - targets).mean() / 2)


def test_a_cost_of_more_classes_has_no_threshold() -> None:
    costs = ((0.0, 1.0, 2.0), (1.0, 0.0, 2.0), (-1.0, 1.0, 0.0))
    found = metric_of(spec(THREE, metric="cost", costs=costs))
    assert (found.point, found.bounds, found.scale(0.5)) == (None, (-1.0, 2.0), 3.0)


def test_what_suits_no_class_is_refused() -> None:
    with pytest.raises(InputError, match="must name a class of the data, but got 'fsh'; nearest valid choice: fish"):
        spec(THREE, metric="f1", positive="fsh")
    with pytest.raises(InputError, match=r"goal\.positive: must name the positive class of recall_at_precision"):
        spec(THREE, metric="recall_at_precision")
    with pytest.raises(InputError, match="suits classes only"):
        spec((), metric="mae", positive="1")
