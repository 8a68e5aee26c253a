"""Where the channels of a network flow: one pass over its graph that follows every channel by number."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from torch import fx, nn

from tasks.kernels import axes, layers
from tasks.kernels.unionfind import ChannelSets

Side = Literal["out", "in", "through"]
"""The axis that a layer makes, the one that it reads, or the one axis of a layer that treats every channel by
itself (batch norm, depthwise convolution)."""


@dataclass(frozen=True)
class _Axis:
    """The channels of a value: the number of each, along the axis `dim` (counted from the right)."""

    dim: int
    channels: list[int]


_Flow = _Axis | str
"""What is known of a value's channels: where they are, or the words for what they come out of."""


class Walk:
    """Visits a traced graph node by node; the nodes need `meta["shape"]`.

    Afterwards `slots` holds the channels of every axis of every layer with weights, and `sets` says which of
    them are one and the same, and which are frozen.
    """

    def __init__(self, traced: fx.GraphModule) -> None:
        self.traced = traced
        self.sets = ChannelSets()
        self.slots: dict[tuple[str, Side], list[int]] = {}
        self.flows: dict[fx.Node, _Flow] = {}
        self.unsafe = layers.unsafe(traced)

    def visit(self, node: fx.Node) -> None:
        """Follows the channels through one node; the nodes come in the order of the graph."""
        if node.op == "placeholder":
            self.flows[node] = "the network's input"
        elif node.op == "get_attr":
            self.flows[node] = f"the tensor {node.target}"
        elif node.op == "output":
            self._freeze(node.all_input_nodes, "its channels are the network's output")
        else:
            module = self.traced.get_submodule(str(node.target)) if node.op == "call_module" else None
            if module is not None and layers.is_known(module):
                self.flows[node] = self._layer(node, module)
            else:
                self.flows[node] = self._operation(node, module)

    def _freeze(self, nodes: Iterable[fx.Node], reason: str) -> None:
        for node in nodes:
            flow = self.flows[node]
            if isinstance(flow, _Axis):
                self.sets.freeze(flow.channels, reason)

    def _slot(self, layer: str, side: Side, count: int) -> list[int]:
        if (layer, side) not in self.slots:
            self.slots[layer, side] = self.sets.new(count)
        return self.slots[layer, side]

    def _layer(self, node: fx.Node, module: nn.Module) -> _Flow:
        """A layer with weights reads channels and produces others, or treats every channel by itself."""
        layer, source = str(node.target), node.all_input_nodes[0]
        read, made, dim = layers.widths(module, len(source.meta["shape"]))
        inside = self._slot(layer, "through" if layers.by_channel(module) else "in", read)
        outside = inside if layers.by_channel(module) else self._slot(layer, "out", made)
        flow = self.flows[source]
        if isinstance(flow, _Axis) and (flow.dim, len(flow.channels)) == (dim, read):
            self.sets.join(flow.channels, inside)
        else:
            self._freeze([source], f"layer {layer} reads another axis than their channels")
            self.sets.freeze(inside, f"its channels meet {flow if isinstance(flow, str) else 'another axis'}")
        if layer in self.unsafe:
            self.sets.freeze([*inside, *outside], f"layer {layer}: {self.unsafe[layer]}")
        return _Axis(dim, outside)

    def _operation(self, node: fx.Node, module: nn.Module | None) -> _Flow:
        name = axes.operation_of(node, module)
        tensors = [source for source in node.all_input_nodes if "shape" in source.meta]
        if "shape" in node.meta and name in axes.CONCATENATIONS:
            return self._concatenate(node, tensors)
        if "shape" in node.meta and name in axes.JOINS:
            return self._join(node, tensors)
        if not tensors:
            return next((str(self.flows[source]) for source in node.all_input_nodes), _words(node, module))
        flow = self.flows[tensors[0]]
        if len(tensors) == 1 and isinstance(flow, _Axis) and "shape" in node.meta:
            move = axes.follow(name, node, tensors[0].meta["shape"], node.meta["shape"], flow.dim)
            if move:
                repeated = [channel for channel in flow.channels for _ in range(move.inner)]
                return _Axis(move.dim, repeated * move.outer)
        if not axes.only_asks(node, name):
            self._freeze(tensors, f"its channels flow into {_words(node, module)}, which cannot be followed")
        return _words(node, module) if isinstance(flow, _Axis) else flow

    def _join(self, node: fx.Node, tensors: list[fx.Node]) -> _Flow:
        """Elementwise operations of several values: same place, same channel; an axis of size 1 is spread."""
        here = _words(node, None)
        found = [flow for source in tensors if isinstance(flow := self.flows[source], _Axis)]
        if not found:
            return next((str(self.flows[source]) for source in tensors), here)
        lead = max(found, key=lambda flow: len(flow.channels))
        for source in tensors:
            flow, shape = self.flows[source], source.meta["shape"]
            if isinstance(flow, _Axis) and (flow.dim, len(flow.channels)) == (lead.dim, len(lead.channels)):
                self.sets.join(lead.channels, flow.channels)
                continue
            self._freeze([source], f"its channels meet another axis in {here}")
            if len(shape) >= -lead.dim and shape[lead.dim] != 1:
                origin = flow if isinstance(flow, str) else "another axis"
                self.sets.freeze(lead.channels, f"its channels meet what comes out of {origin}")
        if node.meta["shape"][lead.dim] != len(lead.channels):
            self.sets.freeze(lead.channels, f"its one channel is spread in {here}")
            return here
        return lead

    def _concatenate(self, node: fx.Node, tensors: list[fx.Node]) -> _Flow:
        parts = axes.argument(node, 0, "tensors")
        dim = axes.argument(node, 1, "dim", 0)
        dim = dim if dim < 0 else dim - len(node.meta["shape"])
        flows = [self.flows[part] for part in parts] if isinstance(parts, (tuple, list)) else []
        if not flows or any(isinstance(flow, _Axis) and flow.dim != dim for flow in flows):
            return self._join(node, tensors)
        channels: list[int] = []
        for part, flow in zip(parts, flows, strict=True):
            if isinstance(flow, _Axis):
                channels += flow.channels
            else:
                fixed = self.sets.new(part.meta["shape"][dim])
                self.sets.freeze(fixed, f"its channels meet {flow}")
                channels += fixed
        return _Axis(dim, channels)


def _words(node: fx.Node, module: nn.Module | None) -> str:
    """What a node does, for people, with the layer in whose code it stands."""
    if module is not None:
        return f"layer {node.target} ({type(module).__name__})"
    kind = "method" if node.op == "call_method" else "function"
    name = node.target if isinstance(node.target, str) else getattr(node.target, "__name__", str(node.target))
    stack = [layer for layer in node.meta.get("nn_module_stack", {}) if layer]
    return f"the {kind} {name}" + (f" in layer {stack[-1]}" if stack else "")
