"""Cutting channels out of a network, and the proof that nothing else was cut."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import torch
from torch import nn

from tasks.kernels.coupling import Group, Place
from tasks.kernels.flow import Side
from tasks.kernels.layers import CONVOLUTIONS
from tasks.kernels.tracing import to_device_of

_BY_CHANNEL = dict.fromkeys(("weight", "bias", "running_mean", "running_var"), 0)
_AXES: dict[Side, dict[str, int]] = {
    "out": {"weight": 0, "bias": 0},
    "in": {"weight": 1},
    "through": _BY_CHANNEL,
}
"""Which axis of which tensor a side is."""


def cut(model: nn.Module, groups: Sequence[Group], keep: Mapping[int, Sequence[int]]) -> nn.Module:
    """A copy of `model` that keeps, of each group whose id is in `keep`, only these channels.

    Raises ValueError for a layer that would lose all its channels, or that has fewer than the group says.
    """
    pared = copy.deepcopy(model)
    lost: dict[tuple[str, Side], set[int]] = {}
    for place, gone in _removed(groups, keep):
        lost.setdefault((place.layer, place.side), set()).update(gone)
    for (layer, side), positions in lost.items():
        try:
            _trim(pared.get_submodule(layer), side, positions)
        except ValueError as error:
            raise ValueError(f"layer {layer}: {error}") from None
    return pared


def silence(model: nn.Module, groups: Sequence[Group], keep: Mapping[int, Sequence[int]]) -> nn.Module:
    """A copy of the same size in which every reader gives the removed channels the weight zero.

    It computes what `cut` computes, whatever the activations between producer and reader are.
    """
    silent = copy.deepcopy(model)
    for place, gone in _removed(groups, keep):
        if place.side == "in":
            weight: Any = silent.get_submodule(place.layer).weight
            with torch.no_grad():
                weight[:, gone] = 0
    return silent


def difference(
    model: nn.Module, groups: Sequence[Group], keep: Mapping[int, Sequence[int]], example: torch.Tensor
) -> float:
    """Largest difference between the cut and the silenced network, over the largest output; 0 when sound.

    Raises RuntimeError, as torch does, when the cut network does not run.
    """
    inputs = to_device_of(model, example)
    with torch.no_grad():
        wanted = silence(model, groups, keep).eval()(inputs)
        got = cut(model, groups, keep).eval()(inputs)
    if got.shape != wanted.shape:
        return float("inf")
    return float((got - wanted).abs().max() / wanted.abs().max().clamp(min=1e-6))


def _removed(groups: Sequence[Group], keep: Mapping[int, Sequence[int]]) -> Iterator[tuple[Place, list[int]]]:
    """The positions that go, place by place."""
    for group in groups:
        if group.id in keep:
            gone = sorted(set(range(group.channels)) - set(keep[group.id]))
            for place in group.places:
                starts = (place.start + channel * place.width for channel in gone)
                yield place, [start + offset for start in starts for offset in range(place.width)]


def _trim(module: Any, side: Side, gone: set[int]) -> None:
    size = module.weight.shape[_AXES[side]["weight"]] if module.weight is not None else module.num_features
    kept = [position for position in range(size) if position not in gone]
    if not kept or max(gone, default=0) >= size:
        raise ValueError(f"{len(gone)} of {size} channels cannot go")
    for name, axis in _AXES[side].items():
        tensor = getattr(module, name, None)
        if tensor is not None:
            index = torch.tensor(kept, device=tensor.device)
            trimmed = tensor.detach().index_select(axis, index)
            is_parameter = isinstance(tensor, nn.Parameter)
            setattr(module, name, nn.Parameter(trimmed, tensor.requires_grad) if is_parameter else trimmed)
    for name in _size_names(module, side):
        setattr(module, name, len(kept))


def _size_names(module: nn.Module, side: Side) -> tuple[str, ...]:
    if isinstance(module, nn.Linear):
        return ("out_features",) if side == "out" else ("in_features",)
    if isinstance(module, CONVOLUTIONS):
        sizes = {"out": ("out_channels",), "in": ("in_channels",)}
        return sizes.get(side, ("in_channels", "out_channels", "groups"))
    return ("num_features",)
