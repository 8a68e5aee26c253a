"""Student: a network of another architecture, initialized from the baseline's weights and trained to reproduce it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field

from tasks.core import InputError, Prepared
from tasks.models.factory import complete_factory
from tasks.models.model_spec import ModelSpec
from tasks.training import recovery, train
from tasks.training.distillation import DistillationSpec
from tasks.training.recovery import Recovery
from tasks.training.train import OnEpoch
from tasks.training.train_spec import LearningRate
from tasks.training.training_data import TrainingData

if TYPE_CHECKING:
    from torch import nn


class Distill(DistillationSpec):
    """Trains a student of another architecture with the baseline as teacher; the first step of a branch.

    A student's tensor begins as the leading part of the teacher's tensor of the same name, if that is at least as
    large; otherwise at random. Papers: Hinton et al. 2015 "Distilling the Knowledge in a Neural Network"; Beyer et al.
    2022 "Knowledge distillation: A good teacher is patient and consistent".

    Needs a torch baseline, and a factory whose network matches the data.

    Card: docs/techniques/distill.md.
    """

    step: Literal["distill"] = "distill"
    factory: str
    """`module:callable` that returns the student; it gets `input_shape` and `outputs` if it has these parameters."""
    arguments: dict[str, Any] = Field(default_factory=dict)
    """Keyword arguments of the factory, for example the student's width and depth."""
    temperature: float = Field(default=1.0, gt=0)
    """Divides the logits of both models; above 1, the loss gives more weight to the teacher's less likely classes. A
    student that begins at random learns these slowly: 4, the default of `recover`, harmed it."""
    hard_weight: float = Field(default=0.7, ge=0, le=1)
    """Weight of the loss against the targets; the rest is the weight of the loss against the teacher's outputs. A
    teacher that learned for as few epochs as its student has little to add, and a lower weight harmed the student."""
    learning_rate: LearningRate = 1e-3
    """The schedule's highest learning rate. `auto`: as in `recover`."""
    taught: bool = Field(default=True, exclude_if=lambda taught: taught)
    """False: the same student with the same training, but without the teacher: it begins at random and learns the
    targets alone."""
    compare: bool = Field(default=False, exclude_if=lambda compare: not compare)
    """Whether the same student is also trained without the teacher, beside it. Where the recipe's model is an ensemble,
    it always is."""
    output: int | str | None = Field(default=None, exclude_if=lambda output: output is None)
    """Which output of a student that answers with several: its key, attribute or index, as `model.output`."""


def complete_student(spec: Distill, prepared: Prepared, path: str = "") -> tuple[str, dict[str, Any]]:
    """The student's factory and all its arguments, including the shapes of the data.

    Args:
        spec: the recipe's step.
        prepared: the data with their preprocessing.
        path: path of the step in the recipe, with a dot at its end, for the message of an error.

    Returns:
        (factory, arguments).

    Raises:
        InputError: the factory or an argument is wrong, or the student does not match the data; it names `path` and
            the knob.
    """
    try:
        return complete_factory(ModelSpec(factory=spec.factory, arguments=spec.arguments, output=spec.output), prepared)
    except InputError as error:
        place = path + (error.path or "").removeprefix("model.")
        raise error.at(path=place) from error


def train_student(
    student: nn.Module,
    teacher: nn.Module,
    data: TrainingData,
    spec: Distill,
    *,
    checkpoint: Path | None = None,
    on_epoch: OnEpoch | None = None,
    answers: Path | None = None,
) -> tuple[Recovery, list[str]]:
    """Initializes the student from the teacher's weights and trains it, in place; one that is not taught learns alone.

    Args:
        student: a network with the teacher's outputs.
        teacher: on the same device. Only set to evaluation mode.
        data: the tensors and the metric.
        spec: the training.
        checkpoint: a file that is rewritten after every epoch; a killed training continues from it.
        on_epoch: called after every epoch; True stops the training.
        answers: as `train_with_teacher`.

    Returns:
        The record of the training, and the names of the student's tensors that were taken from the teacher.
    """
    from tasks.kernels.training.weight_transfer import inherit_weights

    if not spec.taught:
        training = spec.training(student)
        return Recovery((), train.train(student, data, training, checkpoint=checkpoint, on_epoch=on_epoch)), []
    inherited, kept = inherit_weights(student, teacher)
    result = recovery.run_repairs(
        student, teacher, data, spec, kept=kept, checkpoint=checkpoint, on_epoch=on_epoch, answers=answers
    )
    return result, inherited
