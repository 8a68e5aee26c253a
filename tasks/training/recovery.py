"""Recovery: repairs a compressed network in stages without training, then trains it with the baseline as teacher."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field

from tasks.training.distillation import DistillationSpec, LastStage, train_with_teacher
from tasks.training.repair import Repair, RepairStage, recalibrate, reconstruct_layers
from tasks.training.train import OnEpoch
from tasks.training.training_data import TrainingData, TrainingResult

if TYPE_CHECKING:
    from torch import nn


KeptOutputs = Mapping[str, Sequence[int]] | None
"""Layer name → indices of the teacher's output channels that the student's narrower layer still has."""


class Recover(DistillationSpec):
    """Recovers the score of a compressed model in stages of increasing cost.

    The stages: recompute the batch-norm statistics; fit layers in closed form to the teacher's outputs; train the whole
    network with the baseline as teacher. A stage's result is kept only if it improves the validation score. Papers: He
    et al. 2017 "Channel Pruning for Accelerating Very Deep Neural Networks" (closed form); Hinton et al. 2015
    "Distilling the Knowledge in a Neural Network".

    Needs a torch model. The closed form is left out for networks that cannot be traced, such as a fake-quantized one.

    Card: docs/techniques/recover.md.
    """

    step: Literal["recover"] = "recover"
    until: LastStage = "train"
    """The last stage. Unless it is `train`, the network is not trained and the knobs of training are not used."""
    stop_when_within: float | None = Field(default=None, ge=0)
    """The recovery ends before the next stage when its validation score is at most this much worse than the teacher's,
    in the metric's own unit. Absent: all stages are executed."""

    @property
    def last_stage(self) -> LastStage:
        """The last stage of the recovery."""
        return self.until

    @property
    def margin(self) -> float | None:
        """The recovery ends when its validation score is at most this much worse than the teacher's; None: never."""
        return self.stop_when_within

    @property
    def trains(self) -> bool:
        """Whether the network may be trained; then a dense control (the baseline, trained likewise) is run, too."""
        return self.until == "train"


@dataclass(frozen=True)
class Recovery:
    """The record of a recovery. The student itself was changed in place."""

    rungs: tuple[RepairStage, ...]
    """The stages without training, in the order in which they were tried."""
    training: TrainingResult | None
    """None when the recovery ended before training."""

    def record(self) -> dict[str, Any]:
        """The record as JSON: the fields of `training`, the total `minutes`, and the stages as `rungs`."""
        trained = dataclasses.asdict(self.training) if self.training else {}
        minutes = sum(rung.seconds for rung in self.rungs) / 60 + trained.get("minutes", 0)
        return {**trained, "minutes": minutes, "rungs": [dataclasses.asdict(rung) for rung in self.rungs]}


def recover_network(
    student: nn.Module,
    teacher: nn.Module,
    data: TrainingData,
    spec: Recover,
    *,
    kept: KeptOutputs = None,
    checkpoint: Path | None = None,
    on_epoch: OnEpoch | None = None,
    answers: Path | None = None,
) -> Recovery:
    """Recovers the score of `student`, in place; at the end it has the weights of the best stage or epoch.

    The result never scores worse on validation than the student did before. Weight tensors of which at least 1 % are
    exactly zero keep these zeros.

    Args:
        student: the compressed network.
        teacher: the network before compression, on the same device. Only set to evaluation mode.
        data: the tensors and the metric.
        spec: the stages and the training.
        kept: layer name → indices of the teacher's output channels that the student's narrower layer still has; None
            when the student's layers do not correspond to the teacher's: then none is fitted in closed form.
        checkpoint: a file that is rewritten after every epoch of training. A killed training continues from it; the
            stages before it are executed again.
        on_epoch: called after every epoch of training; True stops the training.
        answers: as `train_with_teacher`.
    """
    from tasks.kernels.pruning.sparsity import keep_zeros

    with keep_zeros(student):
        return run_repairs(
            student, teacher, data, spec, kept=kept, checkpoint=checkpoint, on_epoch=on_epoch, answers=answers
        )


def run_repairs(
    student: nn.Module,
    teacher: nn.Module,
    data: TrainingData,
    spec: DistillationSpec,
    *,
    kept: KeptOutputs = None,
    checkpoint: Path | None = None,
    on_epoch: OnEpoch | None = None,
    answers: Path | None = None,
) -> Recovery:
    """Executes the stages in order, in place, up to `spec.last_stage` or until `spec.margin` is met.

    Args:
        student: any network with the teacher's outputs.
        teacher: on the same device. Only set to evaluation mode.
        data: the tensors and the metric.
        spec: the last stage, the margin and the training.
        kept: layer name → indices of the teacher's output channels that the student's layer has; None: no layer is
            fitted in closed form.
        checkpoint: a file that is rewritten after every epoch of training; a killed training continues from it.
        on_epoch: called after every epoch of training; True stops the training.
        answers: as `train_with_teacher`.
    """
    teacher.eval()
    repair = Repair(student, data)
    stages = {
        "as it is": lambda: "",
        "recalibrate": lambda: recalibrate(student, data, spec.batch_size, spec.seed),
        "reconstruct": lambda: reconstruct_layers(student, teacher, data, kept, spec.seed),
    }
    for name, stage in stages.items():
        repair.attempt(name, stage)
        if name == spec.last_stage or repair.is_within(spec.margin, teacher):
            return Recovery(tuple(repair.stages), None)
    result = train_with_teacher(student, teacher, data, spec, checkpoint=checkpoint, on_epoch=on_epoch, answers=answers)
    return Recovery(tuple(repair.stages), result)
