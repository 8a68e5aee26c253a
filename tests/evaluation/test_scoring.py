"""Scoring: metrics and paired drops of two models, and the verdicts on them."""

from __future__ import annotations

import math

import numpy as np
import pytest

from tasks.core import Drop, Estimate, InputError
from tasks.evaluation import scoring
from tasks.kernels.statistics.metrics import METRICS

BASE, OTHER = "a" * 64, "b" * 64
ACCURACY = METRICS["accuracy"]


def logits_of(answers: np.ndarray) -> np.ndarray:
    return np.eye(2)[answers] * 4


def test_drop_of_accuracy_by_hand() -> None:
    """Of 400, the second loses 3 that the first has and gains 1: a drop of half a point."""
    targets = np.zeros(400, dtype=np.int64)
    first, second = targets.copy(), targets.copy()
    first[:10] = 1
    second[1:13] = 1  # right on example 0; wrong on 10, 11, 12
    scored = scoring.score_products({BASE: logits_of(first), OTHER: logits_of(second)}, BASE, targets, ACCURACY, 0.02)
    estimate, drop = scored[OTHER]
    assert estimate.value == pytest.approx(0.97)
    assert drop.estimate.value == pytest.approx(0.005)
    assert drop.verdict == "within, not proven" if drop.estimate.high > 0.02 else "proven within"
    strict = scoring.score_products({BASE: logits_of(first), OTHER: logits_of(second)}, BASE, targets, ACCURACY, 0.004)
    assert (strict[OTHER][1].verdict, strict[OTHER][1].needed) == ("beyond", None)


def test_270_equal_answers_do_not_prove_one_point() -> None:
    targets = np.zeros(270, dtype=np.int64)
    outputs = {BASE: logits_of(targets), OTHER: logits_of(targets)}
    drop = scoring.score_products(outputs, BASE, targets, ACCURACY, 0.01)[OTHER][1]
    assert (drop.estimate.value, drop.verdict, drop.needed) == (0.0, "within, not proven", 381)


@pytest.mark.parametrize(("metric", "worse"), [("mae", 0.3), ("rmse", 0.3), ("log_loss", None), ("roc_auc", None)])
def test_positive_is_worse_whatever_the_metric(metric: str, worse: float | None) -> None:
    generator = np.random.default_rng(0)
    if metric in ("mae", "rmse"):
        targets = generator.normal(size=300)
        good, bad = targets[:, None] + 0.1, targets[:, None] + 0.4
    else:
        targets = generator.integers(0, 2, 300)
        good = logits_of(targets) + generator.normal(size=(300, 2))
        bad = good + 3 * generator.normal(size=(300, 2))
    goal = METRICS[metric], 0.001
    scored = scoring.score_products({BASE: good, OTHER: bad}, BASE, targets, *goal)
    estimate, drop = scored[OTHER]
    assert drop.estimate.value > 0
    assert drop.verdict == "beyond"
    assert estimate.low <= estimate.value <= estimate.high
    assert abs(drop.estimate.value) == pytest.approx(abs(estimate.value - scored[BASE][0].value))
    if worse is not None:
        share = 1.959964**2 / (300 + 1.959964**2)  # all examples lose alike, so that only the floor is left
        floor = share * scored[BASE][0].value
        assert (drop.estimate.low, drop.estimate.high) == pytest.approx((worse - floor, worse + floor))
    turned = scoring.score_products({BASE: bad, OTHER: good}, BASE, targets, *goal)[OTHER][1]
    assert turned.verdict == "proven within"


@pytest.mark.parametrize(
    "metric", ["f1", "roc_auc", "balanced_accuracy", "average_precision", "log_loss", "rmse", "r2"]
)
def test_twelve_equal_answers_prove_nothing(metric: str) -> None:
    """A resample of equal answers has no width: the floor is z² / (n + z²) = 0.2425 of 12 examples."""
    generator = np.random.default_rng(0)
    targets = np.arange(12) % 2 if metric not in ("rmse", "r2") else generator.normal(size=12)
    found = logits_of(targets) if metric not in ("rmse", "r2") else targets[:, None] + generator.normal(size=(12, 1))
    goal = METRICS[metric], 0.002
    estimate, drop = scoring.score_products({BASE: found, OTHER: found}, BASE, targets, *goal)[OTHER]
    scale = 1.0 if metric not in ("log_loss", "rmse") else estimate.value
    assert drop.estimate.high == pytest.approx(0.24248 * scale, rel=1e-4)
    assert drop.verdict == "within, not proven"
    assert drop.needed is not None
    again = scoring.score_products(
        *({each: np.repeat(found, math.ceil(drop.needed / 12), axis=0) for each in (BASE, OTHER)}, BASE),
        *(np.repeat(targets, math.ceil(drop.needed / 12)), *goal),
    )
    assert again[OTHER][1].verdict == "proven within"
    if metric in ("f1", "roc_auc"):
        assert (estimate.low, estimate.value, estimate.high) == (pytest.approx(0.75752, rel=1e-4), 1.0, 1.0)


def test_a_rare_class_counts_by_its_own_examples() -> None:
    targets = np.arange(1000) % 100 == 0
    goal = METRICS["roc_auc"], 0.02
    found = logits_of(targets.astype(np.int64))
    drop = scoring.score_products({BASE: found, OTHER: found}, BASE, targets.astype(np.int64), *goal)[OTHER][1]
    assert drop.estimate.high == pytest.approx(1.959964**2 / (20 + 1.959964**2), rel=1e-5)
    assert drop.verdict == "within, not proven"


def test_judge_has_three_verdicts() -> None:
    assert scoring.drop_verdict(Estimate(0.002, -0.01, 0.009, 9), 0.01, 5) == Drop(
        Estimate(0.002, -0.01, 0.009, 9), 0.01, "proven within", None
    )
    assert scoring.drop_verdict(Estimate(0.002, -0.01, 0.02, 9), 0.01, 5).needed == 5
    assert scoring.drop_verdict(Estimate(0.02, 0.01, 0.03, 9), 0.01, 5).verdict == "beyond"


def test_roc_auc_needs_every_class() -> None:
    outputs = {BASE: logits_of(np.zeros(20, dtype=np.int64))}
    with pytest.raises(InputError, match="a class is missing"):
        scoring.score_products(outputs, BASE, np.zeros(20, dtype=np.int64), METRICS["roc_auc"], 0.01)


def test_an_operating_point_is_judged_at_the_thresholds_that_validation_chose() -> None:
    """Of 100 positives the first finds all at 0.5, the second 80; their own best thresholds would find all."""
    targets = np.repeat([0, 1], 100)
    shares = np.where(targets == 1, 0.9, 0.1)
    low = np.where(np.arange(200) >= 180, 0.3, shares)
    outputs = {name: np.log(np.stack([1 - each, each], axis=1)) for name, each in ((BASE, shares), (OTHER, low))}
    metric = METRICS["recall_at_precision"]
    fixed = scoring.score_products(outputs, BASE, targets, metric, 0.01, {BASE: 0.5, OTHER: 0.5})
    assert (fixed[BASE][0].value, fixed[OTHER][0].value) == (1.0, 0.8)
    assert (fixed[OTHER][1].estimate.value, fixed[OTHER][1].verdict) == (pytest.approx(0.2), "beyond")
    assert scoring.score_products(outputs, BASE, targets, metric, 0.01)[OTHER][0].value == 1.0
    assert scoring.choose_thresholds(outputs, targets, metric) == pytest.approx({BASE: 0.5, OTHER: 0.2})
    assert scoring.choose_thresholds(outputs, targets, ACCURACY) == {}
    reached = scoring.share_kept(outputs[BASE], targets, metric, 0.05)
    assert reached is not None
    assert (reached.value, reached.n) == (0.5, 200)
    assert reached.low < 0.5 < reached.high
    assert scoring.share_kept(outputs[BASE], targets, metric, 0.95) is None, "nothing is answered"


def test_a_metric_of_one_class_counts_its_examples() -> None:
    targets = np.arange(1000) % 100 == 0
    assert scoring.even_count(targets.astype(np.int64), METRICS["recall_at_precision"]) == 10
    assert scoring.even_count(targets.astype(np.int64), METRICS["roc_auc"]) == 20
    assert scoring.even_count(targets.astype(np.int64), METRICS["cost"]) == 1000
