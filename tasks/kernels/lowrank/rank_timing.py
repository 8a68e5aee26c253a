"""Rank timing: the time that a layer's low-rank factors take on this host, for the ranks that keep enough energy."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import product

from tasks.kernels.latency import layer_costs
from tasks.kernels.onnx.layer_timing import Layer

TIE = 1.03
"""Times within this factor of the fastest count as equal; of these, the highest ranks are chosen."""


@dataclass(frozen=True)
class RankTiming:
    """The chosen ranks, with the milliseconds of the whole layer and of its factors."""

    ranks: list[int]
    whole: float
    factors: float

    @property
    def gain(self) -> float:
        """Share of the layer's time that the factors save; negative when they take longer."""
        return 1 - self.factors / self.whole


def rank_options(least: Sequence[int], full: Sequence[int], block: int) -> list[tuple[int, ...]]:
    """All combinations of ranks to time: each of `least`, and the next two multiples of `block` below `full`."""
    each = []
    for low, high in zip(least, full, strict=True):
        first = -(-low // block) * block
        each.append([low, *(rank for rank in (first, first + block) if low < rank < high)])
    return list(product(*each))


def factor_layers(layer: Layer, ranks: Sequence[int]) -> list[Layer]:
    """The layers that `factorization.build_factors` would make: two, or three with two ranks."""
    if not layer.kernel:
        return [replace(layer, made=ranks[0]), replace(layer, read=ranks[0])]
    last = _pointwise(ranks[-1], layer.made, output_size(layer))
    if len(ranks) == 1:
        return [replace(layer, made=ranks[0]), last]
    return [_pointwise(layer.read, ranks[0], layer.positions), replace(layer, read=ranks[0], made=ranks[1]), last]


def output_size(layer: Layer) -> tuple[int, ...]:
    """The size of a convolution's output without its channels: (height, width) for 2-D."""
    axes = len(layer.kernel)
    sides = zip(layer.pads[:axes], layer.pads[axes:], strict=True)
    each = zip(layer.positions, sides, layer.dilation, layer.kernel, layer.stride, strict=True)
    return tuple((size + sum(pads) - wide * (kernel - 1) - 1) // step + 1 for size, pads, wide, kernel, step in each)


def _pointwise(read: int, made: int, positions: tuple[int, ...]) -> Layer:
    ones, zeros = (1,) * len(positions), (0,) * 2 * len(positions)
    return Layer(read, made, positions, ones, ones, ones, zeros)


def measure_ranks(
    calls: Mapping[str, Sequence[Layer]], allowed: Mapping[str, Sequence[tuple[int, ...]]]
) -> dict[str, RankTiming]:
    """For each layer in `allowed`, the highest of its allowed ranks that are as fast as the fastest ones (`TIE`).

    `calls` describes each layer's calls (`layer_costs.layer_calls`). Every distinct layer is measured once.
    """
    wanted = {
        name: {ranks: [piece for call in calls[name] for piece in factor_layers(call, ranks)] for ranks in each}
        for name, each in allowed.items()
    }
    whole = [call for name in allowed for call in calls[name]]
    table = layer_costs.measure_layers(
        [*whole, *(piece for each in wanted.values() for some in each.values() for piece in some)]
    )
    return {name: _best(each, [table[call] for call in calls[name]], table) for name, each in wanted.items()}


def _best(
    each: Mapping[tuple[int, ...], Sequence[Layer]], whole: Sequence[float], table: dict[Layer, float]
) -> RankTiming:
    times = {ranks: sum(table[piece] for piece in some) for ranks, some in each.items()}
    fastest = min(times.values())
    best = max((ranks for ranks, ms in times.items() if ms <= TIE * fastest), key=sum)
    return RankTiming(list(best), sum(whole), times[best])
