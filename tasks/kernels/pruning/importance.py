"""Channel importance: a score for each channel of a group, (channels,) float64; the lowest are removed first."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, nn

from tasks.kernels.graph.attention import expand_attention, layer_of
from tasks.kernels.graph.channel_groups import Group, Place, Side
from tasks.kernels.graph.layers import BATCH_NORMS, channel_groups_in, output_filters
from tasks.kernels.graph.tracing import to_device_of
from tasks.kernels.pruning.layer_slicing import width
from tasks.kernels.training.losses import task_loss


def magnitude(model: nn.Module, group: Group) -> Tensor:
    """L2 norm of each channel's filters over all layers that make the group (Li et al. 2017 use L1)."""
    squares = [
        _rows(output_filters(layer), place, group.channels).square().sum(1)
        for place, layer in _places(model, group, "out")
    ]
    return torch.stack(squares).sum(0).sqrt()


def fpgm(model: nn.Module, group: Group) -> Tensor:
    """Sum of the distances from a channel's filters to all others of their layer, over all layers that make it.

    The channel with the lowest score is nearest to the geometric median, so that the others can replace it (He et
    al. 2019, "Filter Pruning via Geometric Median"). The filters of an attention head count as one.
    """
    distances = []
    for place, layer in _places(model, group, "out"):
        weight = output_filters(layer)
        first = place.start % place.width
        count = (len(weight) - first) // place.width
        everything = _rows(weight, replace(place, start=first), count)
        distances.append(torch.cdist(_rows(weight, place, group.channels), everything).sum(1))
    return torch.stack(distances).sum(0)


def batch_norm(model: nn.Module, group: Group) -> Tensor | None:
    """Sum of the absolute scales of the group's batch norms (Liu et al. 2017); None without such a norm."""
    scales = [
        _rows(norm.weight, place, group.channels).abs().sum(1)
        for place, norm in _places(model, group, "through")
        if isinstance(norm, BATCH_NORMS) and norm.affine
    ]
    return torch.stack(scales).sum(0) if scales else None


def taylor(model: nn.Module, groups: Sequence[Group], batches: Iterable[tuple[Tensor, Tensor]]) -> list[Tensor]:
    """First-order change of the loss when a channel is set to zero (Molchanov et al. 2017): one tensor a group.

    For each example, activation times gradient is summed over the channel's positions in all layers that read it;
    the score is the mean of the absolute values. The loss is cross-entropy for integer targets, else mean squared
    error. `batches` yields (inputs, targets). Works on a copy in evaluation mode.
    """
    if not groups:
        return []
    twin = (
        expand_attention(model, [layer for group in groups for layer in group.layers("in")])
        .eval()
        .requires_grad_(False)
    )
    readers = sorted({layer for group in groups for layer in _readers(twin, group)})
    gates: dict[str, list[Tensor]] = {}
    for layer in readers:
        twin.get_submodule(layer).register_forward_pre_hook(_gate(gates, layer))
    totals = [torch.zeros(group.channels, dtype=torch.float64) for group in groups]
    count = 0
    for inputs, targets in batches:
        gates.clear()
        outputs = twin(to_device_of(twin, inputs))
        # the loss is a mean over the batch: times its size, examples of unequal batches count alike
        loss = task_loss(outputs, targets.to(outputs.device)) * len(inputs)
        opened = [(layer, gate) for layer, many in gates.items() for gate in many]
        slopes = torch.autograd.grad(loss, [gate for _, gate in opened], materialize_grads=True)
        effect: dict[str, Tensor] = {}
        for (layer, _), slope in zip(opened, slopes, strict=True):
            effect[layer] = effect.get(layer, torch.zeros_like(slope)) + slope
        for total, group in zip(totals, groups, strict=True):
            total += _change(effect, group).abs().sum(0)
        count += len(inputs)
    return [total / max(count, 1) for total in totals]


def _gate(gates: dict[str, list[Tensor]], layer: str) -> Any:
    """A hook that multiplies a layer's input by ones, (examples, channels), so that their gradient can be taken."""

    def hook(module: Any, arguments: tuple[Any, ...]) -> tuple[Any, ...]:
        value = arguments[0]
        channels, linear = width(module, "in"), isinstance(module, nn.Linear)
        gate = torch.ones(len(value), channels, device=value.device, requires_grad=True)
        gates.setdefault(layer, []).append(gate)
        between = [1] * (value.ndim - 2)
        shape = [len(value), *between, channels] if linear else [len(value), channels, *between]
        return (value * gate.reshape(shape), *arguments[1:])

    return hook


def _change(effect: dict[str, Tensor], group: Group) -> Tensor:
    """The change of each example's loss for each channel of the group, (examples, channels)."""
    parts = [
        _rows(effect[place.layer].T, place, group.channels).reshape(group.channels, place.width, -1).sum(1)
        for place in group.places
        if place.side == "in" and place.layer in effect
    ]
    return torch.stack(parts).sum(0).T


def _readers(model: nn.Module, group: Group) -> list[str]:
    """The layers that read the group, without those that lose whole groups: their own output is removed as well."""
    return [layer for layer in group.layers("in") if not channel_groups_in(model.get_submodule(layer))[1]]


def _places(model: nn.Module, group: Group, side: Side) -> Iterator[tuple[Place, Any]]:
    """The group's places on a side, each with its layer."""
    for place in group.places:
        if place.side == side:
            yield place, layer_of(model, place.layer)


def _rows(tensor: Any, place: Place, channels: int) -> Tensor:
    """The group's part of a tensor's first axis, one row for each channel: (channels, rest), float64."""
    part = tensor.detach()[place.start : place.start + channels * place.width]
    rows: Tensor = part.reshape(channels, -1).double().cpu()
    return rows
