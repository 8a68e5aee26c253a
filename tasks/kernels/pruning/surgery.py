"""Channel surgery: removes channels from a network, and checks that nothing else has changed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import nn

from tasks.kernels.graph.attention import expand_attention
from tasks.kernels.graph.channel_groups import Group, Side
from tasks.kernels.graph.layers import LAYER_NORMS, NORMS_OVER_CHANNELS, TRANSPOSED, channel_groups_in
from tasks.kernels.graph.tracing import to_device_of
from tasks.kernels.pruning.layer_slicing import kept, slice_layer, trim_tensor, width

TOLERANCE = 1e-3
"""Largest relative difference between a pruned network and its reference that counts as rounding."""


def cut_channels(model: nn.Module, groups: Sequence[Group], keep: Mapping[int, Sequence[int]]) -> nn.Module:
    """A copy of `model` that keeps only the channels `keep[group.id]` of each group named in `keep`.

    Torch's attention layers that lose channels are expanded into plain layers. Raises ValueError for a layer that
    would lose all its channels, or that has fewer than the group says.
    """
    lost = _lost(groups, keep)
    pared = expand_attention(model, {layer for layer, _ in lost})
    for (layer, side), positions in lost.items():
        try:
            if side == "tensor":
                trim_tensor(pared, layer, positions)
            else:
                slice_layer(pared.get_submodule(layer), side, positions)
        except ValueError as error:
            raise ValueError(f"layer {layer}: {error}") from None
    return pared


def zero_channels(model: nn.Module, groups: Sequence[Group], keep: Mapping[int, Sequence[int]]) -> nn.Module:
    """The reference for `cut_channels`: a copy of full size whose layers ignore the removed channels.

    Layers that read them get zero weights. Norms over channels compute their statistics without them, because a
    cut changes these, and nothing else, for the remaining channels.
    """
    lost = _lost(groups, keep)
    silent = expand_attention(model, {layer for layer, _ in lost})
    for (layer, side), gone in lost.items():
        module: Any = None if side == "tensor" else silent.get_submodule(layer)
        if side == "in":
            _ignore(module, gone)
        elif isinstance(module, NORMS_OVER_CHANNELS):
            owner, _, name = layer.rpartition(".")
            setattr(silent.get_submodule(owner), name, _Reduced(module, gone))
    return silent


def difference(
    model: nn.Module, groups: Sequence[Group], keep: Mapping[int, Sequence[int]], example: torch.Tensor
) -> float:
    """Largest absolute difference between the cut and the silenced network's outputs, over the largest output.

    About 0 for a correct cut, infinite when the shapes differ. Torch's RuntimeError when the cut network fails.
    """
    with torch.no_grad():
        wanted = zero_channels(model, groups, keep).eval()(to_device_of(model, example))
        got = cut_channels(model, groups, keep).eval()(to_device_of(model, example))
    if got.shape != wanted.shape:
        return float("inf")
    return float((got - wanted).abs().max() / wanted.abs().max().clamp(min=1e-6))


class _Reduced(nn.Module):
    """A norm over the remaining channels; the outputs of the others are zero."""

    def __init__(self, norm: Any, gone: set[int]) -> None:
        super().__init__()
        self.stay = kept(norm, "through", gone)
        self.last, self.norm = isinstance(norm, LAYER_NORMS), norm
        slice_layer(norm, "through", gone)

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        axis, outputs = -1 if self.last else 1, torch.zeros_like(inputs)
        stay = torch.tensor(self.stay, device=inputs.device)
        return outputs.index_copy(axis, stay, self.norm(inputs.index_select(axis, stay)))


def _lost(groups: Sequence[Group], keep: Mapping[int, Sequence[int]]) -> dict[tuple[str, Side], set[int]]:
    """The positions to remove, by (layer, side), with all sides `out` first."""
    lost: dict[tuple[str, Side], set[int]] = {}
    for group in groups:
        if group.id in keep:
            gone = set(range(group.channels)) - set(keep[group.id])
            for place in group.places:
                starts = (place.start + channel * place.width for channel in gone)
                positions = {start + offset for start in starts for offset in range(place.width)}
                lost.setdefault((place.layer, place.side), set()).update(positions)
    return dict(sorted(lost.items(), key=lambda item: item[0][1] != "out"))


def _ignore(module: Any, gone: set[int]) -> None:
    """Zeroes the weights of these input channels; whole groups that go are ignored by their own readers."""
    groups, whole = channel_groups_in(module)
    if not whole:
        share = width(module, "in") // groups
        with torch.no_grad():
            weight = module.weight.transpose(0, 1) if not isinstance(module, TRANSPOSED) else module.weight
            weight[sorted({position % share for position in gone})] = 0
