"""Layers with weights: how many channels they read and make, on which axis, and when they must not be cut."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from torch import Tensor, fx, nn

CONVOLUTIONS = (nn.Conv1d, nn.Conv2d, nn.Conv3d)
TRANSPOSED = (nn.ConvTranspose1d, nn.ConvTranspose2d, nn.ConvTranspose3d)
CONTAINERS = (nn.Sequential, nn.ModuleList, nn.ModuleDict)
BATCH_NORMS = (nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d)
INSTANCE_NORMS = (nn.InstanceNorm1d, nn.InstanceNorm2d, nn.InstanceNorm3d)
LAYER_NORMS = (nn.LayerNorm, nn.RMSNorm)
NORMS_OVER_CHANNELS = (*LAYER_NORMS, nn.GroupNorm)
"""Norms whose statistics go over channels: removing one channel changes the values of the others."""


def is_known(module: Any) -> bool:
    """Whether the layer's channels are understood. Subclasses are not: they may use their weights differently."""
    if type(module) in LAYER_NORMS:
        return len(module.normalized_shape) == 1
    if type(module) is nn.PReLU:
        return module.num_parameters > 1
    plain = (nn.Linear, *CONVOLUTIONS, *TRANSPOSED, *BATCH_NORMS, *INSTANCE_NORMS, nn.GroupNorm)
    return type(module) in plain


def by_channel(module: Any) -> bool:
    """Whether the layer's output channels are its input channels: norms and depthwise convolution."""
    if isinstance(module, (*BATCH_NORMS, *INSTANCE_NORMS, *NORMS_OVER_CHANNELS, nn.PReLU)):
        return True
    return isinstance(module, CONVOLUTIONS) and module.groups == module.in_channels == module.out_channels > 1


def widths(module: Any, dims: int) -> tuple[int, int, int]:
    """(channels read, channels made, their axis counted from the right) for an input with `dims` dimensions."""
    if isinstance(module, nn.Linear):
        return module.in_features, module.out_features, -1
    if isinstance(module, (*CONVOLUTIONS, *TRANSPOSED)):
        return module.in_channels, module.out_channels, 1 - module.weight.ndim
    if isinstance(module, LAYER_NORMS):
        return module.normalized_shape[0], module.normalized_shape[0], -1
    names = {nn.GroupNorm: "num_channels", nn.PReLU: "num_parameters"}
    width = getattr(module, names.get(type(module), "num_features"))
    return width, width, 1 - dims


def output_filters(module: Any) -> Tensor:
    """The layer's weights, detached, with its output channels on the first axis: (out, …)."""
    weight: Tensor = module.weight.detach()
    return weight.transpose(0, 1) if isinstance(module, TRANSPOSED) else weight


def channel_groups_in(module: Any) -> tuple[int, bool]:
    """(number of groups, whether pruning removes whole groups); (1, False) for a layer without groups.

    Many small groups are removed as wholes; of a few large groups, each loses the channels at the same positions.
    Either way the groups stay equally large.
    """
    if isinstance(module, nn.GroupNorm):
        return module.num_groups, module.num_groups >= module.num_channels // module.num_groups
    if isinstance(module, CONVOLUTIONS):
        return module.groups, module.groups > 1 and module.groups >= module.in_channels // module.groups
    return 1, False


def weighted_layers(model: nn.Module) -> list[tuple[str, nn.Module]]:
    """Every linear layer and convolution, subclasses included, with its name."""
    return [(name, layer) for name, layer in model.named_modules() if isinstance(layer, (nn.Linear, *CONVOLUTIONS))]


def within_torch(model: nn.Module, name: str) -> bool:
    """Whether the layer is part of a composite layer of torch (as attention), which reads its weights directly."""
    parts = name.split(".")[:-1]
    owners = [model.get_submodule(".".join(parts[:length])) for length in range(1, len(parts) + 1)]
    kinds = {type(owner) for owner in owners} - set(CONTAINERS)
    return any(kind.__module__.startswith("torch.nn") for kind in kinds)


def is_factorizable(layer: nn.Module) -> bool:
    """Whether it is exactly `nn.Linear`, `nn.Conv1d` or `nn.Conv2d`, ungrouped, with only a weight and a bias."""
    names = {name for name, _ in layer.named_parameters(recurse=False)}
    plain = type(layer) in (nn.Linear, nn.Conv1d, nn.Conv2d) and getattr(layer, "groups", 1) == 1
    return plain and names <= {"weight", "bias"}


def axis_of_tensor(shape: Sequence[int]) -> int:
    """The channel axis of a free parameter, counted from the right: its only axis longer than 1, else the last."""
    wide = [axis for axis, size in enumerate(shape) if size > 1]
    return wide[0] - len(shape) if len(wide) == 1 else -1


def shared(model: nn.Module) -> dict[str, str]:
    """Layers that share a parameter with another layer, by name, each with this as the reason not to cut it."""
    owners: dict[int, list[str]] = {}
    for name, module in model.named_modules():
        for parameter in module.parameters(recurse=False):
            owners.setdefault(id(parameter), []).append(name)
    return {
        name: f"it shares weights with {' and '.join(other for other in names if other != name)}"
        for names in owners.values()
        if len(names) > 1
        for name in names
    }


def not_prunable(traced: fx.GraphModule) -> dict[str, str]:
    """Layers whose weights cannot be cut, by name, each with the reason."""
    found = shared(traced)
    for name, module in traced.named_modules():
        odd = [key for key, _ in module.named_parameters(recurse=False) if key not in ("weight", "bias")]
        if odd:
            found[name] = f"it has a parameter {odd[0]} that is not understood"
        if isinstance(module, TRANSPOSED) and module.groups > 1:
            found[name] = f"it is a transposed convolution in {module.groups} groups"
    for node in traced.graph.nodes:
        if node.op == "get_attr":
            found[str(node.target).rpartition(".")[0]] = "the network reads its weights directly"
    return found
