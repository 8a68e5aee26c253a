"""Losses: functions of a network's raw outputs and the targets that return the mean over the batch."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional


def cross_entropy(logits: Tensor, targets: Tensor, label_smoothing: float = 0.0) -> Tensor:
    """Mean negative log-likelihood in nats. `logits` (count, classes), `targets` int64 (count,).

    `label_smoothing` is the share of each target that is spread over all classes (Szegedy et al., 2016).
    """
    return functional.cross_entropy(logits, targets, label_smoothing=label_smoothing)


def mean_squared_error(outputs: Tensor, targets: Tensor) -> Tensor:
    """Mean squared difference. `outputs` (count,) or (count, 1), `targets` (count,); they are not broadcast."""
    return functional.mse_loss(outputs.reshape(targets.shape), targets)


def quantile_error(outputs: Tensor, targets: Tensor, quantile: float) -> Tensor:
    """Mean quantile (pinball) loss, least at the `quantile` (0..1) of the targets. Shapes as `mean_squared_error`."""
    missed = targets - outputs.reshape(targets.shape)
    return torch.maximum(quantile * missed, (quantile - 1) * missed).mean()


def task_loss(outputs: Tensor, targets: Tensor, label_smoothing: float = 0.0, quantile: float | None = None) -> Tensor:
    """`cross_entropy` for integer targets (class indices), `mean_squared_error` for float targets.

    With a quantile, `quantile_error` for float targets.
    """
    if targets.is_floating_point():
        if quantile is not None:
            return quantile_error(outputs, targets, quantile)
        return mean_squared_error(outputs, targets)
    return cross_entropy(outputs, targets, label_smoothing)


def distillation_loss(
    student: Tensor,
    teacher: Tensor,
    targets: Tensor,
    temperature: float = 4.0,
    hard_weight: float = 0.1,
    quantile: float | None = None,
) -> Tensor:
    """`hard_weight` x task loss + (1 - `hard_weight`) x distance to the teacher's outputs (same shape as student's).

    For classes, the distance is T² KL(softmax(teacher / T) || softmax(student / T)) with the temperature T; the factor
    T² keeps the size of the gradient when T changes (Hinton, Vinyals and Dean, "Distilling the Knowledge in a Neural
    Network", 2015). For numbers (float targets), it is the mean squared difference; the temperature is not used. The
    quantile is that of `task_loss`.
    """
    hard = task_loss(student, targets, quantile=quantile)
    if targets.is_floating_point():
        soft = mean_squared_error(student, teacher.reshape(targets.shape))
    else:
        soft = _softened_divergence(student, teacher, temperature)
    return hard_weight * hard + (1 - hard_weight) * soft


def _softened_divergence(student: Tensor, teacher: Tensor, temperature: float) -> Tensor:
    guess = functional.log_softmax(student.float() / temperature, dim=1)
    guide = functional.log_softmax(teacher.float() / temperature, dim=1)
    divergence = functional.kl_div(guess, guide, reduction="batchmean", log_target=True)
    return torch.mul(divergence, temperature**2)


def supervised(
    label_smoothing: float = 0.0, quantile: float | None = None
) -> Callable[[nn.Module, Tensor, Tensor], Tensor]:
    """The objective of plain training: (model, inputs, targets) -> `task_loss` of the model's outputs."""
    return lambda model, inputs, targets: task_loss(model(inputs), targets, label_smoothing, quantile)
