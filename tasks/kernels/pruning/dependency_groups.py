"""Which channels stand or fall together: found by following every channel through the network's graph.

Every output channel of a layer gets a number. The numbers travel along the graph; where two values are added,
their numbers are joined (union-find); where an operation cannot be followed, the numbers that reach it are
frozen. No name is ever looked at. The idea of dependency groups is that of Fang et al. 2023, "DepGraph".
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import replace

import torch
from torch import fx, nn

from tasks.kernels.graph.attention import expand_attention
from tasks.kernels.graph.channel_flow import ChannelFlow
from tasks.kernels.graph.channel_groups import Group, Place, Side
from tasks.kernels.graph.tracing import TraceError, to_device_of, trace
from tasks.kernels.pruning.surgery import TOLERANCE, difference

FEW = 8
"""Examples that trial cuts are tried on."""


def find_groups(model: nn.Module, example: torch.Tensor) -> list[Group]:
    """The groups of a network, in the order in which they are produced; every layer's output is in one.

    `example` is a batch as the network sees it. A group is free when half of it could be cut on trial: what the
    graph does not show (a number in the code that goes by the width) freezes it, too. The model stays
    bit-identical. Raises TraceError.
    """
    traced = _graph(model, example)
    walk = ChannelFlow(traced)
    for node in traced.graph.nodes:
        walk.visit(node)
    return _tried(model, _grouped(walk), _few(model, example))


def _graph(model: nn.Module, example: torch.Tensor) -> fx.GraphModule:
    """The network's graph, with torch's attention layers written out unless they are used with masks."""
    try:
        return trace(model, example, expand_attention)
    except TraceError:
        return trace(model, example)


def _few(model: nn.Module, example: torch.Tensor) -> torch.Tensor:
    """The first of the examples, for trials; all of them when the code is written for their number."""
    few = example[:FEW]
    try:
        with torch.no_grad():
            copy.deepcopy(model).eval()(to_device_of(model, few))
    except RuntimeError:
        return example
    return few


def _tried(model: nn.Module, groups: list[Group], example: torch.Tensor) -> list[Group]:
    """The groups after trial cuts: of all that are free, and of those whose number has a bit set, bit by bit.

    So of any two that the code ties together without the graph's showing it, one is cut without the other. When
    a trial fails, each group is tried by itself.
    """
    free = [group for group in groups if not group.frozen and group.channels > 1]
    bits = range((len(free) - 1).bit_length())
    trials = [free, *([group for at, group in enumerate(free) if at >> bit & 1] for bit in bits)]
    if not any(_failure(model, trial, example) for trial in trials if trial):
        return groups
    reasons = {group.id: _failure(model, [group], example) for group in free}
    return [replace(group, frozen=group.frozen or reasons.get(group.id)) for group in groups]


def _failure(model: nn.Module, groups: Sequence[Group], example: torch.Tensor) -> str | None:
    """What is wrong with the network without every second channel of these groups; None when nothing is."""
    keep = {group.id: range(0, group.channels, 2) for group in groups}
    layers = ", ".join(layer for group in groups for layer in group.layers("out"))
    try:
        gap = difference(model, groups, keep, example)
    except (RuntimeError, ValueError, IndexError, AssertionError) as error:
        return f"the network does not run once {layers} are cut: {(str(error).splitlines() or [''])[0]}"
    # not a number: the network's own weights are wrong, which is no reason to leave a layer alone
    return f"cutting {layers} changes more than their channels (difference {gap:.2g})" if gap > TOLERANCE else None


def _grouped(walk: ChannelFlow) -> list[Group]:
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
