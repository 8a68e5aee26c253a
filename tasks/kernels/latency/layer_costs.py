"""Layer costs: milliseconds of single layers on this host at given widths, measured once and kept in a table."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, replace
from functools import partial
from math import gcd
from typing import Any

import torch
from torch import nn

from tasks.kernels.engines.timing_engine import timing_record
from tasks.kernels.graph.attention import expand_attention
from tasks.kernels.graph.layers import CONVOLUTIONS, weighted_layers
from tasks.kernels.graph.tracing import to_device_of
from tasks.kernels.host import measurement_lock
from tasks.kernels.onnx.layer_timing import Layer, Profile, time_layers

BLOCKS = (4, 8, 16, 32)
"""Channel block sizes that a runtime may use, ascending."""
PROBE = 64
"""Width of the layer by which the block size is found."""

_table: ContextVar[dict[str, float] | None] = ContextVar("table", default=None)


@contextmanager
def cost_table(table: dict[str, float]) -> Iterator[None]:
    """Inside the context, layers in `table` are not measured again, and undisturbed measurements are added to it.

    The table maps `str(Layer)` to milliseconds (JSON); it is valid for one host and one version of one runtime.
    """
    token = _table.set(table)
    try:
        yield
    finally:
        _table.reset(token)


def measure_layers(layers: Iterable[Layer]) -> dict[Layer, float]:
    """Milliseconds of each distinct layer with one example and one thread (see `time_layers`), in the engine of
    `timing_engine`."""
    known = _table.get()
    known = {} if known is None else known
    wanted = list(dict.fromkeys(layers))
    new = [layer for layer in wanted if str(layer) not in known]
    found: dict[str, float] = {}
    if new:
        with measurement_lock.exclusive_use() as undisturbed:
            found = dict(zip(map(str, new), time_layers(new, _profile()), strict=True))
        if undisturbed:
            known.update(found)
    table = {**known, **found}
    return {layer: table[str(layer)] for layer in wanted}


def _profile() -> Profile | None:
    """The profiler of the timing engine; None for ONNX Runtime's."""
    record = timing_record()
    if record.engine == "onnxruntime":
        return None
    from tasks.kernels.engines.openvino_model import profile_calls

    return partial(profile_calls, precision=record.precision)


def channel_block() -> int:
    """The runtime's channel block on this host: the smallest number of channels whose removal saves time.

    It must save at least half of the share of multiply-accumulates removed. The largest of BLOCKS when none does.
    """
    rows = measure_layers(_probe(PROBE - size) for size in (0, *BLOCKS))
    whole = rows[_probe(PROBE)]
    for size in BLOCKS:
        left = PROBE - size
        if rows[_probe(left)] <= whole * (1 + (left / PROBE) ** 2) / 2:
            return size
    return BLOCKS[-1]


def _probe(width: int) -> Layer:
    return Layer(width, width, (16, 16), (3, 3), (1, 1), (1, 1), (1, 1, 1, 1))


def layer_calls(model: nn.Module, example: torch.Tensor, layers: Iterable[str] = ()) -> dict[str, list[Layer]]:
    """The calls of each linear layer and convolution, by its name, in one run of a copy on the batch `example`.

    `layers` names layers to include from inside torch's attention layers (see `attention.expand_attention`).
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
    """The Layer (work of one example) of a linear layer or convolution on an input of `shape`, batch axis included."""
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
    """The same layer with other widths; a depthwise convolution stays one, and its output width follows `read`."""
    each = layer.read // layer.groups
    if layer.groups > 1 and layer.groups >= each:
        groups = read // each
        return replace(layer, read=read, made=layer.made // layer.groups * groups, groups=groups)
    return replace(layer, read=read, made=made, groups=gcd(layer.groups, read, made))


@dataclass(frozen=True)
class Surface:
    """Milliseconds of a layer as a function of its input and output widths, measured on a grid."""

    reads: tuple[int, ...]
    mades: tuple[int, ...]
    ms: tuple[tuple[float, ...], ...]
    """`ms[i][j]`: at input width `reads[i]` and output width `mades[j]`."""

    def at(self, read: int, made: int) -> float:
        """Milliseconds at these widths: measured on the grid, bilinear between its points."""
        (i, x), (j, y) = _between(self.reads, read), _between(self.mades, made)
        rows = [self.ms[i], self.ms[min(i + 1, len(self.reads) - 1)]]
        low, high = (row[j] * (1 - y) + row[min(j + 1, len(row) - 1)] * y for row in rows)
        return low * (1 - x) + high * x


def _between(points: Sequence[int], value: int) -> tuple[int, float]:
    """Index of the last point not above the value, and the value's relative position (0..1) before the next."""
    place = max(bisect_right(points, value) - 1, 0)
    if place + 1 == len(points):
        return place, 0.0
    return place, max(0.0, (value - points[place]) / (points[place + 1] - points[place]))


def surface(layer: Layer, reads: Sequence[int], mades: Sequence[int], table: dict[Layer, float]) -> Surface:
    """The layer's surface; `reads` and `mades` ascend, and `table` holds every `resized` layer of their grid."""
    rows = tuple(tuple(table[resized(layer, read, made)] for made in mades) for read in reads)
    return Surface(tuple(reads), tuple(mades), rows)
