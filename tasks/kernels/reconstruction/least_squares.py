"""Least squares: fits a layer's weights, and the batch norm after it, to given inputs and outputs."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from tasks.kernels.pruning.sparsity import is_sparse

ROWS = 150_000
"""About how many output positions a fit uses; where there are more, a random part of each image's positions."""
CHUNK = 2**24
"""Values of unfolded input processed at a time: 64 MB of float32."""


@dataclass(frozen=True)
class Moments:
    """Second moments of x (the `width` inputs of one output position) and y (its `outputs`), in float64."""

    xx: Tensor
    """(width, width)."""
    xy: Tensor
    """(width, outputs)."""
    x: Tensor
    """(width,): the center of x, its mean or zero."""
    y: Tensor
    """(outputs,): the center of y, its mean or zero."""
    rows: int
    """Number of output positions used."""


def fit_layer(layer: Any, norm: Any, source: Tensor, wanted: Tensor, ridge: float) -> None:
    """Sets the weights of `layer`, in place, so that it and its batch norm `norm` (or None) map `source` to `wanted`.

    `source` and `wanted` are the layer's input and the chain's output, examples first. Where the data do not
    determine the weights, the present weights do (`ridge`, see `solve`); zeros of sparse weights stay. The batch norm
    gets the statistics of its new inputs, and each filter keeps its L2 norm, so that training can continue normally.
    """
    shape, weight = layer.weight.shape, layer.weight.double().flatten(1)
    mapped = weight
    if norm is not None:
        mapped = weight * (norm.weight / torch.sqrt(norm.running_var + norm.eps)).double()[:, None]
    found = moments(layer, source, wanted, centered=norm is not None or layer.bias is not None)
    # Few rows say little: with only as many rows as weights per output, the present weights count a hundredfold.
    pull = ridge * (1 + 100 * len(found.xx) / found.rows)
    solved = solve(found, mapped, pull, weight != 0 if is_sparse(layer.weight) else None)
    if norm is None:
        layer.weight.copy_(solved.view(shape))
        if layer.bias is not None:
            layer.bias.copy_(found.y - solved @ found.x)
        return
    before, after = weight.norm(dim=1), solved.norm(dim=1)
    scale = torch.where((before > 0) & (after > 0), before / after, 1)
    variance = torch.einsum("ok,kl,ol->o", solved, found.xx, solved).clamp(min=0) * scale**2
    layer.weight.copy_((solved * scale[:, None]).view(shape))
    if layer.bias is not None:
        layer.bias.zero_()
    norm.running_mean.copy_(scale * (solved @ found.x))
    norm.running_var.copy_(variance)
    norm.weight.copy_(torch.sqrt(variance + norm.eps) / scale)
    norm.bias.copy_(found.y)


def solve(of: Moments, start: Tensor, ridge: float, free: Tensor | None = None) -> Tensor:
    """W (outputs, width) that minimizes E |y - W x|² + r |W - start|², with r = `ridge` times the mean of E x².

    `free` (outputs, width), boolean, marks the weights that may differ from zero; each output is then solved alone.
    """
    pull = ridge * of.xx.diagonal().mean().clamp(min=1e-12)
    left = of.xx + pull * torch.eye(len(of.xx), dtype=of.xx.dtype, device=of.xx.device)
    right = of.xy + pull * start.T
    if free is None:
        together: Tensor = torch.linalg.solve(left, right).T
        return together
    solved = torch.zeros_like(start)
    for row, own in enumerate(free):
        if own.any():
            solved[row, own] = torch.linalg.solve(left[own][:, own], right[own, row])
    return solved


def moments(layer: Any, source: Tensor, wanted: Tensor, centered: bool) -> Moments:
    """The moments of the layer's unfolded inputs `source` and the outputs `wanted`; about the means if `centered`."""
    width, outputs = layer.weight[0].numel(), len(layer.weight)
    shapes = ((width, width), (width, outputs), (width,), (outputs,))
    sums = [torch.zeros(shape, dtype=torch.float64, device=source.device) for shape in shapes]
    rows, about = 0, (sums[2].float(), sums[3].float())
    for x, y in _rows(layer, source, wanted):
        if centered and not rows:
            about = x.mean(0), y.mean(0)  # near the mean, so that float32 is precise enough for the products
        x, y = x - about[0], y - about[1]
        for total, part in zip(sums, (x.T @ x, x.T @ y, x.sum(0), y.sum(0)), strict=True):
            total += part
        rows += len(x)
    xx, xy, mean_x, mean_y = (total / rows for total in sums)
    if not centered:
        return Moments(xx, xy, torch.zeros_like(mean_x), torch.zeros_like(mean_y), rows)
    xx, xy = xx - torch.outer(mean_x, mean_x), xy - torch.outer(mean_x, mean_y)
    return Moments(xx, xy, mean_x + about[0], mean_y + about[1], rows)


def _rows(layer: Any, source: Tensor, wanted: Tensor) -> Iterator[tuple[Tensor, Tensor]]:
    """Yields (rows, width) inputs and (rows, outputs) outputs, one row per output position, some images at a time."""
    width, outputs = layer.weight[0].numel(), len(layer.weight)
    if isinstance(layer, nn.Linear):
        yield source.reshape(-1, width), wanted.reshape(-1, outputs)
        return
    positions = math.prod(wanted.shape[2:])
    most, generator = max(1, ROWS // len(source)), torch.Generator().manual_seed(0)
    size = max(1, CHUNK // (width * positions))
    for part, goal in zip(torch.split(source, size), torch.split(wanted, size), strict=True):
        x = functional.unfold(part, layer.kernel_size, layer.dilation, layer.padding, layer.stride)
        y = goal.flatten(2)
        if positions > most:
            chosen = torch.randperm(positions, generator=generator)[:most].to(x.device)
            x, y = x[:, :, chosen], y[:, :, chosen]
        yield x.transpose(1, 2).reshape(-1, width), y.transpose(1, 2).reshape(-1, outputs)
