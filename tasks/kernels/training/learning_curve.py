"""Learning curves: the epochs of a training, the best one, and the epochs without improvement."""

from __future__ import annotations

from dataclasses import dataclass

Curve = tuple["Epoch", ...]


@dataclass(frozen=True)
class Epoch:
    """One epoch, after its validation."""

    number: int
    """From 1; 0 is the validation of the starting weights, where it is part of the curve."""
    train_loss: float | None
    """Mean objective over the epoch's examples; None for number 0."""
    validation_loss: float
    """Cross-entropy without smoothing (classes) or mean squared error (numbers)."""
    validation_score: float
    """The metric, in its own unit."""
    learning_rate: float
    """At the epoch's last step."""
    seconds: float
    """Duration of training and validation."""


def best_epoch(curve: Curve, lower_is_better: bool) -> Epoch:
    """The epoch with the best score; between equal scores the lower validation loss, then the earlier epoch."""
    sign = 1 if lower_is_better else -1
    return min(curve, key=lambda epoch: (sign * epoch.validation_score, epoch.validation_loss))


def minutes_of(curve: Curve) -> float:
    """Total minutes of all epochs."""
    return sum(epoch.seconds for epoch in curve) / 60


def epochs_without_improvement(curve: Curve, min_delta: float, lower_is_better: bool) -> int:
    """Epochs since the last improvement of the score by more than `min_delta`; 0 for an empty curve.

    With `min_delta` 0, an equal score with a lower validation loss is an improvement, too: accuracy moves in steps.
    """
    if not curve:
        return 0
    sign = -1 if lower_is_better else 1
    waited, reference = 0, curve[0]
    for epoch in curve[1:]:
        gain = sign * (epoch.validation_score - reference.validation_score)
        if gain > min_delta or (gain == min_delta == 0 and epoch.validation_loss < reference.validation_loss):
            waited, reference = 0, epoch
        else:
            waited += 1
    return waited
