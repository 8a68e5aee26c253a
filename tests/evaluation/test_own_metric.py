"""Own metrics: functions of the user, for each example or for all."""

from __future__ import annotations

import math
import sys
from pathlib import Path

import numpy as np
import pytest

from tasks.core import Goal, InputError, MetricSpec
from tasks.core.import_path import module_stamp
from tasks.evaluation import scoring
from tasks.evaluation.metric_choice import metric_of
from tasks.evaluation.own_metric import RESAMPLES, own_metric

SOURCE = """
import numpy as np

def benefit(outputs, targets):
    return np.where(outputs[:, 1] >= 0.3, targets, 0.0)

def brier(outputs, targets):
    return np.mean((outputs[:, 1] - targets) ** 2)
brier.lower_is_better, brier.title = True, "Brier score"

def bias(outputs, targets):
    return float(np.mean(outputs - targets))

def both(outputs, targets):
    if len(set(targets.tolist())) < 2:
        raise ValueError("a class is missing")
    return 0.5
"""
LOGITS = np.log(np.array([[0.8, 0.2], [0.4, 0.6], [0.5, 0.5]]))
TARGETS = np.array([1, 1, 0])


@pytest.fixture(autouse=True)
def _module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "my_scores.py").write_text(SOURCE)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
    monkeypatch.delitem(sys.modules, "my_scores", raising=False)


def test_for_each_example_the_mean_is_the_metric() -> None:
    metric = own_metric("my_scores:benefit", "classification")
    assert (metric.title, metric.lower_is_better, metric.needs_logits) == ("benefit", False, True)
    measure = metric.weighted(LOGITS, TARGETS)
    assert measure(np.array([[1.0, 0.0], [1.0, 3.0], [1.0, 1.0]])) == pytest.approx([1 / 3, 3 / 4])


def test_for_all_it_is_called_on_repeated_examples() -> None:
    metric = own_metric("my_scores:brier", "classification")
    assert (metric.title, metric.lower_is_better, metric.resamples) == ("Brier score", True, RESAMPLES)
    measure = metric.weighted(LOGITS, TARGETS)
    squares = np.array([0.64, 0.16, 0.25])
    assert measure(np.array([[1.0, 0.0], [1.0, 3.0], [1.0, 1.0]])) == pytest.approx(
        [squares.mean(), (3 * 0.16 + 0.25) / 4]
    )


def test_numbers_come_flat_and_in_the_unit_of_the_data() -> None:
    metric = metric_of(MetricSpec("my_scores:bias", "regression"))
    assert metric.value(np.array([[3.0], [5.0]], np.float32), np.array([1.0, 5.0])) == 1.0


def test_it_is_scored_with_intervals_and_a_floor_for_few_examples() -> None:
    metric = own_metric("my_scores:brier", "classification")
    generator = np.random.default_rng(0)
    targets = generator.integers(0, 2, 300)
    good = np.eye(2)[targets] * 2 + generator.normal(size=(300, 2))
    scored = scoring.score_products({"a": good, "b": good / 4, "c": good}, "a", targets, metric, 0.01)
    estimate, drop = scored["b"]
    assert drop.estimate.value == pytest.approx(estimate.value - scored["a"][0].value)
    assert drop.verdict == "beyond"
    assert estimate.low < estimate.value < estimate.high
    assert scored["c"][1].estimate.high > 0.001, "equal answers of 300 examples still prove no drop of nothing"


def test_a_resample_on_which_it_fails_is_left_out() -> None:
    metric = own_metric("my_scores:both", "classification")
    found = metric.weighted(LOGITS, TARGETS)(np.array([[1.0, 2.0], [1.0, 1.0], [1.0, 0.0]]))
    assert (found[0], math.isnan(found[1])) == (0.5, True)
    with pytest.raises(
        InputError, match=r"fails on 3 examples \(ValueError: a class is missing\), but got 'my_scores:"
    ):
        metric.value(LOGITS, np.zeros(3, dtype=np.int64))


def test_a_changed_source_is_another_metric(tmp_path: Path) -> None:
    before = module_stamp("my_scores:brier")
    (tmp_path / "my_scores.py").write_text(SOURCE.replace("** 2", "** 4"))
    assert module_stamp("my_scores:brier") != before


def test_a_goal_names_it_and_nothing_else_of_that_form() -> None:
    assert Goal(metric="my_scores:brier").metric == "my_scores:brier"
    with pytest.raises(ValueError, match="or your own as module:name"):
        Goal(metric="my scores:brier")
