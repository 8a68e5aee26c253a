"""Latency target: choose channel widths at which a network reaches a given speed-up, as measured on this host.

The speed-up is predicted from the measured costs of single layers, then measured on the whole pruned network; the
prediction is corrected by the measurement, and the choice is repeated.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from tasks.kernels.graph.channel_groups import Group
from tasks.kernels.latency import layer_costs
from tasks.kernels.latency.network_timer import NetworkTimer
from tasks.kernels.onnx.layer_timing import Layer
from tasks.kernels.pruning import surgery, width_search
from tasks.kernels.pruning.width_search import LayerCost, WidthAxis, WidthOptions

TRIES = 4
"""Pruned networks that are timed, at most: the first choice and its corrections."""
SHORT, OVER = 0.97, 1.05
"""A speed-up reaches the goal from SHORT times the goal on; up to OVER times the goal, the search stops at once."""
GAIN = 0.02
"""A time must fall by at least this share to count as faster."""
REST = 0.15
"""Share of a network's time that is assumed not to depend on the widths, until there is a measurement."""
TELLING = 0.02
"""Below this many milliseconds, a layer is too fast for small gains to be measured."""
Calls = Mapping[str, Sequence[Layer]]
"""The result of `layer_costs.layer_calls`: each layer's calls, by the layer's name."""


class OutOfReachError(Exception):
    """No admissible widths make the network fast enough; `most` is the highest speed-up measured."""

    def __init__(self, most: float) -> None:
        super().__init__(f"at most {most:.2f} times as fast")
        self.most = most


@dataclass(frozen=True)
class Attempt:
    """The groups' widths in one pruned network, with its predicted and its measured speed-up (1 = unchanged)."""

    widths: tuple[int, ...]
    predicted: float
    measured: float


def width_options(groups: Sequence[Group], block: int) -> list[tuple[int, ...]]:
    """Each group's widths to consider, the full one first, in multiples of `block` positions of a layer's output."""
    return [width_search.candidates(group.channels, -(-block // group.span)) for group in groups]


def layer_works(groups: Sequence[Group], calls: Calls, options: Sequence[Sequence[int]]) -> list[LayerCost]:
    """The cost functions of all layer calls that depend on the groups' widths, from measurements at `options`.

    `options` holds each group's admissible widths, the full one first. Where several groups share an axis, only
    equal steps through their options are measured; times between the measured sizes are interpolated.
    """
    full = [each[0] for each in options]
    found = []
    for name, layers in calls.items():
        sides = {side: _parts(groups, name, side) for side in ("in", "out", "through")}
        if any(sides.values()):
            for layer in layers:
                read = WidthAxis(layer.read, sides["in"] or sides["through"])
                made = WidthAxis(layer.made, sides["out"] or sides["through"])
                reads, mades = (_points(axis, full, options) for axis in (read, made))
                found.append((name, layer, read, made, reads, mades))
    grid = [layer_costs.resized(layer, r, m) for _, layer, _, _, reads, mades in found for r in reads for m in mades]
    table = layer_costs.measure_layers(grid)
    return [
        LayerCost(name, read, made, layer_costs.surface(layer, reads, mades, table).at)
        for name, layer, read, made, reads, mades in found
    ]


def faster(groups: Sequence[Group], calls: Calls, options: Sequence[Sequence[int]]) -> list[tuple[int, ...]]:
    """Each group's options without the widths that save no time over a wider one, other groups being full.

    All options are kept for a group whose layers are too fast to be compared (`TELLING`).
    """
    found = []
    for group, each in zip(groups, options, strict=True):
        works, kept = layer_works([group], calls, [each]), [each[0]]
        best = whole = width_search.total(works, each[:1], each[:1])
        for width in each[1:]:
            now = width_search.total(works, [width], each[:1])
            if now <= best * (1 - GAIN) or whole < TELLING:
                best = now
                kept.append(width)
        found.append(tuple(kept))
    return found


def _parts(groups: Sequence[Group], layer: str, side: str) -> tuple[tuple[int, int], ...]:
    places = ((index, place) for index, group in enumerate(groups) for place in group.places)
    return tuple((index, place.width) for index, place in places if (place.layer, place.side) == (layer, side))


def _points(axis: WidthAxis, full: Sequence[int], options: Sequence[Sequence[int]]) -> list[int]:
    """Sizes of the axis when its groups are all at their first option, all at their second, …"""
    steps = max((len(options[group]) for group, _ in axis.parts), default=1)
    alike = ([each[min(step, len(each) - 1)] for each in options] for step in range(steps))
    return sorted({axis.at(now, full) for now in alike})


def reach_speedup(
    model: nn.Module,
    groups: Sequence[Group],
    scores: Sequence[Tensor],
    options: Sequence[Sequence[int]],
    works: Sequence[LayerCost],
    goal: float,
    example: Tensor,
) -> list[Attempt]:
    """Searches the widths that lose the least importance at a measured speed-up of `goal`.

    Args:
        scores: importance of each group's channels, (channels,); high scores are kept.
        options: each group's admissible widths, the full one first.
        works: the layers' costs, from `layer_works`.
        goal: the speed-up, as 2.0 for twice as fast.
        example: a batch of network inputs; timed with its first example.

    Returns:
        All attempts; the last one is the best of those that reach the goal.

    Raises:
        OutOfReachError: no attempt reached the goal, even with every group at its narrowest.
        NotConvertibleError: a network cannot be exported to ONNX, so it cannot be timed.
    """
    time = NetworkTimer(model, example).speedup
    choices = [WidthOptions(tuple(each[2]), losses(*each)) for each in zip(groups, scores, options, strict=True)]
    full, least = ([choice.widths[end] for choice in choices] for end in (0, -1))
    line = _Line(width_search.total(works, full, full))
    tried: list[Attempt] = []
    while len(tried) < TRIES:
        now = width_search.choose_widths(choices, works, line.at(1 / goal)) or least
        if any(list(one.widths) == now for one in tried):
            break
        layers = width_search.total(works, now, full)
        tried.append(Attempt(tuple(now), 1 / line.share(layers), time(_cut(model, groups, scores, now))))
        if SHORT * goal <= tried[-1].measured <= OVER * goal:
            break
        line.learn(layers, 1 / tried[-1].measured)
    met = [one for one in tried if one.measured >= SHORT * goal]
    if not met:
        raise OutOfReachError(max(one.measured for one in tried))
    best = min(met, key=lambda one: _lost(choices, one.widths))
    return [*(one for one in tried if one is not best), best]


class _Line:
    """The network's time, as a share of the full network's, as a function of its variable layers' milliseconds.

    Piecewise linear. At first everything else is assumed to take the share `REST`; then the line passes through
    the measured points and is extrapolated from them.
    """

    def __init__(self, layers: float) -> None:
        self.points = {layers: 1.0}
        self.full, self.end = layers, REST

    def learn(self, layers: float, share: float) -> None:
        """Adds a measurement: layers of this many milliseconds, a network at this share of the full one's time."""
        self.points[layers] = share
        low = min(self.points)
        if low < self.full:
            self.end = 1 - (1 - self.points[low]) * self.full / (self.full - low)

    def _sorted(self) -> tuple[list[float], list[float]]:
        return sorted([0.0, *self.points]), sorted([self.end, *self.points.values()])

    def at(self, share: float) -> float:
        """The layers' milliseconds at a share of the time."""
        layers, shares = self._sorted()
        return float(np.interp(share, shares, layers))

    def share(self, layers: float) -> float:
        """The share of the time at the layers' milliseconds."""
        return max(float(np.interp(layers, *self._sorted())), width_search.NOTHING)


def _lost(choices: Sequence[WidthOptions], now: Sequence[int]) -> float:
    return sum(choice.lost[choice.widths.index(width)] for choice, width in zip(choices, now, strict=True))


def _cut(model: nn.Module, groups: Sequence[Group], scores: Sequence[Tensor], now: Sequence[int]) -> nn.Module:
    each = zip(groups, scores, now, strict=True)
    return surgery.cut_channels(model, groups, {group.id: strongest(score, width) for group, score, width in each})


def strongest(score: Tensor, width: int) -> list[int]:
    """Indices of the `width` channels with the highest scores, ascending."""
    return sorted(score.argsort(descending=True, stable=True)[:width].tolist())


def losses(group: Group, score: Tensor, options: Sequence[int]) -> tuple[float, ...]:
    """The importance lost when a group keeps only its strongest channels, for each width in `options`.

    -ln(share of the importance kept) x number of channels x number of layers that make them. This is about the
    number of average channels removed, and grows without bound as less is kept.
    """
    kept = torch.cumsum(score.double().sort(descending=True).values.clamp(min=1e-30), 0)
    weight = len(score) * len(group.layers("out"))
    return tuple(float(-(kept[width - 1] / kept[-1]).log()) * weight for width in options)
