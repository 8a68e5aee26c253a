"""Training spec: the recipe's settings of a training: epochs, optimizer, schedule, early stopping."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from tasks.core import Spec
from tasks.training.value_schedule import ValueChange, held, wrong

Optimizer = Literal["sgd", "adam", "adamw", "adagrad", "rmsprop"]
Schedule = Literal["constant", "cosine", "one_cycle"]


class EarlyStopping(Spec):
    """Ends training when the validation score no longer improves."""

    patience: int = Field(default=5, ge=1, le=10_000)
    """Training stops after this number of successive epochs without an improvement."""
    min_delta: float = Field(default=0.0, ge=0)
    """A change of the score counts as an improvement only above this, in the metric's own unit."""


class TrainSpec(Spec):
    """The settings of a training."""

    epochs: int = Field(default=30, ge=1, le=10_000)
    """Most passes over the training data."""
    minutes: float | None = Field(default=None, gt=0)
    """Most minutes of training and validation. The learning rate then follows the elapsed share of time when that is
    larger than the share of epochs, so that its schedule always reaches its end."""
    batch_size: int = Field(default=128, ge=1, le=65_536)
    """Examples in one step. Absent in a recipe: 128, or an eighth of the train examples where that is less."""
    optimizer: Optimizer = "adamw"
    """The optimizer."""
    learning_rate: float = Field(default=1e-3, gt=0)
    """The schedule's highest learning rate."""
    momentum: float = Field(default=0.9, ge=0, lt=1)
    """Momentum of sgd; the other optimizers do not use it."""
    weight_decay: float = Field(default=1e-4, ge=0)
    """Weight decay of all weights: decoupled in adamw, part of the gradient in the other optimizers."""
    schedule: Schedule = "cosine"
    """How the learning rate changes during training."""
    label_smoothing: float = Field(default=0.0, ge=0, lt=1)
    """Share of each class target that is spread over all classes; regression does not use it."""
    early_stopping: EarlyStopping | None = EarlyStopping()
    """When to stop before the last epoch; null: never."""
    precision: Literal["float32", "bfloat16"] = "float32"
    """Arithmetic of the training steps; weights and validation stay in float32."""
    seed: int = Field(default=0, ge=0)
    """Seed of shuffling, augmentation and dropout."""
    changes: dict[int, ValueChange] = Field(default_factory=dict, exclude_if=lambda changes: not changes)
    """Epoch, counted from 1 → values that apply from its beginning until the next change: `{4: {learning_rate: 0.03}}`
    changes the learning rate before the fourth epoch."""

    @model_validator(mode="after")
    def _changes_apply(self) -> TrainSpec:
        if said := wrong(self.changes, self.epochs, self.optimizer):
            raise ValueError(said)
        return self

    def at(self, epoch: int) -> TrainSpec:
        """The spec with the values that apply in an epoch, counted from 1."""
        return self.model_copy(update=held(self.changes, epoch))

    def until(self, epoch: int) -> TrainSpec:
        """The spec of a training that ends after this epoch (counted from 1) and is otherwise the same."""
        changes = {start: change for start, change in self.changes.items() if start <= epoch}
        return self.model_copy(update={"epochs": min(epoch, self.epochs), "changes": changes})
