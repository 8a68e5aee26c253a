"""Draws: the random numbers of one batch of augmented examples, the same on every machine and device."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Generator, Tensor


@dataclass(frozen=True)
class Draws:
    """What an augmentation of one batch depends on, besides the batch. Numbers are drawn on the CPU, then moved.

    The methods take the batch for its length and its device.
    """

    generator: Generator
    """A generator of the CPU."""
    examples: Tensor | None = None
    """(count,): the number of each example of the batch in the training data."""
    epoch: int = 0
    """The epoch, counted from 1; 0 outside of a training."""
    span: tuple[float, float] = (0.0, 255.0)
    """The least and the greatest value that a pixel can have."""

    def uniform(self, batch: Tensor) -> Tensor:
        """(count,): a number from 0 to 1 for each example."""
        return torch.rand(len(batch), generator=self.generator).to(batch.device)

    def symmetric(self, batch: Tensor) -> Tensor:
        """(count,): a number from -1 to 1 for each example."""
        return 2 * self.uniform(batch) - 1

    def between(self, batch: Tensor, low: float, high: float) -> Tensor:
        """(count,): a number from `low` to `high` for each example."""
        return low + (high - low) * self.uniform(batch)

    def integers(self, batch: Tensor, rows: int, high: int) -> Tensor:
        """(rows, count): whole numbers from 0 to `high` - 1."""
        return torch.randint(high, (rows, len(batch)), generator=self.generator).to(batch.device)

    def normal(self, batch: Tensor, shape: tuple[int, ...]) -> Tensor:
        """Standard normal numbers of this shape."""
        return torch.randn(shape, generator=self.generator).to(batch.device)

    def turns(self, batch: Tensor, number: int = 0) -> Tensor:
        """(count,): booleans that alternate by epoch for each example; in one epoch about half of them are true.

        The first epoch's depends on the example's number alone. `number` tells independent series apart.

        Raises:
            ValueError: the numbers of the examples are not known.
        """
        if self.examples is None:
            raise ValueError("only examples of known numbers take turns")
        mixed = self.examples.to(batch.device, torch.int64) + 1 + 0x9E3779B9 * number
        for factor in (0x9E3779B1, 0x85EBCA6B):  # a hash of 32 bits, as in MurmurHash3
            mixed = (mixed * factor) & 0xFFFFFFFF
            mixed = mixed ^ (mixed >> 15)
        return (mixed + self.epoch) % 2 == 1


def as_dtype(batch: Tensor, values: Tensor) -> Tensor:
    """`values` in the batch's dtype; rounded for whole numbers, and limited to 0..255 for uint8."""
    if batch.dtype == torch.uint8:
        values = values.round().clamp(0, 255)
    elif not batch.is_floating_point():
        values = values.round()
    return values.to(batch.dtype)
