"""Pace: a network cut until it runs a wanted number of times as fast, by the clock.

Predicted from the table of costs, then measured on the whole network; the prediction is corrected, and the
choice repeated.
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
"""Networks that are cut and timed, at most: the first prediction and its corrections."""
SHORT, OVER = 0.97, 1.05
"""Speed-ups from and up to these shares of the goal count as met."""
GAIN = 0.02
"""Less than this share of a time is no gain."""
REST = 0.15
"""Share of a network's time that is thought not to depend on the widths, until it is measured."""
TELLING = 0.02
"""In layers that take fewer milliseconds, the clock cannot tell a small gain from none."""
Calls = Mapping[str, Sequence[Layer]]
"""What `costs.calls` answers."""


class OutOfReachError(Exception):
    """No admissible widths make the network fast enough; `most` is the speed-up that was measured."""

    def __init__(self, most: float) -> None:
        super().__init__(f"at most {most:.2f} times as fast")
        self.most = most


@dataclass(frozen=True)
class Attempt:
    """Widths of the groups, with the speed-up that the table predicts, and the one that was measured."""

    widths: tuple[int, ...]
    predicted: float
    measured: float


def width_options(groups: Sequence[Group], block: int) -> list[tuple[int, ...]]:
    """Each group's widths in whole blocks, all of its channels first; a head counts with its whole span."""
    return [width_search.candidates(group.channels, -(-block // group.span)) for group in groups]


def layer_works(groups: Sequence[Group], calls: Calls, options: Sequence[Sequence[int]]) -> list[LayerCost]:
    """The layers whose time depends on the groups' widths, each measured at all of its `options`.

    `options` are each group's admissible widths, the full one first. Where several groups meet on one axis,
    only widths at which they are thinned alike are measured, and the times between are interpolated.
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
    table = layer_costs.times(grid)
    return [
        LayerCost(name, read, made, layer_costs.surface(layer, reads, mades, table).at)
        for name, layer, read, made, reads, mades in found
    ]


def faster(groups: Sequence[Group], calls: Calls, options: Sequence[Sequence[int]]) -> list[tuple[int, ...]]:
    """Of each group's widths those at which its layers are faster than at every wider one, the others full.

    All widths of a group whose layers take too little time to tell.
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
    """What was tried, ending with the widths that lose least among those that measured `goal` times as fast.

    Raises OutOfReachError when none did, even at every group's narrowest; NotConvertibleError.
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
    """The network's time, as a share of what it was, over the milliseconds of its layers that change.

    At first other work counts a share `REST`; then the line goes through what was measured, and on from there.
    """

    def __init__(self, layers: float) -> None:
        self.points = {layers: 1.0}
        self.full, self.end = layers, REST

    def learn(self, layers: float, share: float) -> None:
        """A network whose layers take so many milliseconds was measured at this share of the full one's time."""
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
    """The `width` channels with the highest scores, in their own order."""
    return sorted(score.argsort(descending=True, stable=True)[:width].tolist())


def losses(group: Group, score: Tensor, options: Sequence[int]) -> tuple[float, ...]:
    """The importance that is gone when only a group's strongest channels are kept, by width.

    -ln of the share that is kept, times the group's channels, once for each layer that makes them: about the
    number of average channels that go, and without bound as nothing is left.
    """
    kept = torch.cumsum(score.double().sort(descending=True).values.clamp(min=1e-30), 0)
    weight = len(score) * len(group.layers("out"))
    return tuple(float(-(kept[width - 1] / kept[-1]).log()) * weight for width in options)
