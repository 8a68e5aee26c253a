"""References: what looks at no input is the least that a model must beat."""

from __future__ import annotations

import numpy as np
import pytest

from tasks.core import MetricSpec, Reference
from tasks.evaluation import references
from tasks.evaluation.metric_choice import metric_of
from tasks.kernels.statistics.metrics import METRICS

CLASSES = ("no", "yes")


def compare(outputs: np.ndarray, targets: np.ndarray, metric: str) -> Reference:
    classes = CLASSES if outputs.shape[1] == 2 else ()
    constant = dict([references.constant_outputs(targets, classes, MetricSpec(metric))])
    (found,) = references.compare_references(outputs, targets, constant, METRICS[metric], 0.01)
    return found


def test_the_largest_class_by_its_share() -> None:
    answer, row = references.constant_outputs(np.array([0, 0, 0, 1]), CLASSES, MetricSpec())
    assert np.exp(row) == pytest.approx([0.75, 0.25])
    assert answer == "always 'no'"


@pytest.mark.parametrize(("metric", "value"), [("mae", 2.0), ("rmse", 35.0)])
def test_the_number_that_the_metric_likes_best(metric: str, value: float) -> None:
    answer, row = references.constant_outputs(np.array([1.0, 2.0, 102.0]), (), MetricSpec(metric, "regression"))
    assert (row.tolist(), answer) == ([value], f"always {value:g}")


@pytest.mark.parametrize("metric", ["accuracy", "f1", "roc_auc", "log_loss", "balanced_accuracy"])
def test_a_model_that_always_says_the_same_is_no_better(metric: str) -> None:
    targets = (np.arange(400) % 10 == 0).astype(np.int64)
    same = np.tile([3.0, -1.0], (400, 1))
    found = compare(same, targets, metric)
    assert found.verdict == "no better"
    assert found.gain.value <= 0
    expected = {"accuracy": 0.9, "roc_auc": 0.5, "balanced_accuracy": 0.5, "f1": 0.9 / 1.9}.get(metric)
    assert expected is None or found.score.value == pytest.approx(expected)


@pytest.mark.parametrize("metric", ["accuracy", "f1", "roc_auc", "log_loss"])
def test_a_model_that_learned_is_better_where_the_examples_suffice(metric: str) -> None:
    targets = (np.arange(400) % 4 == 0).astype(np.int64)
    right = np.eye(2)[targets] * 4
    assert compare(right, targets, metric).verdict == "better"


@pytest.mark.parametrize("metric", ["accuracy", "f1", "roc_auc"])
def test_four_examples_do_not_prove_that_a_model_learned(metric: str) -> None:
    targets = np.array([1, 0, 0, 0])
    found = compare(np.eye(2)[targets] * 4, targets, metric)
    assert found.verdict == "not proven better"
    assert found.gain.low <= 0 < found.gain.value


@pytest.mark.parametrize("metric", ["rmse", "mae", "r2"])
def test_numbers_are_compared_with_their_mean_or_median(metric: str) -> None:
    targets = np.random.default_rng(0).normal(100, 10, 300)
    noise = np.random.default_rng(1).normal(0, 1, 300)
    assert compare((targets + noise)[:, None], targets, metric).verdict == "better"
    assert compare((100 + 10 * noise)[:, None], targets, metric).verdict == "no better"


@pytest.mark.parametrize(
    ("spec", "name", "answer"),
    [
        (MetricSpec("f1", positive=1, label="yes"), "always 'no'", 0),
        (MetricSpec("recall_at_precision", positive=1, at=0.9), "always 'no'", 0),
        (MetricSpec("recall_at_precision", positive=1, at=0.2), "always 'yes'", 0),
        (MetricSpec("cost", positive=1, costs=((0.0, 1.0), (9.0, 0.0))), "always 'yes'", 0),
        (MetricSpec("cost", positive=1, costs=((0.0, 1.0), (2.0, 0.0))), "always 'no'", 0),
    ],
)
def test_the_answer_that_the_metric_likes_best(spec: MetricSpec, name: str, answer: int) -> None:
    """A quarter is `yes`: a miss must cost more than three alarms, and precision is 0.25."""
    told, row = references.constant_outputs(np.array([0, 0, 0, 1]), CLASSES, spec)
    assert (told, int(row.argmax())) == (name, answer)


def test_beside_the_f1_of_a_class_stands_the_answer_that_is_always_that_class() -> None:
    spec = MetricSpec("f1", positive=1, label="yes")
    ((name, row),) = references.positive_outputs(CLASSES, spec).items()
    targets = np.array([0, 0, 0, 1])
    assert name == "always 'yes'"
    assert metric_of(spec).value(np.broadcast_to(row, (4, 2)), targets) == pytest.approx(2 * 0.25 / 1.25)
    assert references.positive_outputs(CLASSES, MetricSpec("f1")) == {}


def test_the_quantile_is_the_constant_of_its_loss() -> None:
    spec = MetricSpec("quantile_loss", "regression", quantile=0.9)
    assert references.constant_outputs(np.arange(11.0), (), spec)[1].tolist() == [9.0]


def test_thresholds_that_were_chosen_elsewhere_are_used_unchanged() -> None:
    targets = np.array([0, 0, 1, 1] * 50)
    shares = np.array([0.1, 0.4, 0.6, 0.9] * 50)
    outputs = np.log(np.stack([1 - shares, shares], axis=1))
    metric = metric_of(MetricSpec("recall_at_precision", positive=1, label="yes"))
    thresholds = {references.MODEL: 0.7, "other": 0.5}
    (found,) = references.compare_references(outputs, targets, {"other": outputs}, metric, 0.01, thresholds)
    assert (found.score.value, found.gain.value, found.verdict) == (1.0, -0.5, "no better")
