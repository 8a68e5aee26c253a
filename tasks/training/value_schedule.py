"""Changes: values of a training that become others while it goes on."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import Field, model_validator

from tasks.core import InputError, Spec

FIRST = 2
"""The first epoch that a change can come before: those before it have the recipe's own values."""


class ValueChange(Spec):
    """Values that an optimizer can take in the middle of a training; what is left out stays as it is."""

    learning_rate: float | None = Field(default=None, gt=0)
    """The schedule's highest learning rate."""
    weight_decay: float | None = Field(default=None, ge=0)
    """Pull of all weights towards zero."""
    momentum: float | None = Field(default=None, ge=0, lt=1)
    """Momentum of sgd."""

    @model_validator(mode="after")
    def _says_something(self) -> ValueChange:
        if not self.values:
            raise ValueError(f"needs at least one of {', '.join(ValueChange.model_fields)}")
        return self

    @property
    def values(self) -> dict[str, float]:
        """Name → value, of those that are given."""
        return self.model_dump(exclude_none=True)


Changes = Mapping[int, ValueChange]
"""Epoch, from 1 → what changes before it trains."""


def held(changes: Changes, epoch: int) -> dict[str, Any]:
    """The values that hold in an epoch because of changes before it; each later change holds until the next.

    >>> held({4: Change(learning_rate=0.03), 8: Change(learning_rate=0.01, momentum=0.5)}, 7)
    {'learning_rate': 0.03}
    """
    found: dict[str, float] = {}
    for start in sorted(changes):
        if start <= epoch:
            found |= changes[start].values
    return found


def wrong(changes: Changes, epochs: int, optimizer: str) -> InputError | None:
    """What is wrong with the changes of a training of so many epochs, if anything is."""
    for epoch, change in changes.items():
        if not FIRST <= epoch <= epochs:
            law = f"must be an epoch from {FIRST} to train.epochs, which is {epochs}"
            near = min(max(epoch, FIRST), epochs) if epochs >= FIRST else None
            return InputError(law, path=f"changes.{epoch}", nearest=near)
        if change.momentum is not None and optimizer != "sgd":
            law = f"is sgd's alone, and train.optimizer is {optimizer}"
            return InputError(law, path=f"changes.{epoch}.momentum", value=change.momentum)
    return None
