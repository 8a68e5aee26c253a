"""train_spec."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from pydantic import Field, model_validator

from tasks.core import Spec
from tasks.training.value_schedule import ValueChange, held, wrong

if TYPE_CHECKING:
    pass

Optimizer = Literal["sgd", "adam", "adamw", "adagrad", "rmsprop"]
Schedule = Literal["constant", "cosine", "one_cycle"]


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
    changes: dict[int, ValueChange] = Field(default_factory=dict, exclude_if=lambda changes: not changes)
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
