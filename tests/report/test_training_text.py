"""The training in one sentence: underfits, overfits or neither, by figures that are beyond noise."""

from __future__ import annotations

import pytest

from tasks.core import Estimate
from tasks.kernels.statistics.intervals import wilson
from tasks.kernels.statistics.metrics import METRICS
from tasks.kernels.training.learning_curve import Curve, Epoch
from tasks.report.training_text import Fitted, TrainingFacts, describe_training, train_gap

ACCURACY, RMSE = METRICS["accuracy"], METRICS["rmse"]
RISING, EARLY = (0.80, 0.82, 0.84, 0.86, 0.88), (0.80, 0.90, 0.89, 0.90, 0.89)


def share(right: int, n: int) -> Estimate:
    return Estimate(right / n, *wilson(right, n), n)


def curve(*scores: float) -> Curve:
    return tuple(Epoch(number, 1.0, 1.0, score, 0.1, 1.0) for number, score in enumerate(scores, start=1))


def told(scores: tuple[float, ...], train: Estimate, validation: Estimate, fitted: Fitted = "network") -> str:
    return describe_training(TrainingFacts(fitted, curve(*scores), train, validation), ACCURACY, 0.01)


def test_still_improving_is_underfitting() -> None:
    assert told(RISING, share(881, 1000), share(880, 1000)) == (
        "The baseline underfits: it was still improving at its last epoch, 5 (accuracy better by 0.02 [0.02, 0.02] an "
        "epoch over the last 4); try more train.epochs, or a wider network (on 1,000 train examples accuracy is better "
        "than on validation by 0.0010 [-0.0275, 0.0295])."
    )


def test_better_on_train_is_overfitting() -> None:
    said = told(EARLY, share(1000, 1000), share(900, 1000))
    assert said.startswith(
        "The baseline overfits: on 1,000 train examples accuracy is better than on validation by 0.10"
    )
    assert said.endswith("; try augmentation, a higher train.weight_decay, or a smaller network.")
    assert "fewer leaves" in told((), share(1000, 1000), share(900, 1000), "boosting")
    both = told(RISING, share(1000, 1000), share(880, 1000))
    assert both.startswith("The baseline overfits, though it was still improving at its last epoch, 5 (")
    assert both.endswith("or a smaller network, and only then more train.epochs.")


def test_neither() -> None:
    said = told(EARLY, share(905, 1000), share(900, 1000))
    assert said.startswith("The baseline neither underfits nor overfits: its best epoch was 2 of 5; on 1,000 train")
    assert said.endswith("by 0.0050 [-0.0211, 0.0311].")
    noisy = told((0.80, 0.90, 0.85, 0.80, 0.91), share(905, 1000), share(900, 1000))
    assert "neither" in noisy, "the last epoch is the best by chance"
    worse = told((), share(890, 1000), share(900, 1000), "linear")
    assert worse.startswith(
        "The baseline does not overfit: on 1,000 train examples accuracy is worse than on validation"
    )


def test_a_difference_within_the_margin_of_the_goal_does_not_matter() -> None:
    many = told(EARLY, share(90_900, 100_000), share(90_000, 100_000))
    assert many.endswith("by 0.0090 [0.0064, 0.0116], no more than the goal's 0.01.")


def test_a_training_that_diverged_is_told_with_the_weights_that_were_kept() -> None:
    facts = TrainingFacts(
        "network", curve(0.5, 0.6), share(61, 100), share(60, 100), "the loss is not finite in epoch 3"
    )
    said = describe_training(facts, ACCURACY, 0.01)
    assert said.startswith(
        "The baseline has the weights of epoch 2, since the loss is not finite in epoch 3 (on 100 train"
    )


@pytest.mark.parametrize(
    ("scores", "words"),
    [((0.5,), "the only epoch cannot tell"), ((0.5, 0.6), "2 epochs, the last the best, cannot")],
)
def test_few_epochs_cannot_tell(scores: tuple[float, ...], words: str) -> None:
    said = told(scores, share(61, 100), share(60, 100))
    assert said.startswith("The baseline does not overfit, and whether more train.epochs help, " + words)


def test_the_gap_of_shares_is_newcombes_interval() -> None:
    # Newcombe 1998, table II, method 10: 56/70 against 48/80 is 0.2 [0.0524, 0.3339]
    gap = train_gap(share(56, 70), share(48, 80), ACCURACY)
    assert (gap.value, gap.low, gap.high, gap.n) == (
        *(pytest.approx(each, abs=5e-5) for each in (0.2, 0.0524, 0.3339)),
        70,
    )


def test_the_gap_of_an_error_is_positive_where_train_has_the_smaller_one() -> None:
    gap = train_gap(Estimate(1.0, 0.9, 1.2, 50), Estimate(2.0, 1.6, 2.3, 40), RMSE)
    assert gap.value == 1.0
    assert (gap.low, gap.high) == (
        pytest.approx(1 - (0.2**2 + 0.4**2) ** 0.5),
        pytest.approx(1 + (0.1**2 + 0.3**2) ** 0.5),
    )
