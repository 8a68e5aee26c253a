"""Training text: in one sentence, whether a trained model underfits, overfits or neither, and what to try."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

from tasks.core import Estimate
from tasks.kernels.statistics.metrics import Metric
from tasks.kernels.training.learning_curve import FEWEST, Curve, best_epoch, late_trend

Fitted = Literal["network", "network of a table", "last layer", "linear", "boosting"]
"""What was trained: it decides what is to be tried."""
MILDER: dict[Fitted, str] = {
    "network": "augmentation, a higher train.weight_decay, or a smaller network",
    "network of a table": "a higher train.weight_decay, dropout, or a smaller network",
    "last layer": "more examples, or the features of a smaller network",
    "linear": "more regularization in model.arguments, or fewer columns with model.features",
    "boosting": "fewer leaves or more regularization in model.arguments",
}
"""What was trained → what helps against overfitting."""


@dataclass(frozen=True)
class TrainingFacts:
    """What is known of a training."""

    fitted: Fitted
    curve: Curve
    """Its epochs; empty where it had none."""
    train: Estimate
    """The metric on examples that it was trained on, as they are, with the weights that were kept."""
    validation: Estimate
    """The metric on validation, with the same weights."""
    divergence: str = ""
    """Where the loss was no longer finite, and what to try; empty where it always was."""


def describe_training(facts: TrainingFacts, metric: Metric, margin: float) -> str:
    """A sentence that says whether the model underfits, overfits or neither, with the figures that say so.

    It underfits where the last epoch was the best, and the trend of the last epochs (`late_trend`) is beyond its noise.
    It overfits where the metric is better on train than on validation, beyond the noise of both and by more than the
    margin.

    Args:
        facts: what is known of the training.
        metric: the metric of its scores.
        margin: differences up to it do not matter: the goal's `max_drop`.
    """
    gap = train_gap(facts.train, facts.validation, metric)
    overfits, epochs = gap.low > 0 and gap.value > margin, [epoch for epoch in facts.curve if epoch.number]
    said = describe_gap(facts.train, gap, metric)
    if gap.low > 0 and not overfits:
        said += f", no more than the goal's {margin:g}"
    best = best_epoch(facts.curve, metric.lower_is_better).number if epochs else 0
    if facts.divergence:
        return f"The baseline has the weights of epoch {best}, since {facts.divergence} ({said})."
    is_last = bool(epochs) and best == epochs[-1].number
    growth = describe_growth(facts.curve, metric) if is_last else ""
    milder = MILDER[facts.fitted]
    if growth and overfits:
        return f"The baseline overfits, though {growth}: {said}; try {milder}, and only then more train.epochs."
    if growth:
        return f"The baseline underfits: {growth}; try more train.epochs, or a wider network ({said})."
    if overfits:
        return f"The baseline overfits: {said}; try {milder}."
    if not epochs:
        return f"The baseline does not overfit: {said}."
    if is_last and len(epochs) < FEWEST:
        many = "the only epoch cannot tell" if len(epochs) == 1 else f"{len(epochs)} epochs, the last the best, cannot"
        return f"The baseline does not overfit, and whether more train.epochs help, {many}: {said}."
    return f"The baseline neither underfits nor overfits: its best epoch was {best} of {len(epochs)}; {said}."


def train_gap(train: Estimate, validation: Estimate, metric: Metric) -> Estimate:
    """How much better the metric is on train than on validation, above 0 is better; `n` counts the fewer examples.

    The interval of a difference of two independent estimates by their own intervals (Zou and Donner 2008; of
    proportions it is Newcombe's).
    """
    value = metric.loss(validation.value, train.value)
    below, above = train.value - train.low, train.high - train.value
    down, up = validation.value - validation.low, validation.high - validation.value
    if metric.lower_is_better:
        below, above, down, up = above, below, up, down
    low, high = value - math.hypot(below, up), value + math.hypot(above, down)
    return Estimate(value, low, high, min(train.n, validation.n))


def describe_gap(train: Estimate, gap: Estimate, metric: Metric) -> str:
    """The difference between train and validation, as text."""
    low, high = (gap.low, gap.high) if gap.value >= 0 else (-gap.high, -gap.low)
    than = "better" if gap.value >= 0 else "worse"
    size = f"{abs(gap.value):.4f} [{low:.4f}, {high:.4f}]"
    return f"on {train.n:,} train examples {metric.title} is {than} than on validation by {size}"


def describe_growth(curve: Curve, metric: Metric) -> str:
    """How much the score still improved in the last epochs, as text; empty where that may be noise."""
    trend = late_trend(curve, metric.lower_is_better)
    if trend is None or trend.low <= 0:
        return ""
    size = f"{trend.slope:.2g} [{trend.low:.2g}, {trend.high:.2g}] an epoch over the last {trend.epochs}"
    return f"it was still improving at its last epoch, {curve[-1].number} ({metric.title} better by {size})"
