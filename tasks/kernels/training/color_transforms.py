"""Colour transforms for augmentation: functions of images (count, channels, height, width) in float32 from 0 to 1.

`to_unit` and `from_unit` lead there and back. Factors are (count,), one for each image. An image of three channels is
red, green and blue; the grey of any other is the mean of its channels.
"""

from __future__ import annotations

import torch
from torch import Tensor

from tasks.kernels.training.draws import as_dtype

LUMA = (0.299, 0.587, 0.114)
"""Grey of red, green and blue (ITU-R BT.601)."""
YIQ = ((0.299, 0.587, 0.114), (0.5959, -0.2746, -0.3213), (0.2115, -0.5227, 0.3112))
LEVELS = 256


def to_unit(batch: Tensor, span: tuple[float, float]) -> Tensor:
    """Pixels of this span as numbers from 0 to 1."""
    low, high = span
    return (batch.float() - low) / ((high - low) or 1.0)


def from_unit(batch: Tensor, values: Tensor, span: tuple[float, float]) -> Tensor:
    """Numbers as pixels of the batch's dtype, limited to the span."""
    low, high = span
    return as_dtype(batch, values.clamp(0, 1) * (high - low) + low)


def recolor(unit: Tensor, brightness: Tensor, contrast: Tensor, saturation: Tensor, turn: Tensor) -> Tensor:
    """Multiplies by `brightness`, moves the hue by `turn` radians, and scales the distance to grey and to mean grey.

    All four are one linear map of a pixel's channels, so that it costs one matrix product. The hue turns in the plane
    of YIQ, for three channels only. The values are not limited.
    """
    count, channels = unit.shape[:2]
    weights = _grey_weights(unit)
    one = torch.eye(channels, device=unit.device)
    grey = weights.expand(channels, channels)
    matrix = grey + _times(saturation, one - grey)
    if channels == 3:
        matrix = matrix @ _hue(turn)
    matrix = matrix * (brightness * contrast)[:, None, None]
    flat = unit.reshape(count, channels, -1)
    average = (flat.mean(2) @ weights) * brightness * (1 - contrast)
    return torch.baddbmm(average[:, None, None], matrix, flat).view_as(unit)


def blur(unit: Tensor, sigma: Tensor) -> Tensor:
    """A Gaussian blur with one standard deviation in pixels, above 0, for each image.

    At the border the weights inside of the image are scaled to a sum of 1.
    """
    count, channels, height, width = unit.shape
    # One product of matrices an image and axis: the channels stand beside the axis that is left alone.
    across = torch.bmm(unit.reshape(count, channels * height, width), _gaussian(sigma, width).transpose(1, 2))
    columns = across.view_as(unit).transpose(1, 2).reshape(count, height, channels * width)
    down = torch.bmm(_gaussian(sigma, height), columns)
    return down.view(count, height, channels, width).transpose(1, 2).contiguous()


def sharpen(unit: Tensor, factor: Tensor) -> Tensor:
    """Scales the distance to the blurred image: 0 blurs, 1 changes nothing, more sharpens."""
    soft = blur(unit, torch.full_like(factor, 0.7))
    return soft + _images(factor) * (unit - soft)


def posterize(unit: Tensor, bits: Tensor) -> Tensor:
    """Keeps the first bits of eight."""
    step = _images(2 ** (8 - bits))
    return ((unit * (LEVELS - 1)).round() / step).floor() * step / (LEVELS - 1)


def solarize(unit: Tensor, threshold: Tensor) -> Tensor:
    """Inverts what is above the threshold."""
    return torch.where(unit > _images(threshold), 1 - unit, unit)


def stretch(unit: Tensor) -> Tensor:
    """Stretches each channel of each image to the range from 0 to 1 (autocontrast); one of a single value stays."""
    low, high = unit.amin((2, 3), keepdim=True), unit.amax((2, 3), keepdim=True)
    return torch.where(high > low, (unit - low) / torch.where(high > low, high - low, 1), unit)


def equalize(unit: Tensor) -> Tensor:
    """Makes the values of each channel of each image about equally frequent, in 256 steps; a single value stays."""
    levels = (unit * (LEVELS - 1)).round().clamp(0, LEVELS - 1).long().flatten(2)
    counts = torch.zeros((*levels.shape[:2], LEVELS), device=unit.device)
    counts.scatter_add_(2, levels, torch.ones_like(levels, dtype=counts.dtype))
    below, first = counts.cumsum(2), counts.gather(2, levels.amin(2, keepdim=True))
    spread = levels.shape[2] - first
    table = torch.where(spread > 0, (below - first) / spread.clamp(min=1), unit.flatten(2)[..., :1])
    return table.clamp(0, 1).gather(2, levels).view_as(unit)


def _hue(turn: Tensor) -> Tensor:
    """(count, 3, 3): turns of the hue."""
    there = torch.tensor(YIQ, device=turn.device)
    cosine, sine, nothing, one = turn.cos(), turn.sin(), torch.zeros_like(turn), torch.ones_like(turn)
    rows = [one, nothing, nothing, nothing, cosine, -sine, nothing, sine, cosine]
    back: Tensor = torch.linalg.inv(there)
    return back @ torch.stack(rows, dim=1).view(-1, 3, 3) @ there


def _gaussian(sigma: Tensor, length: int) -> Tensor:
    """(count, length, length): the weights of the neighbours in each row."""
    places = torch.arange(length, device=sigma.device)
    distance = (places[:, None] - places[None, :]).float()
    weights = torch.exp(-0.5 * (distance / sigma[:, None, None]) ** 2)
    return weights / weights.sum(2, keepdim=True)


def _grey_weights(unit: Tensor) -> Tensor:
    channels = unit.shape[1]
    return torch.tensor(LUMA if channels == 3 else (1 / channels,) * channels, device=unit.device)


def _times(factor: Tensor, matrix: Tensor) -> Tensor:
    return factor[:, None, None] * matrix


def _images(factor: Tensor) -> Tensor:
    return factor[:, None, None, None]
