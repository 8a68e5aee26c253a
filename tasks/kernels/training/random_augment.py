"""RandAugment: a few operations of equal strength, chosen at random for each image.

Cubuk et al., "RandAugment: Practical automated data augmentation with a reduced search space", 2019. Strengths are as
in torchvision; images are resampled bilinearly.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor

from tasks.kernels.training import affine_transforms, color_transforms
from tasks.kernels.training.affine_transforms import Fill
from tasks.kernels.training.draws import Draws

STRONGEST = 30.0
"""The magnitude at which an operation has its greatest strength."""
Operation = Callable[[Tensor, Tensor], Tensor]
"""Images from 0 to 1, signed strength from -1 to 1 for each → images."""


def rand_augment(batch: Tensor, count: int, magnitude: float, fill: Fill, draws: Draws) -> Tensor:
    """Applies `count` random operations to each image, one after the other, at a magnitude from 0 to STRONGEST."""
    operations = [*COLORS, *(_moved(matrices, fill) for matrices in MOVES)]
    unit = color_transforms.to_unit(batch, draws.span)  # a copy, which may be written to
    for _ in range(count):
        chosen = draws.integers(batch, 1, len(operations) + 1)[0].cpu()  # the last one changes nothing
        strength = torch.where(draws.uniform(batch) < 0.5, -1.0, 1.0) * (magnitude / STRONGEST)
        for number, operation in enumerate(operations):
            places = (chosen == number).nonzero()[:, 0].to(batch.device)
            if len(places):
                part = operation(unit.index_select(0, places), strength.index_select(0, places))
                unit.index_copy_(0, places, part.clamp(0, 1))
    return color_transforms.from_unit(batch, unit, draws.span)


def _moved(matrices: Callable[[Tensor, int, int], Tensor], fill: Fill) -> Operation:
    def move(unit: Tensor, strength: Tensor) -> Tensor:
        return affine_transforms.warp(unit, [matrices(strength, *unit.shape[2:])], fill)

    return move


def _recolored(name: str) -> Operation:
    """One of the factors of `recolor`, from 0.1 to 1.9; the others change nothing."""

    def recolor(unit: Tensor, strength: Tensor) -> Tensor:
        one = torch.ones_like(strength)
        factors = {"brightness": one, "contrast": one, "saturation": one, name: 1 + 0.9 * strength}
        return color_transforms.recolor(unit, **factors, turn=torch.zeros_like(strength))

    return recolor


COLORS: tuple[Operation, ...] = (
    lambda unit, _: color_transforms.stretch(unit),
    lambda unit, _: color_transforms.equalize(unit),
    lambda unit, strength: color_transforms.posterize(unit, 8 - (4 * strength.abs()).round()),
    lambda unit, strength: color_transforms.solarize(unit, 1 - strength.abs()),
    lambda unit, strength: color_transforms.sharpen(unit, 1 + 0.9 * strength),
    _recolored("brightness"),
    _recolored("contrast"),
    _recolored("saturation"),
)
MOVES: tuple[Callable[[Tensor, int, int], Tensor], ...] = (
    lambda strength, *size: affine_transforms.rotation(strength * math.radians(30), *size),
    lambda strength, *size: affine_transforms.translation(strength * 0.45, torch.zeros_like(strength), *size),
    lambda strength, *size: affine_transforms.translation(torch.zeros_like(strength), strength * 0.45, *size),
    lambda strength, *size: affine_transforms.shearing(strength * 0.3, torch.zeros_like(strength), *size),
    lambda strength, *size: affine_transforms.shearing(torch.zeros_like(strength), strength * 0.3, *size),
)
