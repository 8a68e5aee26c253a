"""Costs: what each layer takes on this host at each width, measured once and kept in a table."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, replace
from math import gcd
from typing import Any

import torch
from torch import nn

from tasks.kernels.graph.attention import expand_attention
from tasks.kernels.graph.layers import CONVOLUTIONS, weighted_layers
from tasks.kernels.graph.tracing import to_device_of
from tasks.kernels.host import measurement_lock
from tasks.kernels.onnx.layer_timing import Layer, time_layers

BLOCKS = (4, 8, 16, 32)
"""Channel blocks that a runtime may have, from the smallest."""
PROBE = 64
"""Width of the layer that the block is found with."""

_table: ContextVar[dict[str, float] | None] = ContextVar("table", default=None)


@contextmanager
def remembered(table: dict[str, float]) -> Iterator[None]:
    """Inside, layers in `table` are not measured again, and what is measured undisturbed is added to it.

    The table, milliseconds by `str(Layer)`, is JSON; it is good for one host and one version of the runtime.
    """
    token = _table.set(table)
    try:
        yield
    finally:
        _table.reset(token)


def times(layers: Iterable[Layer]) -> dict[Layer, float]:
    """Milliseconds of each distinct layer in ONNX Runtime: one example, one thread (see `time_layers`)."""
    known = _table.get()
    known = {} if known is None else known
    wanted = list(dict.fromkeys(layers))
    new = [layer for layer in wanted if str(layer) not in known]
    found: dict[str, float] = {}
    if new:
        with measurement_lock.exclusive_use() as undisturbed:
            found = dict(zip(map(str, new), time_layers(new), strict=True))
        if undisturbed:
            known.update(found)
    table = {**known, **found}
    return {layer: table[str(layer)] for layer in wanted}


def block() -> int:
    """The runtime's channel block here: the least number of channels whose removal makes a convolution faster.

    Faster means by at least half of what the multiply-accumulates say; the largest known block where none does.
    """
    rows = times(_probe(PROBE - size) for size in (0, *BLOCKS))
    whole = rows[_probe(PROBE)]
    for size in BLOCKS:
        left = PROBE - size
        if rows[_probe(left)] <= whole * (1 + (left / PROBE) ** 2) / 2:
            return size
    return BLOCKS[-1]


def _probe(width: int) -> Layer:
    return Layer(width, width, (16, 16), (3, 3), (1, 1), (1, 1), (1, 1, 1, 1))


def calls(model: nn.Module, example: torch.Tensor, layers: Iterable[str] = ()) -> dict[str, list[Layer]]:
    """What each linear layer and convolution does for one example, call by call; of a copy in evaluation mode.

    `layers` are names that are wanted even where they are inside torch's attention layers (`attention.expand`).
    """
    twin = expand_attention(model, layers).eval()
    found: dict[str, list[Layer]] = {}

    def watch(name: str) -> Any:
        def hook(module: nn.Module, arguments: tuple[torch.Tensor, ...], output: torch.Tensor) -> None:
            found.setdefault(name, []).append(describe_layer(module, tuple(arguments[0].shape)))

        return hook

    for name, module in weighted_layers(twin):
        module.register_forward_hook(watch(name))
    with torch.no_grad():
        twin(to_device_of(twin, example))
    return found


def describe_layer(module: Any, shape: Sequence[int]) -> Layer:
    """The work of a linear layer or convolution on an input of this shape (with the batch's axis)."""
    if not isinstance(module, CONVOLUTIONS):
        return Layer(module.in_features, module.out_features, tuple(shape[1:-1]))
    sides = module._reversed_padding_repeated_twice  # last axis first, each start and end; also for "same"
    return Layer(
        module.in_channels,
        module.out_channels,
        tuple(shape[2:]),
        tuple(module.kernel_size),
        tuple(module.stride),
        tuple(module.dilation),
        (*sides[-2::-2], *sides[::-2]),
        module.groups,
    )


def resized(layer: Layer, read: int, made: int) -> Layer:
    """The same layer between other widths; a depthwise convolution stays one, and what it makes goes by `read`."""
    each = layer.read // layer.groups
    if layer.groups > 1 and layer.groups >= each:
        groups = read // each
        return replace(layer, read=read, made=layer.made // layer.groups * groups, groups=groups)
    return replace(layer, read=read, made=made, groups=gcd(layer.groups, read, made))


@dataclass(frozen=True)
class Surface:
    """Milliseconds of a layer over the widths that it reads and makes, measured on a grid."""

    reads: tuple[int, ...]
    mades: tuple[int, ...]
    ms: tuple[tuple[float, ...], ...]
    """By read, then made."""

    def at(self, read: int, made: int) -> float:
        """Exact on the grid, linear between its points."""
        (i, x), (j, y) = _between(self.reads, read), _between(self.mades, made)
        rows = [self.ms[i], self.ms[min(i + 1, len(self.reads) - 1)]]
        low, high = (row[j] * (1 - y) + row[min(j + 1, len(row) - 1)] * y for row in rows)
        return low * (1 - x) + high * x


def _between(points: Sequence[int], value: int) -> tuple[int, float]:
    """The last point that is not above the value, and how far the value is on the way to the next."""
    place = max(bisect_right(points, value) - 1, 0)
    if place + 1 == len(points):
        return place, 0.0
    return place, max(0.0, (value - points[place]) / (points[place + 1] - points[place]))


def surface(layer: Layer, reads: Sequence[int], mades: Sequence[int], table: dict[Layer, float]) -> Surface:
    """The layer's surface from a table that has every `resized` layer of the grid; ascending widths."""
    rows = tuple(tuple(table[resized(layer, read, made)] for made in mades) for read in reads)
    return Surface(tuple(reads), tuple(mades), rows)
