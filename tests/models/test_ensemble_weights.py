"""Weights of an ensemble favour the members that answer best."""

from __future__ import annotations

import numpy as np
import pytest

from tasks.kernels.estimators.combination import combine
from tasks.models.estimators.ensemble_weights import equal_weights, fit_average, fit_stacking

RNG = np.random.default_rng(0)


def test_an_average_of_predictions_is_the_best_one() -> None:
    true = RNG.normal(size=500) + 1000
    answers = [(true + RNG.normal(size=500) * error)[:, None] for error in (1.0, 1.0, 5.0)]
    found = fit_average(answers, true)
    np.testing.assert_allclose(found.weights, [0.5, 0.5, 0.02], atol=0.06)
    assert found.weights.sum() == pytest.approx(1)
    losses = [((combine(answers, each, False)[:, 0] - true) ** 2).mean() for each in (found, equal_weights(3))]
    assert losses[0] < losses[1]


def test_a_member_that_is_wrong_gets_no_weight() -> None:
    targets = RNG.integers(0, 3, 600)
    right = np.full((600, 3), 0.1) + 0.7 * np.eye(3)[targets]
    wrong = np.roll(right, 1, axis=1)
    found = fit_average([right, wrong], targets, 3)
    np.testing.assert_allclose(found.weights, [1, 0], atol=1e-3)


@pytest.mark.parametrize("classes", [2, 3])
def test_stacking_mends_a_member_that_is_too_sure(classes: int) -> None:
    targets = RNG.integers(0, classes, 800)
    said = np.where(RNG.random(800) < 0.75, targets, RNG.integers(0, classes, 800))
    sure = np.full((800, classes), 0.001 / (classes - 1))
    sure[np.arange(800), said] = 0.999
    found = fit_stacking([sure, np.full((800, classes), 1 / classes)], targets, classes)
    answers = combine([sure, np.full((800, classes), 1 / classes)], found, True)
    share = (said == targets).mean()
    np.testing.assert_allclose(answers.sum(axis=1), 1, atol=1e-9)
    assert answers[np.arange(800), said].mean() == pytest.approx(share, abs=0.02)


def test_stacking_of_predictions_keeps_their_unit() -> None:
    true = RNG.normal(size=400) * 50 + 3000
    answers = [(0.5 * true + 10)[:, None], (true + RNG.normal(size=400) * 100)[:, None]]
    found = fit_stacking(answers, true)
    assert np.abs(combine(answers, found, False)[:, 0] - true).max() < 5
