"""What is known of the layers with weights: what they read and make, and when they must be left alone."""

from __future__ import annotations

from typing import Any

from torch import fx, nn

CONVOLUTIONS = (nn.Conv1d, nn.Conv2d, nn.Conv3d)
CONTAINERS = (nn.Sequential, nn.ModuleList, nn.ModuleDict)
BATCH_NORMS = (nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d)


def is_known(module: nn.Module) -> bool:
    """Whether the layer is of exactly a known class: a subclass may use its weights in its own way."""
    return type(module) in (nn.Linear, *CONVOLUTIONS, *BATCH_NORMS)


def by_channel(module: Any) -> bool:
    """Whether the layer treats every channel by itself: batch norm and depthwise convolution."""
    if isinstance(module, BATCH_NORMS):
        return True
    return isinstance(module, CONVOLUTIONS) and module.groups == module.in_channels == module.out_channels > 1


def widths(module: Any, dims: int) -> tuple[int, int, int]:
    """Channels read, channels made, and the axis they lie on in an input of `dims` dimensions."""
    if isinstance(module, nn.Linear):
        return module.in_features, module.out_features, -1
    if isinstance(module, CONVOLUTIONS):
        return module.in_channels, module.out_channels, 1 - module.weight.ndim
    return module.num_features, module.num_features, 1 - dims


def weighted(model: nn.Module) -> list[tuple[str, nn.Module]]:
    """Every linear layer and convolution, subclasses included, with its name."""
    return [(name, layer) for name, layer in model.named_modules() if isinstance(layer, (nn.Linear, *CONVOLUTIONS))]


def within_torch(model: nn.Module, name: str) -> bool:
    """Whether the layer is inside a composite layer of torch, which reads its parts' weights directly."""
    parts = name.split(".")[:-1]
    owners = [model.get_submodule(".".join(parts[:length])) for length in range(1, len(parts) + 1)]
    kinds = {type(owner) for owner in owners} - set(CONTAINERS)
    return any(kind.__module__.startswith("torch.nn") for kind in kinds)


def is_factorizable(layer: nn.Module) -> bool:
    """Whether the layer is exactly a Linear, or a Conv2d in one group, with the usual parameters."""
    names = {name for name, _ in layer.named_parameters(recurse=False)}
    plain = type(layer) is nn.Linear or (type(layer) is nn.Conv2d and layer.groups == 1)
    return plain and names <= {"weight", "bias"}


def shared(model: nn.Module) -> dict[str, str]:
    """Layers that hold one parameter together with another layer, each with the reason to leave it alone."""
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


def unsafe(traced: fx.GraphModule) -> dict[str, str]:
    """Layers whose weights cannot be cut by themselves, each with the reason."""
    found = shared(traced)
    for name, module in traced.named_modules():
        odd = [key for key, _ in module.named_parameters(recurse=False) if key not in ("weight", "bias")]
        if odd:
            found[name] = f"it has a parameter {odd[0]} that is not understood"
        if isinstance(module, CONVOLUTIONS) and module.groups > 1 and not by_channel(module):
            found[name] = f"it is a convolution in {module.groups} groups"
    for node in traced.graph.nodes:
        if node.op == "get_attr":
            found[str(node.target).rpartition(".")[0]] = "the network reads its weights directly"
    return found
