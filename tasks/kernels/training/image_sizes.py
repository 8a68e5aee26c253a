"""Image sizes: progressive resizing, by which the first epochs of a training see smaller images.

Howard, "Training Imagenet in 3 hours for 25 minutes" (2018); Touvron et al., "Fixing the train-test resolution
discrepancy" (2019).
"""

from __future__ import annotations

from torch import Tensor
from torch.nn import functional

GROWN = 2 / 3
"""Share of the training after which the images have their own size."""
STEP = 4
"""Sides are multiples of this."""


def share_at(start: float, progress: float) -> float:
    """The share (above 0, at most 1) of their sides that images have at this share of the training (0..1).

    It grows from `start` along a line, and is 1 from GROWN on.
    """
    return min(1.0, start + (1 - start) * progress / GROWN)


def small_side(side: int, share: float) -> int:
    """A side of that many pixels, made smaller: a multiple of STEP, at least one STEP, at most the side itself."""
    return min(side, max(STEP, STEP * round(share * side / STEP)))


def shrink(images: Tensor, share: float) -> Tensor:
    """Images (count, channels, height, width), each pixel the mean of those that it covers."""
    height, width = (small_side(side, share) for side in images.shape[2:])
    if (height, width) == tuple(images.shape[2:]):
        return images
    return functional.interpolate(images, size=(height, width), mode="area")
