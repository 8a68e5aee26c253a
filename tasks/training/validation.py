"""Validation: computes the score and the loss of a network on the validation split."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

from tasks.core import Refusal

if TYPE_CHECKING:
    from torch import nn

    from tasks.training.training_data import TrainingData


class Validation(NamedTuple):
    """The score and the loss of a network on the validation split."""

    score: float
    """The metric, in its own unit."""
    loss: float
    """Cross-entropy without smoothing (classes) or mean squared error (numbers)."""

    def order(self, metric: str) -> tuple[float, float]:
        """A sort key: smaller is better, by the score and between equal scores by the loss."""
        from tasks.kernels.statistics.metrics import METRICS

        return -METRICS[metric].oriented(self.score), self.loss


def validate(model: nn.Module, data: TrainingData) -> Validation | None:
    """Validates the model, in evaluation mode. Returns None when the loss is not finite.

    Raises:
        Refusal: the metric is not defined on the validation split, because a class is missing there.
    """
    from tasks.kernels.statistics import metrics
    from tasks.kernels.training import loops, losses

    outputs = loops.predict_all(model, data.validation_inputs, data.transform)
    loss = float(losses.task_loss(outputs, data.validation_targets))
    if not math.isfinite(loss):
        return None
    score = metrics.compute_metric(data.metric, outputs.cpu().numpy(), data.validation_targets.cpu().numpy())
    if math.isnan(score):
        raise Refusal(f"{data.metric} has no value on the validation split: a class is missing there")
    return Validation(score, loss)
