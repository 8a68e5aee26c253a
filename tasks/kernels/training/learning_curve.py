"""Learning curves: the epochs of a training, the best one, and the epochs without improvement."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple

Curve = tuple["Epoch", ...]
FEWEST = 4
"""Fewest epochs over which a trend can be told from noise."""


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


class Trend(NamedTuple):
    """How much the score improves in an epoch, on average over the last epochs, with its 95 % interval."""

    slope: float
    """Above 0 is better, whether or not a lower score is."""
    low: float
    high: float
    epochs: int
    """Number of epochs over which it was measured."""


def late_trend(curve: Curve, lower_is_better: bool) -> Trend | None:
    """The trend of the score over the last quarter of the epochs, at least four; None where they are fewer.

    A straight line is fitted; the interval is Student's, by how far the scores lie from the line. The starting weights
    are no epoch.
    """
    epochs = [epoch for epoch in curve if epoch.number]
    if len(epochs) < FEWEST:
        return None
    from scipy.special import stdtrit

    last = epochs[-max(FEWEST, math.ceil(len(epochs) / 4)) :]
    middle, count = sum(epoch.number for epoch in last) / len(last), len(last)
    scores = [-epoch.validation_score if lower_is_better else epoch.validation_score for epoch in last]
    mean = sum(scores) / count
    away = [epoch.number - middle for epoch in last]
    spread = sum(each**2 for each in away)
    slope = sum(each * score for each, score in zip(away, scores, strict=True)) / spread
    rest = sum((score - mean - slope * each) ** 2 for each, score in zip(away, scores, strict=True))
    half = float(stdtrit(count - 2, 0.975)) * math.sqrt(rest / (count - 2) / spread)
    return Trend(slope, slope - half, slope + half, count)
