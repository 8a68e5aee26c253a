"""Harm: proven soon where it is there, and seldom where it is not."""

from __future__ import annotations

import numpy as np
import pytest

from tasks.core import InputError
from tasks.kernels.statistics.mean_sequence import extend_sequence
from tasks.kernels.statistics.metrics import METRICS
from tasks.monitoring.harm import HarmLook, begin_harm, look_for_harm, row_losses, shares_of_cap, threshold_of
from tasks.monitoring.monitor_spec import MonitorSpec
from tasks.monitoring.reference_profile import describe_losses

SPEC = MonitorSpec(tolerance=0.02)


def mistakes(generator: np.random.Generator, rows: int, share: float) -> np.ndarray:
    return (generator.random(rows) < share).astype(float)


REFERENCE = describe_losses(mistakes(np.random.default_rng(0), 2000, 0.1))


def look(*days: np.ndarray, spec: MonitorSpec = SPEC) -> HarmLook:
    sequence = begin_harm(REFERENCE, spec)
    for losses in days:
        sequence = extend_sequence(sequence, shares_of_cap(losses, REFERENCE))
    return look_for_harm(sequence, REFERENCE, spec)


def test_nothing_is_known_without_labels() -> None:
    found = look()
    assert (found.level, found.n) == ("fine", 0)
    assert found.sentence == "no labels yet: whether the champion does harm is not known"


def test_what_is_tolerated() -> None:
    assert threshold_of(REFERENCE, SPEC) == pytest.approx(REFERENCE.upper(0.025) + 0.02)
    assert threshold_of(REFERENCE, MonitorSpec()) == pytest.approx(REFERENCE.upper(0.025) + 0.1 * REFERENCE.mean)


def test_harm_acts() -> None:
    found = look(mistakes(np.random.default_rng(1), 200, 0.4))
    assert found.level == "act"
    assert found.lower > found.threshold
    assert found.sentence.startswith("proven: the loss has risen above the 0.1")


def test_likely_harm_warns() -> None:
    generator = np.random.default_rng(2)
    levels = [look(mistakes(generator, 60, 0.25)).level for _ in range(40)]
    assert {"fine", "warn"} <= set(levels)


def test_the_reference_s_loss_is_fine() -> None:
    found = look(*(mistakes(np.random.default_rng(seed), 100, 0.1) for seed in range(50)))
    assert (found.level, found.n) == ("fine", 5000)
    assert found.sentence.startswith("no sign")


def test_losses_beyond_the_cap_count_as_the_cap() -> None:
    reference = describe_losses(np.random.default_rng(3).exponential(1, 1000))
    assert shares_of_cap(np.array([0.0, reference.cap, 1e9]), reference).tolist() == [0.0, 1.0, 1.0]


def test_streams_of_the_reference_seldom_act_in_a_quarter() -> None:
    acted = 0
    for seed in range(40):
        generator = np.random.default_rng(seed)
        reference = describe_losses(generator.exponential(1, 300))
        sequence = begin_harm(reference, MonitorSpec(tolerance=0))
        for _ in range(90):
            sequence = extend_sequence(sequence, shares_of_cap(generator.exponential(1, 20), reference))
        acted += look_for_harm(sequence, reference, MonitorSpec(tolerance=0)).level == "act"
    assert acted <= 2


def test_the_losses_of_rows() -> None:
    logits, classes = np.array([[0.0, np.log(3)], [2.0, 2.0]]), np.array([0, 0])
    assert row_losses(METRICS["accuracy"], logits, classes).tolist() == [1.0, 0.0]
    assert row_losses(METRICS["roc_auc"], logits, classes) == pytest.approx([np.log(4), np.log(2)])
    numbers = np.array([[1.0], [4.0]])
    assert row_losses(METRICS["mae"], numbers, np.array([2.0, 2.0])).tolist() == [1.0, 2.0]
    assert row_losses(METRICS["rmse"], numbers, np.array([2.0, 2.0])).tolist() == [1.0, 4.0]


def test_a_tolerance_that_no_loss_exceeds_is_refused() -> None:
    with pytest.raises(InputError, match=r"monitor.tolerance: must be less than 0\.8\d+, or no loss would exceed it"):
        begin_harm(REFERENCE, MonitorSpec(tolerance=0.95))


def test_a_reference_of_too_few_rows_is_refused() -> None:
    with pytest.raises(InputError, match="needs more rows with labels than 2 to tell harm"):
        begin_harm(describe_losses(np.ones(2)), SPEC)


@pytest.mark.parametrize("loss", [-0.1, float("nan")])
def test_losses_that_are_none_are_refused(loss: float) -> None:
    with pytest.raises(InputError, match="none below 0"):
        shares_of_cap(np.array([loss]), REFERENCE)
