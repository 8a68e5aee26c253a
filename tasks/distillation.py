"""Distillation: a student trained against a teacher's outputs; `recover` repairs a compressed model so."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from pydantic import Field

from tasks import training
from tasks.artifacts import Spec
from tasks.training import Epoch, Optimizer, Schedule, TrainingData, TrainingResult, TrainSpec

if TYPE_CHECKING:
    from torch import Tensor, nn

    from tasks.kernels.loops import Objective

CALIBRATION_BATCHES = 64
"""Batches behind the recomputed batch-norm statistics, at most; more hardly move an average."""


class Recover(Spec):
    """Repairs a compressed model: batch-norm statistics first, then training with the baseline as teacher."""

    step: Literal["recover"] = "recover"
    epochs: int | None = Field(default=None, ge=1, le=10_000)
    """Passes over the training data, at most. Absent: 3, or as many as `minutes` allows."""
    minutes: float | None = Field(default=None, gt=0)
    """Time for training and validation, at most."""
    batch_size: int = Field(default=128, ge=1, le=65_536)
    """Examples in one step."""
    optimizer: Optimizer = "adamw"
    """The rule that turns gradients into steps."""
    learning_rate: float = Field(default=1e-3, gt=0)
    """The schedule's highest learning rate."""
    schedule: Schedule = "one_cycle"
    """How the learning rate moves over the run."""
    temperature: float = Field(default=4.0, gt=0)
    """Softens both models' class probabilities; above 1, more shows of what the teacher knows."""
    hard_weight: float = Field(default=0.1, ge=0, le=1)
    """Share of the task's own loss; the rest is the distance to the teacher."""
    seed: int = Field(default=0, ge=0)
    """Seed of the shuffling, the augmentation and dropout."""

    def training(self) -> TrainSpec:
        """The same as a TrainSpec, without early stopping."""
        shared = self.model_dump(exclude={"step", "epochs", "temperature", "hard_weight"})
        return TrainSpec(**shared, epochs=self.most_epochs, early_stopping=None)

    @property
    def most_epochs(self) -> int:
        """Passes over the training data, at most."""
        return self.epochs or (10_000 if self.minutes else 3)


def recover(
    student: nn.Module,
    teacher: nn.Module,
    data: TrainingData,
    spec: Recover,
    *,
    metric: str = "accuracy",
    checkpoint: Path | None = None,
    on_epoch: Callable[[Epoch], bool | None] | None = None,
) -> TrainingResult:
    """Trains `student` in place against `teacher`, and leaves the best validation epoch's weights in it.

    Batch-norm statistics are recomputed on training data first; that state takes part as epoch 0, so the
    result never scores worse on validation than it. The teacher, on the same device, sees the same augmented
    batches (Beyer et al., "Knowledge distillation: A good teacher is patient and consistent", 2022); its
    weights stay as they are, and it is left in evaluation mode. The other arguments are those of
    `training.train`.
    """
    recalibrate(student, data, spec.batch_size, spec.seed)
    return training.train(
        student,
        data,
        spec.training(),
        metric=metric,
        objective=against(teacher, spec.temperature, spec.hard_weight),
        checkpoint=checkpoint,
        on_epoch=on_epoch,
        keep_start=True,
    )


def recalibrate(model: nn.Module, data: TrainingData, batch_size: int, seed: int) -> None:
    """Recomputes the batch-norm statistics, in place, on random training examples without augmentation."""
    from tasks.kernels import loops

    with loops.seeded(seed, 0, data.inputs.device) as generator:
        batches = loops.shuffled_batches(len(data.inputs), batch_size, generator)
    whole = [indices for indices in batches if len(indices) == len(batches[0])][:CALIBRATION_BATCHES]
    loops.recalibrate_batch_norm(model, (data.transform(data.inputs[indices]) for indices in whole))


def against(teacher: nn.Module, temperature: float, hard_weight: float) -> Objective:
    """The distillation objective for `training.train`; puts the teacher into evaluation mode."""
    import torch

    from tasks.kernels import objectives

    teacher.eval()

    def objective(student: nn.Module, inputs: Tensor, targets: Tensor) -> Tensor:
        with torch.no_grad():
            guide = teacher(inputs)
        return objectives.distill(student(inputs), guide, targets, temperature, hard_weight)

    return objective
