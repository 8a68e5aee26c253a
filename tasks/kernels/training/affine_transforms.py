"""Affine transforms for augmentation: matrices of a batch, and one resampling for the product of several.

A matrix maps a place of the result to the place of the image that is seen there, both as (x, y, 1) with coordinates
from -1 to 1 over the whole image. `later` after `earlier` is the product earlier @ later.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce
from typing import Literal

import torch
from torch import Tensor
from torch.nn import functional

from tasks.kernels.training.draws import as_dtype

Fill = Literal["zero", "edge", "reflection"]
PADDING = {"zero": "zeros", "edge": "border", "reflection": "reflection"}


def warp(batch: Tensor, matrices: Sequence[Tensor], fill: Fill) -> Tensor:
    """Moves the pixels of images (count, channels, height, width) by matrices (count, 2, 3), the first one first.

    Bilinear and in float32, in one resampling; then rounded for uint8. `fill` is what stands outside of the image: raw
    zeros, the nearest pixel of the edge, or the mirrored image.
    """
    below = torch.tensor([0.0, 0.0, 1.0], device=batch.device).expand(len(batch), 1, 3)
    last = matrices[-1]
    if len(matrices) > 1:
        whole = [torch.cat([matrix, below], dim=1) for matrix in matrices]
        last = reduce(torch.matmul, whole)[:, :2]
    grid = functional.affine_grid(last, list(batch.shape), align_corners=False)
    moved = functional.grid_sample(batch.float(), grid, padding_mode=PADDING[fill], align_corners=False)
    return as_dtype(batch, moved)


def rotation(angles: Tensor, height: int, width: int) -> Tensor:
    """Rigid turns about the centre by angles in radians; positive turns are counter-clockwise."""
    cosine, sine, nothing = angles.cos(), angles.sin(), torch.zeros_like(angles)
    # The coordinates run from -1 to 1 on either axis: the ratios keep the turn rigid.
    return _matrices(cosine, -sine * height / width, nothing, sine * width / height, cosine, nothing)


def translation(across: Tensor, down: Tensor, height: int, width: int) -> Tensor:
    """Shifts by shares of the image's width to the right and of its height down, in whole pixels."""
    nothing, one = torch.zeros_like(across), torch.ones_like(across)
    right, below = (across * width).round() * (2 / width), (down * height).round() * (2 / height)
    return _matrices(one, nothing, -right, nothing, one, -below)


def scaling(factors: Tensor) -> Tensor:
    """Enlarges about the centre by factors above 1, and shrinks by factors below."""
    nothing = torch.zeros_like(factors)
    return _matrices(1 / factors, nothing, nothing, nothing, 1 / factors, nothing)


def shearing(across: Tensor, down: Tensor, height: int, width: int) -> Tensor:
    """Slides rows right by `across` times their distance below the centre, then columns down by `down` times theirs."""
    right, below = across * height / width, down * width / height
    nothing, one = torch.zeros_like(across), torch.ones_like(across)
    return _matrices(one + right * below, -right, nothing, -below, one, nothing)


def window(area: Tensor, ratio: Tensor, across: Tensor, down: Tensor, size: tuple[int, int]) -> Tensor:
    """A part of the image, enlarged to its whole size.

    Args:
        area: the part's share of the image's area, above 0 to 1.
        ratio: the part's width by its height, in units of the image's.
        across: where it lies, from -1 (left) to 1 (right).
        down: where it lies, from -1 (top) to 1 (bottom).
        size: height and width of the image; a part has at least one pixel of each.
    """
    wide = (area * ratio).sqrt().clamp(1 / size[1], 1)
    tall = (area / ratio).sqrt().clamp(1 / size[0], 1)
    nothing = torch.zeros_like(area)
    return _matrices(wide, nothing, across * (1 - wide), nothing, tall, down * (1 - tall))


def _matrices(*entries: Tensor) -> Tensor:
    return torch.stack(entries, dim=1).view(-1, 2, 3)
