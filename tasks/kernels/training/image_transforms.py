"""Image transforms for augmentation: functions of a whole batch that take all random numbers from `generator`.

A batch is (count, channels, height, width), uint8 or floating, with pixels *before* normalization, so that padded
or cut-out pixels are raw zeros (black). Shape, dtype and device do not change; rotation and noise compute in
float32, then round and clamp to 0..255 for uint8.
"""

from __future__ import annotations

import math

import torch
from torch import Generator, Tensor
from torch.nn import functional


def crop(batch: Tensor, padding: int, generator: Generator) -> Tensor:
    """Pads each side with `padding` zero pixels and crops the original size at a random position."""
    count, channels, height, width = batch.shape
    padded = functional.pad(batch, (padding, padding, padding, padding))
    tall, wide = padded.shape[2:]
    top, left = _integers(batch, 2, 2 * padding + 1, generator)
    # A row of the result is `width` neighbours in the flat batch: copying rows is faster than copying windows.
    planes = torch.arange(count * channels, device=batch.device).view(count, channels, 1) * (tall * wide)
    rows = torch.arange(height, device=batch.device) * wide
    starts = planes + rows + (top * wide + left)[:, None, None]
    return padded.flatten().unfold(0, width, 1).index_select(0, starts.flatten()).view(batch.shape)


def flip(batch: Tensor, probability: float, generator: Generator) -> Tensor:
    """Mirrors each image left to right with the given probability."""
    chosen = _uniform(batch, generator) < probability
    return torch.where(chosen[:, None, None, None], batch.flip(3), batch)


def rotate(batch: Tensor, degrees: float, generator: Generator) -> Tensor:
    """Rotates each image about its centre by a uniformly random angle within ±`degrees`; bilinear, zeros outside."""
    height, width = batch.shape[2:]
    angles = (2 * _uniform(batch, generator) - 1) * math.radians(degrees)
    cosine, sine, nothing = angles.cos(), angles.sin(), torch.zeros_like(angles)
    # affine_grid's coordinates run from -1 to 1 on either axis: the ratios keep the turn rigid.
    rows = [cosine, -sine * height / width, nothing, sine * width / height, cosine, nothing]
    theta = torch.stack(rows, dim=1).view(-1, 2, 3)
    grid = functional.affine_grid(theta, list(batch.shape), align_corners=False)
    return _as(batch, functional.grid_sample(batch.float(), grid, align_corners=False))


def noise(batch: Tensor, std: float, generator: Generator) -> Tensor:
    """Adds Gaussian noise to a batch of any shape (also table rows).

    `std` is in the unit of the values; for uint8 it is a share of the range 0..255.
    """
    drawn = torch.randn(batch.shape, generator=generator, device=generator.device).to(batch.device)
    return _as(batch, batch + drawn * (std * 255 if batch.dtype == torch.uint8 else std))


def cutout(batch: Tensor, size: int, generator: Generator) -> Tensor:
    """Zeroes a square of `size` x `size` pixels around a random pixel of each image, cut off at the border.

    DeVries and Taylor, "Improved Regularization of Convolutional Neural Networks with Cutout", 2017.
    """
    height, width = batch.shape[2:]
    rows = _stripe(batch, height, size, generator)[:, None, :, None]
    columns = _stripe(batch, width, size, generator)[:, None, None, :]
    return batch.masked_fill(rows & columns, 0)


def _stripe(batch: Tensor, length: int, size: int, generator: Generator) -> Tensor:
    """(count, length) booleans: the `size` places around a random one."""
    start = _integers(batch, 1, length, generator)[0][:, None] - size // 2
    places = torch.arange(length, device=batch.device)[None, :]
    return (places >= start) & (places < start + size)


def _integers(batch: Tensor, rows: int, high: int, generator: Generator) -> Tensor:
    drawn = torch.randint(high, (rows, len(batch)), generator=generator, device=generator.device)
    return drawn.to(batch.device)


def _uniform(batch: Tensor, generator: Generator) -> Tensor:
    return torch.rand(len(batch), generator=generator, device=generator.device).to(batch.device)


def _as(batch: Tensor, values: Tensor) -> Tensor:
    """`values` in the batch's dtype."""
    if batch.dtype == torch.uint8:
        values = values.round().clamp(0, 255)
    return values.to(batch.dtype)
