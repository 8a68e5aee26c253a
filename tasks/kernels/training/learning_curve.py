"""Learning curves: epochs with their validation, the best of them, and how long they have stood still."""

from __future__ import annotations

from dataclasses import dataclass

Curve = tuple["Epoch", ...]


@dataclass(frozen=True)
class Epoch:
    """One epoch, after its validation."""

    number: int
    """From 1; 0 stands for the starting weights, where they take part."""
    train_loss: float | None
    """Mean objective over the epoch's examples; None for number 0."""
    validation_loss: float
    """Cross-entropy without smoothing (classes) or mean squared error (numbers)."""
    validation_score: float
    """The metric."""
    learning_rate: float
    """Of the epoch's last step."""
    seconds: float
    """Training and validation."""


def best_epoch(curve: Curve, lower_is_better: bool) -> Epoch:
    """The epoch with the best score; between equals the lower validation loss, then the earlier epoch."""
    sign = 1 if lower_is_better else -1
    return min(curve, key=lambda epoch: (sign * epoch.validation_score, epoch.validation_loss))


def minutes_of(curve: Curve) -> float:
    """Minutes that the epochs took."""
    return sum(epoch.seconds for epoch in curve) / 60


def standstill(curve: Curve, min_delta: float, lower_is_better: bool) -> int:
    """Epochs since the last improvement of the score by more than `min_delta`; 0 for an empty curve.

    With `min_delta` 0, an equal score with a lower validation loss is one, too: accuracy moves in steps.
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
