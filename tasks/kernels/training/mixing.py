"""Mixing: mixup and cutmix, which train on mixtures of two examples and of their classes."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional


@dataclass(frozen=True)
class Mixing:
    """Mixes each example of a batch with its neighbour, which the shuffling made a random one.

    Each batch draws its own share from Beta(a, a). Where both ways are set, each batch is mixed in one of them.
    """

    mixup: float
    """Its a: values are averaged (Zhang et al., "mixup: Beyond Empirical Risk Minimization", 2018); 0: none."""
    cutmix: float
    """Its a: a rectangle of each image is the neighbour's (Yun et al., "CutMix", 2019); 0: none."""
    classes: int
    """Number of classes, which is the width of the soft targets."""
    random: np.random.Generator
    """Draws on the host: the same on every device."""

    def __call__(self, inputs: Tensor, targets: Tensor) -> tuple[Tensor, Tensor]:
        """Network inputs (count, …) and class indices (count,) → mixed inputs, and soft targets (count, classes).

        Cutmix needs images: (count, channels, height, width). The share that it draws becomes that of whole pixels.
        """
        cuts = self.cutmix > 0 and (self.mixup == 0 or self.random.random() < 0.5)
        alpha = self.cutmix if cuts else self.mixup
        own = float(self.random.beta(alpha, alpha))
        if cuts:
            inputs, own = self._cut(inputs, own)
        else:
            inputs = inputs * own + inputs.roll(1, 0) * (1 - own)
        hot = functional.one_hot(targets, self.classes).to(inputs.dtype)
        return inputs, hot * own + hot.roll(1, 0) * (1 - own)

    def _cut(self, inputs: Tensor, own: float) -> tuple[Tensor, float]:
        """Replaces a rectangle of about 1 - `own` of the area; returns the share of pixels that stayed, too."""
        height, width = inputs.shape[2:]
        size = math.sqrt(1 - own)
        top, bottom = _stretch(height, size, self.random)
        left, right = _stretch(width, size, self.random)
        mixed = torch.clone(inputs)
        mixed[:, :, top:bottom, left:right] = inputs.roll(1, 0)[:, :, top:bottom, left:right]
        return mixed, 1 - (bottom - top) * (right - left) / (height * width)


def _stretch(length: int, share: float, random: np.random.Generator) -> tuple[int, int]:
    """A stretch of about `share` of the length around a random place, cut off at the ends."""
    half, middle = round(length * share / 2), int(random.integers(length))
    return max(0, middle - half), min(length, middle + half)
