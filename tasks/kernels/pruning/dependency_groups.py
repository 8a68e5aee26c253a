"""Dependency groups: channels that can only be removed together, found by following each through the graph.

Every output channel of a layer gets an id. The ids are passed along the graph; where two values are added, their
ids are joined (union-find); where an operation cannot be followed, the ids that reach it are frozen. Layer names
play no part. The idea is that of Fang et al. 2023, "DepGraph".
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
"""Examples that trial cuts run on."""


def find_groups(model: nn.Module, example: torch.Tensor) -> list[Group]:
    """All channel groups of a network, in the order of the graph; every layer's output belongs to groups.

    `example` is a batch of network inputs. Besides the graph, a trial decides: a group from which every second
    channel cannot be removed is frozen, too (code may depend on the width in ways that the graph does not show).
    `model` is not changed. Raises TraceError when it cannot be traced.
    """
    traced = _graph(model, example)
    walk = ChannelFlow(traced)
    for node in traced.graph.nodes:
        walk.visit(node)
    return _tried(model, _grouped(walk), _few(model, example))


def _graph(model: nn.Module, example: torch.Tensor) -> fx.GraphModule:
    """The network's graph, with torch's attention layers expanded unless they are used with masks."""
    try:
        return trace(model, example, expand_attention)
    except TraceError:
        return trace(model, example)


def _few(model: nn.Module, example: torch.Tensor) -> torch.Tensor:
    """The first FEW examples; all of them when the network runs only on a batch of this size."""
    few = example[:FEW]
    try:
        with torch.no_grad():
            copy.deepcopy(model).eval()(to_device_of(model, few))
    except RuntimeError:
        return example
    return few


def _tried(model: nn.Module, groups: list[Group], example: torch.Tensor) -> list[Group]:
    """The groups after trial cuts, with those frozen that fail.

    One trial cuts all free groups; then there is one for each bit of the groups' numbers, which cuts those with
    the bit set. So of any two groups, one is cut without the other at least once, which shows dependencies that
    the graph hides. When a trial fails, each group is tried alone.
    """
    free = [group for group in groups if not group.frozen and group.channels > 1]
    bits = range((len(free) - 1).bit_length())
    trials = [free, *([group for at, group in enumerate(free) if at >> bit & 1] for bit in bits)]
    if not any(_failure(model, trial, example) for trial in trials if trial):
        return groups
    reasons = {group.id: _failure(model, [group], example) for group in free}
    return [replace(group, frozen=group.frozen or reasons.get(group.id)) for group in groups]


def _failure(model: nn.Module, groups: Sequence[Group], example: torch.Tensor) -> str | None:
    """Why removing every second channel of these groups fails; None when it works."""
    keep = {group.id: range(0, group.channels, 2) for group in groups}
    layers = ", ".join(layer for group in groups for layer in group.layers("out"))
    try:
        gap = difference(model, groups, keep, example)
    except (RuntimeError, ValueError, IndexError, AssertionError) as error:
        return f"the network does not run once {layers} are cut: {(str(error).splitlines() or [''])[0]}"
    # not a number: the network's own weights are wrong, which is no reason to leave a layer alone
    return f"cutting {layers} changes more than their channels (difference {gap:.2g})" if gap > TOLERANCE else None


def _grouped(walk: ChannelFlow) -> list[Group]:
    """One group for each run of channels that are neighbours in all their places; only sets with a producer."""
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
