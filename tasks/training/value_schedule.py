"""Value schedule: changes of the learning rate, weight decay and momentum at given epochs of a training."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import Field, model_validator

from tasks.core import InputError, Spec

FIRST = 2
"""The first epoch at whose beginning values can change; epoch 1 has the recipe's own values."""


class ValueChange(Spec):
    """New values of an optimizer's settings during a training; a setting that is left out does not change."""

    learning_rate: float | None = Field(default=None, gt=0)
    """The schedule's highest learning rate."""
    weight_decay: float | None = Field(default=None, ge=0)
    """Weight decay of all weights."""
    momentum: float | None = Field(default=None, ge=0, lt=1)
    """Momentum of sgd; not allowed for the other optimizers."""

    @model_validator(mode="after")
    def _says_something(self) -> ValueChange:
        if not self.values:
            raise ValueError(f"needs at least one of {', '.join(ValueChange.model_fields)}")
        return self

    @property
    def values(self) -> dict[str, float]:
        """Name → value of the settings that change."""
        return self.model_dump(exclude_none=True)


Changes = Mapping[int, ValueChange]
"""Epoch, counted from 1 → the change at its beginning."""


def held(changes: Changes, epoch: int) -> dict[str, Any]:
    """The changed values that apply in an epoch, counted from 1: for each setting its latest change up to this epoch.

    >>> held({4: ValueChange(learning_rate=0.03), 8: ValueChange(learning_rate=0.01, momentum=0.5)}, 7)
    {'learning_rate': 0.03}
    """
    found: dict[str, float] = {}
    for start in sorted(changes):
        if start <= epoch:
            found |= changes[start].values
    return found


def wrong(changes: Changes, epochs: int, optimizer: str) -> InputError | None:
    """The first error in the changes of a training with this number of epochs and optimizer; None without an error."""
    for epoch, change in changes.items():
        if not FIRST <= epoch <= epochs:
            law = f"must be an epoch from {FIRST} to train.epochs, which is {epochs}"
            near = min(max(epoch, FIRST), epochs) if epochs >= FIRST else None
            return InputError(law, path=f"changes.{epoch}", nearest=near)
        if change.momentum is not None and optimizer != "sgd":
            law = f"is sgd's alone, and train.optimizer is {optimizer}"
            return InputError(law, path=f"changes.{epoch}.momentum", value=change.momentum)
    return None
