"""recovery."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field

from tasks.kernels.training.learning_curve import Epoch
from tasks.training.distillation import DistillationSpec, train_with_teacher
from tasks.training.repair import Repair, RepairStage, recalibrate, reconstruct_layers
from tasks.training.training_data import TrainingData, TrainingResult

if TYPE_CHECKING:
    from torch import nn


Last = Literal["recalibrate", "reconstruct", "train"]
"""The last rung of a ladder."""


class Recover(DistillationSpec):
    """Repairs a compressed model, rung by rung, each dearer than the one before and kept only if it scores better
    on validation: as it is; batch-norm statistics recomputed; layers fitted in closed form to the teacher's outputs
    (seconds); training of the whole against the baseline as teacher.

    Papers: He et al. 2017 "Channel Pruning for Accelerating Very Deep Neural Networks" (closed form); Hinton et
    al. 2015 "Distilling the Knowledge in a Neural Network".

    Measured: ResNet-20 on CIFAR-10, 86.3 % on the 2,500 validation images that scored these
    (95 % interval about ±1.6 points), 1,024 training images for the closed form, 10 s of one core; host 2-core
    Xeon with AVX-512 VNNI, ONNX Runtime 1.31. Accuracy after recomputed statistics → after the closed form:
    half of the inner channels cut 52.0 → 77.4; the blocks layer1.1 and layer2.1 removed 69.8 → 84.8; layer1.2
    and layer3.1 52.0 → 79.6. One epoch on 10,000 images (80 to 100 s), the better of two learning rates, then
    gives 79.6 without the closed form and 81.2 with it (channels), 80.8 and 81.0 (layer1.2 and layer3.1).
    Low rank at an energy of 0.7, fitted in the last part of each split layer only: 29.3 → 58.4.

    When it did not help: once there is training, the closed form saves about the first epoch and no more. A
    network that cannot be traced, such as a fake-quantized one, is not fitted. Features of the stages as further
    targets (two seeds, 5,000 images): 81.0 and 80.6 %, at ten times their weight 81.3 and 81.0, without them 81.1
    and 80.8; that is inside the noise, and they are left out. A teacher that runs channels-last or in inference
    mode was no faster.
    """

    step: Literal["recover"] = "recover"
    until: Last = "train"
    """The last rung; before `train`, nothing is trained and the knobs of training are not used."""
    stop_when_within: float | None = Field(default=None, ge=0)
    """Climb no further when the validation score is within this of the teacher's. Absent: climb to the end."""

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
    kept: Mapping[str, Sequence[int]] | None = None,
    metric: str = "accuracy",
    checkpoint: Path | None = None,
    on_epoch: Callable[[Epoch], bool | None] | None = None,
) -> Recovery:
    """Climbs the ladder with `student`, in place, and leaves the weights of the best rung or epoch in it.

    The result never scores worse on validation than the student did. Weights of which a hundredth or more are
    exact zeros keep these zeros. The teacher, on the same device, stays as it is, in evaluation mode.

    Args:
        kept: the teacher's output channels that the student's narrower layers have, by name; None when the
            student's layers do not correspond to the teacher's, and then they are not reconstructed.
        metric, checkpoint, on_epoch: those of `training.train`; training goes on where it was, the rungs before
            it are climbed again.
    """
    from tasks.kernels.pruning.sparsity import zeros_held

    with zeros_held(student):
        return run_repairs(
            student,
            teacher,
            data,
            spec,
            until=spec.until,
            margin=spec.stop_when_within,
            kept=kept,
            metric=metric,
            checkpoint=checkpoint,
            on_epoch=on_epoch,
        )


def run_repairs(
    student: nn.Module,
    teacher: nn.Module,
    data: TrainingData,
    spec: DistillationSpec,
    *,
    until: Last = "train",
    margin: float | None = None,
    kept: Mapping[str, Sequence[int]] | None = None,
    metric: str = "accuracy",
    checkpoint: Path | None = None,
    on_epoch: Callable[[Epoch], bool | None] | None = None,
) -> Recovery:
    """The ladder itself, for any student: `until` is the last rung, `margin` the distance at which it may end.

    The other arguments are those of `recover`.
    """
    teacher.eval()
    ladder = Repair(student, data, metric)
    repairs = {
        "as it is": lambda: "",
        "recalibrate": lambda: recalibrate(student, data, spec.batch_size, spec.seed),
        "reconstruct": lambda: reconstruct_layers(student, teacher, data, kept, spec.seed),
    }
    for name, repair in repairs.items():
        ladder.climb(name, repair)
        if name == until or ladder.is_within(margin, teacher):
            return Recovery(tuple(ladder.rungs), None)
    result = train_with_teacher(student, teacher, data, spec, metric=metric, checkpoint=checkpoint, on_epoch=on_epoch)
    return Recovery(tuple(ladder.rungs), result)
