"""Operating points by hand, against scikit-learn, and thresholds that are chosen and kept."""

from __future__ import annotations

import math

import numpy as np
import pytest
from sklearn import metrics

from tasks.kernels.statistics import operating_points
from tasks.kernels.statistics.metrics import point_metric
from tasks.kernels.statistics.operating_points import NEVER, OperatingPoint

SHARES = np.array([0.9, 0.8, 0.7, 0.6, 0.3, 0.2])
TARGETS = np.array([1, 1, 0, 1, 0, 0])
LOGITS = np.log(np.stack([1 - SHARES, SHARES], axis=1))
RECALL = OperatingPoint("recall_at_precision", 1, 0.7)
SENSITIVITY = OperatingPoint("sensitivity_at_specificity", 1, 0.7)
COST = OperatingPoint("cost", 1, costs=((0.0, 1.0), (5.0, 0.0)))


def drawn(n: int = 400, positive: int = 1) -> tuple[np.ndarray, np.ndarray]:
    """Rounded logits, so that there are ties."""
    generator = np.random.default_rng(3)
    targets = (generator.random(n) < 0.3).astype(np.int64)
    logits = generator.normal(size=(n, 2)).round(1)
    logits[np.arange(n), targets] += 0.7
    return (logits, targets) if positive else (logits[:, ::-1], 1 - targets)


@pytest.mark.parametrize(
    ("point", "value", "threshold"),
    [
        (RECALL, 1.0, 0.45),  # four answered, three of them right: 0.75
        (OperatingPoint("recall_at_precision", 1, 0.8), 2 / 3, 0.75),
        (SENSITIVITY, 2 / 3, 0.75),  # one of three negatives is already too many
        (OperatingPoint("sensitivity_at_specificity", 1, 0.6), 1.0, 0.45),
        (COST, 1 / 6, 0.45),  # all positives found, at one false alarm
        (OperatingPoint("cost", 1, costs=((0.0, 9.0), (1.0, 0.0))), 1 / 6, 0.75),  # a miss is cheaper than an alarm
    ],
)
def test_by_hand(point: OperatingPoint, value: float, threshold: float) -> None:
    assert point_metric(point).value(LOGITS, TARGETS) == pytest.approx(value)
    chosen = operating_points.choose_threshold(LOGITS, TARGETS, point)
    assert chosen == pytest.approx(threshold)
    measure = operating_points.value_at(LOGITS, TARGETS, point, chosen)
    assert measure(np.ones((6, 1))) == pytest.approx([value]), "the value at the threshold is that which chose it"


def test_recall_at_precision_agrees_with_scikit_learn() -> None:
    logits, targets = drawn()
    scores = operating_points.probabilities_of(logits, 1)
    precision, recall, thresholds = metrics.precision_recall_curve(targets, scores)
    for at in (0.4, 0.6, 0.75):
        point = OperatingPoint("recall_at_precision", 1, at)
        expected = recall[:-1][precision[:-1] >= at].max()
        assert point_metric(point).value(logits, targets) == pytest.approx(expected)
        chosen = operating_points.choose_threshold(logits, targets, point)
        kept, n = operating_points.kept_share(logits, targets, point, chosen)
        assert kept / n == pytest.approx(metrics.precision_score(targets, scores >= chosen))
        assert kept / n >= at
        assert thresholds[recall[:-1] == expected].min() > chosen or kept / n >= at


def test_sensitivity_at_specificity_agrees_with_scikit_learn() -> None:
    logits, targets = drawn()
    alarms, found, _ = metrics.roc_curve(targets, operating_points.probabilities_of(logits, 1), drop_intermediate=False)
    for at in (0.5, 0.9):
        point = OperatingPoint("sensitivity_at_specificity", 1, at)
        assert point_metric(point).value(logits, targets) == pytest.approx(found[1 - alarms >= at].max())


@pytest.mark.parametrize("kind", [RECALL, SENSITIVITY])
def test_the_first_class_can_be_the_positive_one(kind: OperatingPoint) -> None:
    first = OperatingPoint(kind.kind, 0, kind.at)
    turned = point_metric(first).value(*drawn(positive=0))
    assert turned == pytest.approx(point_metric(kind).value(*drawn()))


def test_where_nothing_keeps_what_is_asked_nothing_is_answered() -> None:
    targets = 1 - TARGETS
    point = OperatingPoint("recall_at_precision", 1, 0.95)
    assert point_metric(point).value(LOGITS, targets) == 0.0
    assert operating_points.choose_threshold(LOGITS, targets, point) == NEVER
    assert operating_points.kept_share(LOGITS, targets, point, NEVER) == (0, 0)
    assert operating_points.answers_at(np.exp(LOGITS), 1, NEVER).tolist() == [0] * 6


@pytest.mark.parametrize("point", [RECALL, SENSITIVITY])
def test_without_a_positive_example_there_is_no_value(point: OperatingPoint) -> None:
    nothing = np.zeros(6, dtype=np.int64)
    assert math.isnan(point_metric(point).value(LOGITS, nothing))
    assert np.isnan(operating_points.value_at(LOGITS, nothing, point, 0.5)(np.ones((6, 1)))).all()


@pytest.mark.parametrize("point", [RECALL, SENSITIVITY, COST])
def test_each_column_of_weights_chooses_its_own_threshold(point: OperatingPoint) -> None:
    logits, targets = drawn(60)
    counts = np.random.default_rng(0).integers(0, 3, (60, 4))
    found = point_metric(point).weighted(logits, targets)(counts.astype(np.float64))
    repeated = [
        point_metric(point).value(np.repeat(logits, column, axis=0), np.repeat(targets, column)) for column in counts.T
    ]
    assert found == pytest.approx(repeated)


def test_of_more_classes_the_cheapest_answer_is_given() -> None:
    """By hand: shares 0.5, 0.3, 0.2; answering the first costs 0.3 * 1 + 0.2 * 10, the last 0.5 + 0.3."""
    costs = ((0.0, 1.0, 1.0), (1.0, 0.0, 1.0), (10.0, 1.0, 0.0))
    shares = np.array([[0.5, 0.3, 0.2], [0.9, 0.05, 0.05]])
    assert operating_points.cheapest_answers(shares, costs).tolist() == [1, 0]
    paid = operating_points.expected_cost(np.log(shares), np.array([2, 2]), costs)
    assert paid(np.array([[1.0], [1.0]])) == pytest.approx([(1 + 10) / 2])


def test_beyond_the_positive_class_the_likeliest_of_the_others_is_answered() -> None:
    shares = np.array([[0.5, 0.3, 0.2], [0.2, 0.3, 0.5]])
    assert operating_points.answers_at(shares, 1, 0.25).tolist() == [1, 1]
    assert operating_points.answers_at(shares, 1, 0.4).tolist() == [0, 2]
