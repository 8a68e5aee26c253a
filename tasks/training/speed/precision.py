"""Precision: the arithmetic in which a training is fastest on its device without loss, for `precision: auto`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tasks.training.training_data import draw_batches, epoch_examples

if TYPE_CHECKING:
    import torch
    from torch import Tensor, nn

    from tasks.kernels.training.loops import Objective
    from tasks.kernels.training.precision_choice import PrecisionChoice
    from tasks.training.train_spec import TrainSpec
    from tasks.training.training_data import TrainingData

EXAMPLES, PARTS = 2048, 32
"""Most validation examples that are looked at, and the parts whose losses give the noise."""
SLOWER = 0.2
"""Share of the learning rate in these steps, which have no warm-up."""


def optimizer_of(model: nn.Module, spec: TrainSpec, share: float = 1.0) -> torch.optim.Optimizer:
    """The optimizer of a training, with this share of its highest learning rate."""
    from tasks.kernels.training import optimizers

    return optimizers.make_optimizer(
        spec.optimizer,
        model,
        spec.peak * share,
        momentum=spec.momentum,
        weight_decay=spec.weight_decay,
        nesterov=spec.nesterov,
        decays_all=spec.decay == "all",
    )


def choose_precision(model: nn.Module, data: TrainingData, spec: TrainSpec, objective: Objective) -> PrecisionChoice:
    """Measures the training's own steps in both arithmetics, on copies of the model (`measure_arithmetics`).

    `spec` has a learning rate by now.
    """
    from tasks.kernels.training import loops
    from tasks.kernels.training.arithmetic import measure_arithmetics

    with loops.seeded(spec.seed, 0, data.device) as generator:
        batches = draw_batches(data, spec, generator)
    return measure_arithmetics(
        model,
        lambda generator: epoch_examples(model, data, spec, 1, generator),
        batches,
        lambda network: optimizer_of(network, spec, SLOWER),
        objective,
        lambda network: validation_losses(network, data),
    )


def validation_losses(model: nn.Module, data: TrainingData) -> Tensor:
    """The losses of parts of the validation split, in float32: (parts,), each of every n-th example."""
    import torch

    from tasks.kernels.training import loops, losses

    count = len(data.validation_targets)
    chosen = torch.arange(0, count, -(-count // EXAMPLES))
    inputs = data.validation_inputs.index_select(0, chosen.to(data.validation_inputs.device))
    targets = data.validation_targets.index_select(0, chosen.to(data.device))
    outputs, parts = loops.predict_all(model, inputs, data.transform), max(2, min(PARTS, len(chosen) // 4))
    return torch.stack(
        [
            losses.task_loss(outputs[start::parts], targets[start::parts], quantile=data.quantile)
            for start in range(parts)
        ]
    )
