"""Training: lowers an objective, keeps the best validation epoch, and goes on where it was after a crash."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from pydantic import Field, model_validator

from tasks.artifacts import Spec
from tasks.changes import Change, held, wrong
from tasks.kernels.curves import Curve, Epoch, minutes_of
from tasks.trainer import Trainer, identity_of

if TYPE_CHECKING:
    from torch import Tensor, nn

    from tasks.kernels.loops import Augment, Objective, Transform

__all__ = ["EarlyStopping", "Epoch", "TrainSpec", "TrainingData", "TrainingResult", "train"]

Optimizer = Literal["sgd", "adam", "adamw", "adagrad", "rmsprop"]
Schedule = Literal["constant", "cosine", "one_cycle"]
Stopped = Literal["epochs", "early stopping", "minutes", "diverged", "told to stop"]


class EarlyStopping(Spec):
    """Ends training when the validation score stands still."""

    patience: int = Field(default=5, ge=1, le=10_000)
    """Epochs in a row without an improvement before training stops."""
    min_delta: float = Field(default=0.0, ge=0)
    """Smallest change of the score that counts as an improvement, in the metric's own unit."""


class TrainSpec(Spec):
    """How a network is trained."""

    epochs: int = Field(default=30, ge=1, le=10_000)
    """Passes over the training data, at most."""
    minutes: float | None = Field(default=None, gt=0)
    """Time for training and validation, at most; the learning rate then follows the clock wherever the clock
    is ahead of the epochs, so that its schedule always reaches its end."""
    batch_size: int = Field(default=128, ge=1, le=65_536)
    """Examples in one step."""
    optimizer: Optimizer = "adamw"
    """The rule that turns gradients into steps."""
    learning_rate: float = Field(default=1e-3, gt=0)
    """The schedule's highest learning rate."""
    momentum: float = Field(default=0.9, ge=0, lt=1)
    """Momentum of sgd; the other optimizers do not use it."""
    weight_decay: float = Field(default=1e-4, ge=0)
    """Pull of all weights towards zero: decoupled in adamw, in the gradient elsewhere."""
    schedule: Schedule = "cosine"
    """How the learning rate moves over the run."""
    label_smoothing: float = Field(default=0.0, ge=0, lt=1)
    """Share of each class target that is spread over all classes; regression does not use it."""
    early_stopping: EarlyStopping | None = EarlyStopping()
    """When to stop before the last epoch; null never does."""
    precision: Literal["float32", "bfloat16"] = "float32"
    """Arithmetic of the training steps; weights and validation stay in float32."""
    seed: int = Field(default=0, ge=0)
    """Seed of the shuffling, the augmentation and dropout."""
    changes: dict[int, Change] = Field(default_factory=dict, exclude_if=lambda changes: not changes)
    """Epoch, counted from 1 → values that hold from it on, until the next change: `{4: {learning_rate: 0.03}}` changes
    the learning rate before the fourth epoch trains."""

    @model_validator(mode="after")
    def _changes_apply(self) -> TrainSpec:
        if said := wrong(self.changes, self.epochs, self.optimizer):
            raise ValueError(said)
        return self

    def at(self, epoch: int) -> TrainSpec:
        """The same with the values that hold in an epoch, counted from 1."""
        return self.model_copy(update=held(self.changes, epoch))

    def until(self, epoch: int) -> TrainSpec:
        """The first epochs of this training, as one of their own."""
        changes = {start: change for start, change in self.changes.items() if start <= epoch}
        return self.model_copy(update={"epochs": min(epoch, self.epochs), "changes": changes})


@dataclass(frozen=True)
class TrainingData:
    """Tensors on the training device.

    Images are compact: raw pixels, uint8 or float32, (count, channels, height, width); tables are float32
    (count, features). Targets are int64 class indices or float32 numbers, (count,).
    """

    inputs: Tensor
    targets: Tensor
    validation_inputs: Tensor
    validation_targets: Tensor
    transform: Transform
    """Compact batch -> what the network sees (float): normalization, for example."""
    augment: Augment | None = None
    """Compact batch, generator -> compact batch; training examples only."""


@dataclass(frozen=True)
class TrainingResult:
    """What happened. The model itself was trained in place."""

    curve: Curve
    best_epoch: int
    """Number of the epoch whose weights the model has."""
    stopped: Stopped
    minutes: float
    """Training and validation, over all calls that continued one another."""
    note: str = ""
    """Why an existing checkpoint was not continued, if so."""


def train(
    model: nn.Module,
    data: TrainingData,
    spec: TrainSpec,
    *,
    metric: str = "accuracy",
    objective: Objective | None = None,
    checkpoint: Path | None = None,
    on_epoch: Callable[[Epoch], bool | None] | None = None,
    keep_start: bool = False,
    origin: tuple[int, Path] | None = None,
) -> TrainingResult:
    """Trains `model` in place and leaves the weights of the best validation epoch in it, in evaluation mode.

    Best is the best `metric`; between equal scores, the lower validation loss; then the earlier epoch.

    Args:
        objective: what a step lowers; by default cross-entropy for integer targets, else mean squared error.
        checkpoint: a file that is rewritten after every epoch. When it is there and belongs to this training
            (same spec, metric, starting parameters, shapes and targets; name the file after all else, the
            objective for one), training goes on after it, and ends with the same bits as without the
            interruption unless `minutes` cuts in. A finished one is answered from the file. The caller
            deletes it.
        on_epoch: called after every epoch that this call trained; True asks to stop.
        keep_start: whether the starting weights take part, as epoch 0: the result is never worse than they.
        origin: a number of epochs, and the checkpoint of a training that had `spec.until` so many and ended: this
            one goes on from there. It ends with the same bits as without it if the schedule is constant and
            neither early stopping nor `minutes` ends it. Not read where `checkpoint` goes on; one that is absent,
            or another training's, is passed over.

    Raises:
        Refusal: the loss is not finite in the first epoch (later, the best epoch before it is kept), nothing
            can be trained, or the metric has no value on the validation split.
    """
    trainer = Trainer(model, data, spec, metric, objective)
    identity = identity_of(trainer, keep_start) if checkpoint else ""
    note = trainer.resume(checkpoint, identity) if checkpoint else ""
    if origin and not trainer.curve:
        epochs, path = origin
        trainer.resume(path, identity_of(trainer, keep_start, spec.until(epochs)))
    if keep_start and not trainer.curve:
        trainer.validate(0, None, time.monotonic())
    stopped = trainer.verdict()
    while stopped is None:
        epoch = trainer.train_epoch()
        if epoch is None:
            stopped = "diverged"
            break
        if checkpoint:
            trainer.save(checkpoint, identity)
        stopped = "told to stop" if on_epoch and on_epoch(epoch) else trainer.verdict()
    best = trainer.finish()
    return TrainingResult(trainer.curve, best.number, stopped, minutes_of(trainer.curve), note)
