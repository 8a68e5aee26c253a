"""Distillation: a student trained against a teacher's outputs; `recover` repairs a compressed model rung by rung."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field

from tasks import rungs, training
from tasks.artifacts import Spec
from tasks.rungs import Ladder, Rung
from tasks.training import Epoch, Optimizer, Schedule, TrainingData, TrainingResult, TrainSpec

if TYPE_CHECKING:
    from torch import Tensor, nn

    from tasks.kernels.loops import Objective

Last = Literal["recalibrate", "reconstruct", "train"]
"""The last rung of a ladder."""


class Teaching(Spec):
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
    def trains(self) -> bool:
        """Whether it can come to training: then a dense control stands beside it."""
        return True


class Recover(Teaching):
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

    rungs: tuple[Rung, ...]
    """Those without training, in the order in which they were tried."""
    training: TrainingResult | None
    """None when it did not come to training."""

    def record(self) -> dict[str, Any]:
        """As JSON; a training's fields stand beside the rungs."""
        trained = dataclasses.asdict(self.training) if self.training else {}
        minutes = sum(rung.seconds for rung in self.rungs) / 60 + trained.get("minutes", 0)
        return {**trained, "minutes": minutes, "rungs": [dataclasses.asdict(rung) for rung in self.rungs]}


def recover(
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
    from tasks.kernels.sparsity import zeros_held

    with zeros_held(student):
        return climb(
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


def climb(
    student: nn.Module,
    teacher: nn.Module,
    data: TrainingData,
    spec: Teaching,
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
    ladder = Ladder(student, data, metric)
    repairs = {
        "as it is": lambda: "",
        "recalibrate": lambda: rungs.recalibrate(student, data, spec.batch_size, spec.seed),
        "reconstruct": lambda: rungs.reconstruct(student, teacher, data, kept, spec.seed),
    }
    for name, repair in repairs.items():
        ladder.climb(name, repair)
        if name == until or ladder.is_within(margin, teacher):
            return Recovery(tuple(ladder.rungs), None)
    result = teach(student, teacher, data, spec, metric=metric, checkpoint=checkpoint, on_epoch=on_epoch)
    return Recovery(tuple(ladder.rungs), result)


def teach(
    student: nn.Module,
    teacher: nn.Module,
    data: TrainingData,
    spec: Teaching,
    *,
    metric: str = "accuracy",
    checkpoint: Path | None = None,
    on_epoch: Callable[[Epoch], bool | None] | None = None,
) -> TrainingResult:
    """Trains the student against the teacher; its starting weights take part as epoch 0.

    The teacher sees the same augmented batches (Beyer et al., "Knowledge distillation: A good teacher is patient
    and consistent", 2022). The other arguments are those of `training.train`.
    """
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
