"""Layer slicing: removes channels from one layer, in place, from its tensors and its size attributes."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import torch
from torch import nn

from tasks.kernels.graph.channel_groups import Side
from tasks.kernels.graph.layers import CONVOLUTIONS, LAYER_NORMS, TRANSPOSED, axis_of_tensor, channel_groups_in, widths

_AXES: dict[Side, dict[str, int]] = {
    "out": {"weight": 0, "bias": 0},
    "in": {"weight": 1},
    "through": dict.fromkeys(("weight", "bias", "running_mean", "running_var"), 0),
}
"""For each side, the axis of each tensor that its channels lie on."""
_TRANSPOSED: dict[Side, dict[str, int]] = {"out": {"weight": 1, "bias": 0}, "in": {"weight": 0}}


def slice_layer(module: Any, side: Side, gone: Collection[int]) -> None:
    """Removes the positions `gone` from one side of the layer, in place.

    Where whole groups are removed (`layers.channel_groups_in`), slice the side `out` before `in`, which changes the
    number of groups. Raises ValueError when no position would stay, or the groups would become unequal.
    """
    stay = kept(module, side, gone)
    groups, whole = channel_groups_in(module)
    share = width(module, side) // groups
    left = [sum(position // share == group for position in stay) for group in range(groups)]
    if not (set(left) <= {0, share} if whole else len(set(left)) == 1):
        raise ValueError(f"its {groups} groups would become unequal")
    rows = stay
    if side == "in":  # the weights of a convolution in groups have the columns of one group
        rows = list(range(share)) if whole else [position for position in stay if position < share]
    for name, axis in (_TRANSPOSED if isinstance(module, TRANSPOSED) else _AXES)[side].items():
        tensor = getattr(module, name, None)
        if tensor is not None:
            index = torch.tensor(rows, device=tensor.device)
            trimmed = tensor.detach().index_select(axis, index)
            is_parameter = isinstance(tensor, nn.Parameter)
            setattr(module, name, nn.Parameter(trimmed, tensor.requires_grad) if is_parameter else trimmed)
    for name, size in _sizes(module, side, len(stay), sum(map(bool, left)) if whole else groups).items():
        setattr(module, name, size)


def trim_tensor(model: nn.Module, name: str, gone: Collection[int]) -> None:
    """Removes the positions `gone` from a free parameter of `model`. Raises ValueError when none would stay."""
    tensor = model.get_parameter(name)
    axis = axis_of_tensor(tensor.shape)
    index = torch.tensor(_others(tensor.shape[axis], gone), device=tensor.device)
    owner, _, attribute = name.rpartition(".")
    trimmed = nn.Parameter(tensor.detach().index_select(axis, index), tensor.requires_grad)
    setattr(model.get_submodule(owner), attribute, trimmed)


def kept(module: Any, side: Side, gone: Collection[int]) -> list[int]:
    """The positions of a side without `gone`. Raises ValueError when none stay or a position does not exist."""
    return _others(width(module, side), gone)


def _others(size: int, gone: Collection[int]) -> list[int]:
    stay = [position for position in range(size) if position not in gone]
    if not stay or max(gone, default=0) >= size:
        raise ValueError(f"{len(gone)} of {size} channels cannot go")
    return stay


def width(module: Any, side: Side) -> int:
    """Number of channels on a side of the layer."""
    read, made, _ = widths(module, 0)
    return made if side == "out" else read


def _sizes(module: Any, side: Side, channels: int, groups: int) -> dict[str, Any]:
    """The layer's attributes that hold the number of channels and groups, with their new values."""
    if isinstance(module, nn.Linear):
        return {"out_features" if side == "out" else "in_features": channels}
    if isinstance(module, (*CONVOLUTIONS, *TRANSPOSED)):
        read, made = {"in_channels": channels, "groups": groups}, {"out_channels": channels}
        return {"in": read, "out": made, "through": {**read, **made}}[side]
    if isinstance(module, LAYER_NORMS):
        return {"normalized_shape": (channels,)}
    if isinstance(module, nn.GroupNorm):
        return {"num_channels": channels, "num_groups": groups}
    if isinstance(module, nn.PReLU):
        return {"num_parameters": channels}
    return {"num_features": channels}
