"""Channel flow: one pass over a network's graph that follows every channel, by its id, from layer to layer."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import ClassVar

from torch import fx, nn

from tasks.kernels.graph import layers, operator_rules
from tasks.kernels.graph.channel_axes import ChannelAxis, Flow, Parts, axes_of, describe_node
from tasks.kernels.graph.channel_groups import Side
from tasks.kernels.graph.reshape_rules import Move, Shape, argument, axis_of
from tasks.kernels.graph.union_find import ChannelSets

PADDED = "some of its channels meet the fixed number"
"""Start of the reason why channels are frozen that are followed, but padded with a fixed number of others."""


class ChannelFlow:
    """Visits the nodes of a traced graph, which need `meta["shape"]` (see `tracing.trace`).

    Afterwards `slots` holds the channel ids of each layer with weights, by (layer, side), and `sets` says which
    ids must be removed together and which are frozen, with the reason.
    """

    def __init__(self, traced: fx.GraphModule) -> None:
        self.traced = traced
        self.sets = ChannelSets()
        self.slots: dict[tuple[str, Side], list[int]] = {}
        self.flows: dict[fx.Node, Flow] = {}
        self.unsafe, self.shared = layers.not_prunable(traced), layers.shared(traced)

    def visit(self, node: fx.Node) -> None:
        """Follows the channels through one node; call it for every node, in the order of the graph."""
        if node.op == "placeholder":
            self.flows[node] = "the network's input"
        elif node.op == "get_attr":
            self.flows[node] = self._tensor(node)
        elif node.op == "output":
            self._freeze(node.all_input_nodes, "its channels are the network's output")
        else:
            module = self.traced.get_submodule(str(node.target)) if node.op == "call_module" else None
            if module is not None:
                node.meta["layer"] = module
            if module is not None and layers.is_known(module):
                self.flows[node] = self._layer(node, module)
            else:
                self.flows[node] = self._operation(node, module)

    def _freeze(self, nodes: Iterable[fx.Node], reason: str) -> None:
        for node in nodes:
            for axis in axes_of(self.flows[node]):
                self.sets.freeze(axis.channels, reason)

    def _slot(self, layer: str, side: Side, count: int) -> list[int]:
        if (layer, side) not in self.slots:
            self.slots[layer, side] = self.sets.new(count)
        return self.slots[layer, side]

    def _divide(self, module: nn.Module, inside: list[int], outside: list[int]) -> None:
        """Joins the channels that a layer with groups can only lose together (`layers.channel_groups_in`)."""
        groups, whole = layers.channel_groups_in(module)
        read, made = len(inside) // groups, len(outside) // groups
        for group in range(groups if whole else 0):
            together = inside[group * read : (group + 1) * read] + outside[group * made : (group + 1) * made]
            self.sets.join(together[:1] * len(together), together)
        for group in range(1, 1 if whole else groups):
            self.sets.join(inside[:read], inside[group * read : (group + 1) * read])
            self.sets.join(outside[:made], outside[group * made : (group + 1) * made])

    def _tensor(self, node: fx.Node) -> Flow:
        """A parameter that the network uses directly has channels, unless it belongs to a known layer or is shared."""
        owner, _, name = str(node.target).rpartition(".")
        module, shape = self.traced.get_submodule(owner), node.meta["shape"]
        free = name in module._parameters and owner not in self.shared and shape
        if not free or layers.is_known(module):
            return f"the tensor {node.target}"
        dim = layers.axis_of_tensor(shape)
        return ChannelAxis(dim, self._slot(str(node.target), "tensor", shape[dim]), loose=True)

    def _layer(self, node: fx.Node, module: nn.Module) -> Flow:
        """A layer with weights reads channels and makes new ones, or handles each channel separately (norms)."""
        layer, source = str(node.target), node.all_input_nodes[0]
        read, made, dim = layers.widths(module, len(source.meta["shape"]))
        inside = self._slot(layer, "through" if layers.by_channel(module) else "in", read)
        outside = inside if layers.by_channel(module) else self._slot(layer, "out", made)
        self._divide(module, inside, outside)
        flow = self.flows[source]
        if isinstance(flow, ChannelAxis) and (flow.dim, len(flow.channels)) == (dim, read):
            self.sets.join(flow.channels, inside)
        else:
            self._freeze([source], f"layer {layer} reads another axis than their channels")
            self.sets.freeze(inside, f"its channels meet {flow if isinstance(flow, str) else 'another axis'}")
        if layer in self.unsafe:
            self.sets.freeze([*inside, *outside], f"layer {layer}: {self.unsafe[layer]}")
        return ChannelAxis(dim, outside)

    def _operation(self, node: fx.Node, module: nn.Module | None) -> Flow:
        name, here = operator_rules.operation_of(node, module), describe_node(node, module)
        tensors = [n for n in node.all_input_nodes if "shape" in n.meta or isinstance(self.flows[n], Parts)]
        if not tensors:
            return next((str(self.flows[source]) for source in node.all_input_nodes), here)
        flow = self.flows[tensors[0]]
        if "shape" in node.meta and name in self._joints:
            return self._joints[name](self, node, tensors)
        found: Flow | None = None
        if name in operator_rules.PARTITIONS and isinstance(flow, ChannelAxis):
            found = self._divided(node, name, flow, tensors[0].meta["shape"])
        elif isinstance(flow, Parts) and name == "getitem" and isinstance(node.args[1], int):
            found = flow.parts[node.args[1]]
        elif len(tensors) == 1 and isinstance(flow, ChannelAxis) and "shape" in node.meta:
            move = operator_rules.follow(name, node, tensors[0].meta["shape"], node.meta["shape"], flow.dim)
            found = self._moved(flow, move, here) if move else None
        if found is None and not operator_rules.only_asks(node, name):
            why = "is written for their present number" if name in operator_rules.SIZED else "cannot be followed"
            self._freeze(tensors, f"its channels flow into {here}, which {why}")
        return found or (flow if isinstance(flow, str) else here)

    def _moved(self, flow: ChannelAxis, move: Move, here: str) -> ChannelAxis:
        if move.layout is None:
            return replace(flow, dim=move.dim)
        channels = []
        for spots in move.layout:
            together = [flow.channels[spot] for spot in spots] or self.sets.new(1)
            self.sets.join(together[:1] * len(together), together)
            if not spots:
                self.sets.freeze(together, f"{PADDED} that {here} puts beside others")
            channels.append(together[0])
        return replace(flow, dim=move.dim, channels=channels)

    def _divided(self, node: fx.Node, name: str, flow: ChannelAxis, shape: Shape) -> Parts | None:
        """`chunk` and `unbind`: equal parts of the channels, joined so that they stay equal, or of another axis."""
        dim = axis_of(argument(node, 1 if name == "unbind" else 2, "dim", 0), len(shape))
        if dim is None or (dim == flow.dim and name == "unbind"):
            return None
        if name == "unbind":
            return Parts([ChannelAxis(flow.dim + (flow.dim < dim), flow.channels)] * shape[dim])
        count = argument(node, 1, "chunks")
        if not isinstance(count, int):
            return None
        if dim != flow.dim:
            return Parts([flow] * count)
        size, rest = divmod(len(flow.channels), count)
        if rest:
            return None
        parts = [flow.channels[start : start + size] for start in range(0, len(flow.channels), size)]
        for part in parts[1:]:
            self.sets.join(parts[0], part)
        return Parts([ChannelAxis(dim, part) for part in parts])

    def _join(self, node: fx.Node, tensors: list[fx.Node]) -> Flow:
        """Elementwise operations on several values: channels at the same position are joined.

        Where a value has size 1 on that axis, it is broadcast.
        """
        here = describe_node(node, None)
        found = [flow for source in tensors if isinstance(flow := self.flows[source], ChannelAxis)]
        if not found:
            return next((str(self.flows[source]) for source in tensors), here)
        lead = max(found, key=lambda flow: (not flow.loose, len(flow.channels)))
        for source in tensors:
            flow, shape = self.flows[source], source.meta["shape"]
            if isinstance(flow, ChannelAxis) and (flow.dim, len(flow.channels)) == (lead.dim, len(lead.channels)):
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

    def _multiply(self, node: fx.Node, tensors: list[fx.Node]) -> Flow:
        """A matrix product: channels before the last two axes are joined, the last factor's columns pass through.

        Channels that the product sums over (a head's width, for instance) are frozen.
        """
        factors = node.args[: 3 if operator_rules.operation_of(node, None) == "scaled_dot_product_attention" else 2]
        if all(axis.dim < -2 for source in tensors for axis in axes_of(self.flows[source])):
            return self._join(node, tensors)
        last = factors[-1] if len(factors) > 1 and factors.count(factors[-1]) == 1 else None
        is_matrix = isinstance(last, fx.Node) and len(last.meta["shape"]) > 1
        columns = self.flows[last] if isinstance(last, fx.Node) and is_matrix else None
        passes = isinstance(columns, ChannelAxis) and columns.dim == -1
        reason = f"its channels flow into {describe_node(node, None)}, which sums over them"
        self._freeze([source for source in tensors if not (passes and source is last)], reason)
        return columns if columns is not None and passes else describe_node(node, None)

    def _concatenate(self, node: fx.Node, tensors: list[fx.Node]) -> Flow:
        parts = argument(node, 0, "tensors")
        dim = axis_of(argument(node, 1, "dim", 0), len(node.meta["shape"]))
        flows: list[Flow] = []
        if isinstance(parts, (tuple, list)):
            flows = [self.flows[part] for part in parts]
        elif isinstance(parts, fx.Node):
            flows = list(axes_of(self.flows[parts]))
        if not flows or dim is None or any(isinstance(flow, ChannelAxis) and flow.dim != dim for flow in flows):
            return self._join(node, tensors)
        channels: list[int] = []
        for at, flow in enumerate(flows):
            if isinstance(flow, ChannelAxis):
                channels += flow.channels
            else:
                fixed = self.sets.new(parts[at].meta["shape"][dim])
                self.sets.freeze(fixed, f"its channels meet {flow}")
                channels += fixed
        return ChannelAxis(dim, channels)

    _joints: ClassVar[dict[str, Callable[[ChannelFlow, fx.Node, list[fx.Node]], Flow]]] = {
        **dict.fromkeys(operator_rules.CONCATENATIONS, _concatenate),
        **dict.fromkeys(operator_rules.JOINS, _join),
        **dict.fromkeys(operator_rules.PRODUCTS, _multiply),
    }
