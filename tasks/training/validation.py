"""Validation: computes the score and the loss of a network on the validation split."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

from tasks.core import Refusal
from tasks.evaluation.metric_choice import metric_of

if TYPE_CHECKING:
    from torch import nn

    from tasks.kernels.statistics.metrics import Metric
    from tasks.training.training_data import TrainingData


class Validation(NamedTuple):
    """The score and the loss of a network on the validation split."""

    score: float
    """The metric, in its own unit."""
    loss: float
    """Cross-entropy without smoothing (classes), or mean squared error or quantile loss (numbers)."""

    def order(self, metric: Metric) -> tuple[float, float]:
        """A sort key: smaller is better, by the score and between equal scores by the loss."""
        return -metric.oriented(self.score), self.loss


def validate(model: nn.Module, data: TrainingData) -> Validation | None:
    """Validates the model, in evaluation mode. Returns None when the loss is not finite.

    Raises:
        Refusal: the metric is not defined on the validation split, because a class is missing there.
        InputError: the user's own metric fails.
    """
    from tasks.kernels.statistics.target_map import in_data_unit
    from tasks.kernels.training import loops, losses

    outputs = loops.predict_all(model, data.validation_inputs, data.transform)
    loss = float(losses.task_loss(outputs, data.validation_targets, quantile=data.quantile))
    if not math.isfinite(loss):
        return None
    found, targets = outputs.cpu().numpy(), data.validation_targets.cpu().numpy()
    metric = metric_of(data.metric)
    if metric.task == "regression":
        found, targets = (in_data_unit(each, data.target) for each in (found, targets))
    score = metric.value(found, targets)
    if math.isnan(score):
        why = ": a class is missing there" if metric.task == "classification" else ""
        raise Refusal(f"{metric.title} has no value on the validation split{why}")
    return Validation(score, loss)
