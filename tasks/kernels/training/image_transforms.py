"""Image transforms for augmentation that copy, replace or disturb pixels: functions of a whole batch.

A batch is (count, channels, height, width), uint8 or floating, with pixels *before* normalization, so that padded
or cut-out pixels are raw zeros (black). Shape, dtype and device do not change. All random numbers are from `draws`.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn import functional

from tasks.kernels.training.draws import Draws, as_dtype


def crop(batch: Tensor, padding: int, draws: Draws) -> Tensor:
    """Pads each side with `padding` zero pixels and crops the original size at a random position."""
    count, channels, height, width = batch.shape
    padded = functional.pad(batch, (padding, padding, padding, padding))
    tall, wide = padded.shape[2:]
    top, left = draws.integers(batch, 2, 2 * padding + 1)
    # A row of the result is `width` neighbours in the flat batch: copying rows is faster than copying windows.
    planes = torch.arange(count * channels, device=batch.device).view(count, channels, 1) * (tall * wide)
    rows = torch.arange(height, device=batch.device) * wide
    starts = planes + rows + (top * wide + left)[:, None, None]
    return padded.flatten().unfold(0, width, 1).index_select(0, starts.flatten()).view(batch.shape)


def flip(batch: Tensor, chosen: Tensor, axis: int = 3) -> Tensor:
    """Mirrors the chosen images, (count,) booleans: along axis 3 left to right, along axis 2 upside down."""
    return torch.where(chosen[:, None, None, None], batch.flip(axis), batch)


def noise(batch: Tensor, std: float, draws: Draws) -> Tensor:
    """Adds Gaussian noise to a batch of any shape (also table rows).

    `std` is in the unit of the values; for uint8 it is a share of the range 0..255.
    """
    drawn = draws.normal(batch, tuple(batch.shape))
    return as_dtype(batch, batch + drawn * (std * 255 if batch.dtype == torch.uint8 else std))


def cutout(batch: Tensor, size: int, draws: Draws) -> Tensor:
    """Zeroes a square of `size` x `size` pixels around a random pixel of each image, cut off at the border.

    DeVries and Taylor, "Improved Regularization of Convolutional Neural Networks with Cutout", 2017.
    """
    height, width = batch.shape[2:]
    rows = _stripe(height, draws.integers(batch, 1, height)[0] - size // 2, size)
    columns = _stripe(width, draws.integers(batch, 1, width)[0] - size // 2, size)
    return batch.masked_fill(rows[:, None, :, None] & columns[:, None, None, :], 0)


def erase(batch: Tensor, probability: float, area: float, draws: Draws) -> Tensor:
    """Replaces, with this probability, a random rectangle of each image by random values in the range of pixels.

    The rectangle has from 2 % to `area` of the image's area, and sides in a ratio from 0.3 to 3.3; its longer side is
    at most the image's. Zhong et al., "Random Erasing Data Augmentation", 2017.
    """
    height, width = batch.shape[2:]
    chosen = draws.uniform(batch) < probability
    surface = draws.between(batch, min(0.02, area), area) * (height * width)
    ratio = draws.between(batch, math.log(0.3), -math.log(0.3)).exp()
    tall = (surface * ratio).sqrt().round().clamp(1, height)
    wide = (surface / ratio).sqrt().round().clamp(1, width)
    rows = _stripe(height, (draws.uniform(batch) * (height + 1 - tall)).floor(), tall)
    columns = _stripe(width, (draws.uniform(batch) * (width + 1 - wide)).floor(), wide)
    low, high = draws.span
    values = torch.rand(tuple(batch.shape), generator=draws.generator).to(batch.device) * (high - low) + low
    inside = (rows & chosen[:, None])[:, None, :, None] & columns[:, None, None, :]
    return torch.where(inside, as_dtype(batch, values), batch)


def _stripe(length: int, start: Tensor, size: Tensor | int) -> Tensor:
    """(count, length) booleans: the `size` places from `start`, (count,), on."""
    places = torch.arange(length, device=start.device)[None, :]
    end = start + size
    return (places >= start[:, None]) & (places < end[:, None])
