"""Students: a smaller network of another architecture, started from the baseline's weights and taught by it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field

from tasks.core import InputError, Prepared
from tasks.models.factory import build_network, check_shapes, complete_factory
from tasks.models.model_spec import ModelSpec
from tasks.training import recovery
from tasks.training.distillation import DistillationSpec
from tasks.training.recovery import Recovery
from tasks.training.train import OnEpoch
from tasks.training.training_data import TrainingData

if TYPE_CHECKING:
    from torch import nn


class Distill(DistillationSpec):
    """Trains a student of another architecture with the baseline as teacher; the first step of a branch.

    The student begins with the teacher's weights where names and sizes allow; the rest begins at random. Papers:
    Hinton et al. 2015 "Distilling the Knowledge in a Neural Network"; Beyer et al. 2022 "Knowledge distillation: A
    good teacher is patient and consistent".

    Needs a torch baseline, and a factory whose network suits the data.

    Card: docs/techniques/distill.md.
    """

    step: Literal["distill"] = "distill"
    factory: str
    """`module:callable`; it is given `input_shape` and `outputs` if it takes them."""
    arguments: dict[str, Any] = Field(default_factory=dict)
    """Keyword arguments of the factory, for example the student's width and depth."""


def complete_student(spec: Distill, prepared: Prepared, path: str = "") -> tuple[str, dict[str, Any]]:
    """The student's factory and all its arguments, with the shape of the data filled in; the student is tried.

    Raises:
        InputError: the factory or an argument is wrong, or the student does not suit the data; `path` is put
            before the knob's name.
    """
    try:
        factory, arguments = complete_factory(ModelSpec(factory=spec.factory, arguments=spec.arguments), prepared)
        check_shapes(build_network(factory, arguments, spec.seed), prepared)
    except InputError as error:
        place = path + (error.path or "").removeprefix("model.")
        raise error.at(path=place) from error
    return factory, arguments


def train_student(
    student: nn.Module,
    teacher: nn.Module,
    data: TrainingData,
    spec: Distill,
    *,
    checkpoint: Path | None = None,
    on_epoch: OnEpoch | None = None,
) -> tuple[Recovery, list[str]]:
    """Trains the student in place; also gives the names of the tensors that it began with from the teacher.

    Args:
        checkpoint: a file that is rewritten after every epoch, from which a killed training goes on.
        on_epoch: called after every epoch; True asks to stop.
    """
    from tasks.kernels.training.weight_transfer import inherit

    inherited, kept = inherit(student, teacher)
    result = recovery.run_repairs(student, teacher, data, spec, kept=kept, checkpoint=checkpoint, on_epoch=on_epoch)
    return result, inherited
