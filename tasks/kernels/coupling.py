"""Which channels stand or fall together: found by following every channel through the network's graph.

Every output channel of a layer gets a number. The numbers travel along the graph; where two values are added,
their numbers are joined (union-find); where an operation cannot be followed, the numbers that reach it are
frozen. No name is ever looked at. The idea of dependency groups is that of Fang et al. 2023, "DepGraph".
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import nn

from tasks.kernels.flow import Side, Walk
from tasks.kernels.tracing import trace


@dataclass(frozen=True)
class Place:
    """Where a group's channels lie in one layer: channel c at `start + c * width`, `width` positions long.

    Sides: `out` is the axis that the layer makes, `in` the axis that it reads, `through` the one axis of a
    layer that treats every channel by itself.
    """

    layer: str
    side: Side
    start: int
    width: int


@dataclass(frozen=True)
class Group:
    """Channels that can only be removed together, one by one, from all their places."""

    id: int
    channels: int
    places: tuple[Place, ...]
    frozen: str | None
    """Why none of them may be removed; None when they may."""

    def layers(self, side: Side) -> tuple[str, ...]:
        """The names of the layers that hold the group on `side`, in the order of the graph."""
        return tuple(dict.fromkeys(place.layer for place in self.places if place.side == side))


def find_groups(model: nn.Module, example: torch.Tensor) -> list[Group]:
    """The groups of a network, in the order in which they are produced; every layer's output is in one.

    `example` is a batch as the network sees it. The model stays bit-identical. Raises TraceError.
    """
    traced = trace(model, example)
    walk = Walk(traced)
    for node in traced.graph.nodes:
        walk.visit(node)
    return _grouped(walk)


def _grouped(walk: Walk) -> list[Group]:
    """The sets that have a producer; channels side by side in all their places make one group."""
    places: dict[int, list[Place]] = {}
    for (layer, side), channels in sorted(walk.slots.items(), key=lambda slot: slot[0][1] != "out"):
        for position, channel in enumerate(channels):
            _extend(places.setdefault(walk.sets.find(channel), []), layer, side, position)
    found: list[Group] = []
    for channel, spots in places.items():
        sides = {spot.side for spot in spots}
        if "out" not in sides:
            continue
        reason = walk.sets.reason(channel) or (None if "in" in sides else "no layer reads its channels")
        if found and found[-1].frozen == reason and _continues(found[-1], spots):
            found[-1] = replace(found[-1], channels=found[-1].channels + 1)
        else:
            found.append(Group(len(found), 1, tuple(spots), reason))
    return found


def _extend(spots: list[Place], layer: str, side: Side, position: int) -> None:
    last = spots[-1] if spots else None
    if last and (last.layer, last.side, last.start + last.width) == (layer, side, position):
        spots[-1] = replace(last, width=last.width + 1)
    else:
        spots.append(Place(layer, side, position, 1))


def _continues(group: Group, spots: list[Place]) -> bool:
    moved = [replace(place, start=place.start + group.channels * place.width) for place in group.places]
    return moved == spots
