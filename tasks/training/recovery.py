"""Recovery: repairs a compressed network stage by stage, and trains it against the baseline where that is asked."""

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
"""The teacher's output channels that a student's narrower layers still have, by the layer's name."""


class Recover(DistillationSpec):
    """Repairs a compressed model in stages, each costlier than the one before.

    The stages: as it is; batch-norm statistics recomputed; layers fitted in closed form to the teacher's outputs;
    training of the whole network with the baseline as teacher. Each result is kept only if it scores better on
    validation. Papers: He et al. 2017 "Channel Pruning for Accelerating Very Deep Neural Networks" (closed form);
    Hinton et al. 2015 "Distilling the Knowledge in a Neural Network".

    Needs a torch model. Layers of a network that cannot be traced, such as a fake-quantized one, are not fitted in
    closed form.

    Card: docs/techniques/recover.md.
    """

    step: Literal["recover"] = "recover"
    until: LastStage = "train"
    """The last rung; before `train`, nothing is trained and the knobs of training are not used."""
    stop_when_within: float | None = Field(default=None, ge=0)
    """Climb no further when the validation score is within this of the teacher's. Absent: climb to the end."""

    @property
    def last_stage(self) -> LastStage:
        """The last stage of the repair."""
        return self.until

    @property
    def margin(self) -> float | None:
        """The repair ends when the validation score is within this of the teacher's."""
        return self.stop_when_within

    @property
    def trains(self) -> bool:
        """Whether it can come to training: then a dense control stands beside it."""
        return self.until == "train"


@dataclass(frozen=True)
class Recovery:
    """What happened. The student itself was changed in place."""

    rungs: tuple[RepairStage, ...]
    """Those without training, in the order in which they were tried."""
    training: TrainingResult | None
    """None when it did not come to training."""

    def record(self) -> dict[str, Any]:
        """As JSON; a training's fields stand beside the rungs."""
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
) -> Recovery:
    """Repairs `student`, in place, and leaves the weights of the best stage or epoch in it.

    The result never scores worse on validation than the student did. Weights of which a hundredth or more are
    exact zeros keep these zeros. The teacher, on the same device, stays as it is, in evaluation mode.

    Args:
        kept: the teacher's output channels that the student's narrower layers have, by name; None when the
            student's layers do not correspond to the teacher's, and then they are not reconstructed.
        checkpoint: a file that is rewritten after every epoch of training. A killed training goes on from it; the
            stages before it are tried again.
        on_epoch: called after every epoch of training; True asks to stop.
    """
    from tasks.kernels.pruning.sparsity import zeros_held

    with zeros_held(student):
        return run_repairs(student, teacher, data, spec, kept=kept, checkpoint=checkpoint, on_epoch=on_epoch)


def run_repairs(
    student: nn.Module,
    teacher: nn.Module,
    data: TrainingData,
    spec: DistillationSpec,
    *,
    kept: KeptOutputs = None,
    checkpoint: Path | None = None,
    on_epoch: OnEpoch | None = None,
) -> Recovery:
    """The stages one after the other, for any student, up to `spec.last_stage` or until `spec.margin` is met.

    Args:
        kept: the teacher's output channels that the student's layers have, by name; None: no layer is reconstructed.
        checkpoint: a file that is rewritten after every epoch of training.
        on_epoch: called after every epoch of training; True asks to stop.
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
    result = train_with_teacher(student, teacher, data, spec, checkpoint=checkpoint, on_epoch=on_epoch)
    return Recovery(tuple(repair.stages), result)
