"""Distillation: trains a student network to reproduce a teacher's outputs (knowledge distillation)."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from pydantic import Field

from tasks.training import train
from tasks.training.speed.frozen_teacher import freeze_teacher
from tasks.training.speed.recovery_rate import recovery_rate
from tasks.training.speed.teacher_answers import TeacherAnswers
from tasks.training.train import OnEpoch
from tasks.training.train_spec import LearningRate, Precision, Schedule, TrainingSettings, TrainSpec
from tasks.training.training_data import TrainingData, TrainingResult

if TYPE_CHECKING:
    from torch import Tensor, nn

    from tasks.kernels.training.learning_curve import Epoch
    from tasks.kernels.training.loops import Objective

LastStage = Literal["recalibrate", "reconstruct", "train"]
"""The last stage of a recovery: batch-norm statistics, layers fitted in closed form, or training."""


class DistillationSpec(TrainingSettings):
    """How a student is trained with the baseline as its teacher."""

    epochs: int | None = Field(default=None, ge=1, le=10_000)
    """Most passes over the training data. Absent: 3, or as many as fit into `minutes`."""
    minutes: float | None = Field(default=None, gt=0)
    """Most minutes of training and validation."""
    batch_size: int = Field(default=128, ge=1, le=65_536)
    """Examples in one step."""
    learning_rate: LearningRate = "auto"
    """The schedule's highest learning rate. `auto`: by the network and the optimizer. Where at least every second
    convolution or linear layer has a batch normalization: 0.004 for adamw and adam, 0.005 for muon, 0.02 for sgd;
    otherwise, and for the other optimizers, 0.001."""
    schedule: Schedule = "one_cycle"
    """How the learning rate changes during training."""
    temperature: float = Field(default=4.0, gt=0)
    """Divides the logits of both models; above 1, the loss gives more weight to the teacher's less likely classes."""
    hard_weight: float = Field(default=0.1, ge=0, le=1)
    """Weight of the loss against the targets; the rest is the weight of the loss against the teacher's outputs."""
    precision: Precision = "float32"
    """Arithmetic of the training steps, including the teacher's; weights and validation stay in float32. `auto`
    measures it, as in `train.precision`. On a processor that multiplies bfloat16 (AMX, AVX-512 BF16), a step of
    ResNet-20 and its teacher took 0.53 of the time of float32 (10 interleaved pairs, 80 % of them 0.44 to 0.59), and
    one epoch reached 81.1 and 80.8 % instead of 81.0 and 80.7 (two seeds)."""

    def training(self, student: nn.Module | None = None) -> TrainSpec:
        """The same settings as a `TrainSpec` without early stopping.

        With the student, it has the rate that `auto` means for it.
        """
        shared = self.model_dump(include=set(TrainSpec.model_fields) - {"epochs"})
        if student is not None and self.learning_rate == "auto":
            shared["learning_rate"] = recovery_rate(student, self.optimizer)
        return TrainSpec(**shared, epochs=self.most_epochs, early_stopping=None)

    @property
    def most_epochs(self) -> int:
        """Most passes over the training data."""
        return self.epochs or (10_000 if self.minutes else 3)

    @property
    def last_stage(self) -> LastStage:
        """The last stage of a recovery; `train` includes all stages."""
        return "train"

    @property
    def margin(self) -> float | None:
        """The recovery ends when its validation score is at most this much worse than the teacher's; None: never."""
        return None

    @property
    def trains(self) -> bool:
        """Whether the network may be trained; then a dense control (the baseline, trained likewise) is run, too."""
        return True


def train_with_teacher(
    student: nn.Module,
    teacher: nn.Module,
    data: TrainingData,
    spec: DistillationSpec,
    *,
    checkpoint: Path | None = None,
    on_epoch: OnEpoch | None = None,
    answers: Path | None = None,
) -> TrainingResult:
    """Trains the student, in place, against the teacher's outputs; its starting weights count as epoch 0.

    The teacher gets the same augmented batches (Beyer et al., "Knowledge distillation: A good teacher is patient and
    consistent", 2022).

    Args:
        student: the network to train.
        teacher: a network with outputs of the same shape, on the same device; set to evaluation mode.
        data: the tensors and the metric.
        spec: the training.
        checkpoint: a file that is rewritten after every epoch; a killed training continues from it.
        on_epoch: called after every epoch; True stops the training.
        answers: a folder where the teacher's answers are kept for the next training on the same batches; None: nowhere.

    Raises:
        Refusal: nothing can be trained, or the metric is not defined on the validation split.
    """
    example = data.transform(data.inputs[:2].clone())
    guide = TeacherAnswers(freeze_teacher(teacher.eval(), example), example, answers)

    def keep_answers(epoch: Epoch) -> bool | None:
        guide.save()
        return on_epoch(epoch) if on_epoch else None

    return train.train(
        student,
        data,
        spec.training(student),
        objective=teacher_objective(guide, spec.temperature, spec.hard_weight, data.quantile),
        checkpoint=checkpoint,
        on_epoch=keep_answers,
        keep_start=True,
    )


def teacher_objective(
    teacher: Callable[[Tensor], Tensor], temperature: float, hard_weight: float, quantile: float | None = None
) -> Objective:
    """The distillation loss as an objective for `train.train`.

    The teacher is in evaluation mode; `temperature` (above 0) and `hard_weight` (0..1) are those of `DistillationSpec`,
    `quantile` that of the metric.
    """
    import torch

    from tasks.kernels.training import losses

    def objective(student: nn.Module, inputs: Tensor, targets: Tensor) -> Tensor:
        with torch.no_grad():
            guide = teacher(inputs)
        return losses.distillation_loss(student(inputs), guide, targets, temperature, hard_weight, quantile)

    return objective
