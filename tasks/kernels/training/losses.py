"""Losses: functions of a network's raw outputs and the targets that return the mean over the batch."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional


def cross_entropy(
    logits: Tensor, targets: Tensor, label_smoothing: float = 0.0, class_weights: Tensor | None = None
) -> Tensor:
    """Mean negative log-likelihood in nats. `logits` (count, classes).

    `targets` are int64 class indices (count,), or soft targets: a float share of each class (count, classes).
    `label_smoothing` is the share of each target that is spread over all classes (Szegedy et al., 2016).
    `class_weights` (classes,) multiplies the losses of each class; with indices the mean is weighted likewise.
    """
    return functional.cross_entropy(logits, targets, class_weights, label_smoothing=label_smoothing)


def mean_squared_error(outputs: Tensor, targets: Tensor) -> Tensor:
    """Mean squared difference. `outputs` (count,) or (count, 1), `targets` (count,); they are not broadcast."""
    return functional.mse_loss(outputs.reshape(targets.shape), targets)


def quantile_error(outputs: Tensor, targets: Tensor, quantile: float) -> Tensor:
    """Mean quantile (pinball) loss, least at the `quantile` (0..1) of the targets. Shapes as `mean_squared_error`."""
    missed = targets - outputs.reshape(targets.shape)
    return torch.maximum(quantile * missed, (quantile - 1) * missed).mean()


def task_loss(
    outputs: Tensor,
    targets: Tensor,
    label_smoothing: float = 0.0,
    quantile: float | None = None,
    class_weights: Tensor | None = None,
) -> Tensor:
    """`cross_entropy` for class indices and for soft targets, which are a matrix; otherwise `mean_squared_error`.

    With a quantile, `quantile_error` for float targets.
    """
    if targets.is_floating_point() and targets.dim() == 1:
        if quantile is not None:
            return quantile_error(outputs, targets, quantile)
        return mean_squared_error(outputs, targets)
    return cross_entropy(outputs, targets, label_smoothing, class_weights)


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
    Network", 2015); soft targets are a matrix. For numbers (float targets), it is the mean squared difference; the
    temperature is not used. The quantile is that of `task_loss`.
    """
    hard = task_loss(student, targets, quantile=quantile)
    if targets.is_floating_point() and targets.dim() == 1:
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
    label_smoothing: float = 0.0, quantile: float | None = None, class_weights: Tensor | None = None
) -> Callable[[nn.Module, Tensor, Tensor], Tensor]:
    """The objective of plain training: (model, inputs, targets) -> `task_loss` of the model's outputs."""
    return lambda model, inputs, targets: task_loss(model(inputs), targets, label_smoothing, quantile, class_weights)
