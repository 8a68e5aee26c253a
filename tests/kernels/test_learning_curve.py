"""The best epoch and the standstill, by hand."""

from __future__ import annotations

from tasks.kernels.training.learning_curve import Curve, Epoch, best_epoch, epochs_without_improvement, minutes_of


def curve(*points: tuple[float, float]) -> Curve:
    """Epochs from (score, loss)."""
    return tuple(Epoch(n, 1.0, loss, score, 0.1, 30.0) for n, (score, loss) in enumerate(points, start=1))


def test_best_is_by_score_then_loss_then_earlier() -> None:
    points = curve((0.8, 3.0), (0.9, 2.0), (0.9, 1.0), (0.9, 1.0), (0.7, 0.5))
    assert best_epoch(points, lower_is_better=False).number == 3
    assert best_epoch(points, lower_is_better=True).number == 5


def test_a_standstill_counts_from_the_last_improvement() -> None:
    assert epochs_without_improvement((), 0.0, False) == 0
    assert epochs_without_improvement(curve((0.5, 1), (0.6, 1), (0.6, 1), (0.55, 0.5)), 0.0, False) == 2
    assert epochs_without_improvement(curve((0.5, 1), (0.4, 1), (0.45, 1)), 0.0, True) == 1


def test_an_equal_score_with_a_lower_loss_is_an_improvement() -> None:
    points = curve((1.0, 0.3), (1.0, 0.2), (1.0, 0.1))
    assert epochs_without_improvement(points, 0.0, False) == 0
    assert epochs_without_improvement(points, 0.01, False) == 2


def test_small_gains_add_up_until_they_exceed_min_delta() -> None:
    points = curve((0.50, 1), (0.51, 1), (0.52, 1), (0.54, 1), (0.55, 1))
    assert epochs_without_improvement(points, 0.03, False) == 1


def test_minutes_are_those_of_all_epochs() -> None:
    assert minutes_of(curve((0.1, 1), (0.1, 1), (0.1, 1))) == 1.5
