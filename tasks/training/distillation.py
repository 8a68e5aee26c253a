"""Distillation: a student trained against a teacher's outputs; `recover` repairs a compressed model rung by rung."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Literal

from pydantic import Field

from tasks.core import Spec
from tasks.training import train
from tasks.training.train import OnEpoch
from tasks.training.train_spec import Optimizer, Schedule, TrainSpec
from tasks.training.training_data import TrainingData, TrainingResult

if TYPE_CHECKING:
    from torch import Tensor, nn

    from tasks.kernels.training.loops import Objective

LastStage = Literal["recalibrate", "reconstruct", "train"]
"""The last stage of a repair."""


class DistillationSpec(Spec):
    """How a student is trained against the baseline as its teacher."""

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
    precision: Literal["float32", "bfloat16"] = "float32"
    """Arithmetic of the training steps, the teacher's part too; weights and validation stay in float32. Where the
    processor multiplies bfloat16 (AMX, AVX-512 BF16), a step of ResNet-20 and its teacher took 0.53 of the time
    of float32 (10 interleaved pairs, 80 % of them 0.44 to 0.59), and an epoch ended at 81.1 and 80.8 % instead of
    81.0 and 80.7 (two seeds)."""
    seed: int = Field(default=0, ge=0)
    """Seed of the shuffling, the augmentation and dropout."""

    def training(self) -> TrainSpec:
        """The same as a TrainSpec, without early stopping."""
        shared = self.model_dump(include=set(TrainSpec.model_fields) - {"epochs"})
        return TrainSpec(**shared, epochs=self.most_epochs, early_stopping=None)

    @property
    def most_epochs(self) -> int:
        """Passes over the training data, at most."""
        return self.epochs or (10_000 if self.minutes else 3)

    @property
    def last_stage(self) -> LastStage:
        """The last stage of a repair; training comes after all others."""
        return "train"

    @property
    def margin(self) -> float | None:
        """How far the validation score may stay behind the teacher's for the repair to end early; None: it does not."""
        return None

    @property
    def trains(self) -> bool:
        """Whether it can come to training: then a dense control stands beside it."""
        return True


def train_with_teacher(
    student: nn.Module,
    teacher: nn.Module,
    data: TrainingData,
    spec: DistillationSpec,
    *,
    checkpoint: Path | None = None,
    on_epoch: OnEpoch | None = None,
) -> TrainingResult:
    """Trains the student against the teacher; its starting weights take part as epoch 0.

    The teacher sees the same augmented batches (Beyer et al., "Knowledge distillation: A good teacher is patient
    and consistent", 2022).

    Args:
        checkpoint: a file that is rewritten after every epoch, from which a killed training goes on.
        on_epoch: called after every epoch; True asks to stop.
    """
    return train.train(
        student,
        data,
        spec.training(),
        objective=teacher_objective(teacher, spec.temperature, spec.hard_weight),
        checkpoint=checkpoint,
        on_epoch=on_epoch,
        keep_start=True,
    )


def teacher_objective(teacher: nn.Module, temperature: float, hard_weight: float) -> Objective:
    """The distillation objective for `training.train`; puts the teacher into evaluation mode."""
    import torch

    from tasks.kernels.training import losses

    teacher.eval()

    def objective(student: nn.Module, inputs: Tensor, targets: Tensor) -> Tensor:
        with torch.no_grad():
            guide = teacher(inputs)
        return losses.distillation_loss(student(inputs), guide, targets, temperature, hard_weight)

    return objective
