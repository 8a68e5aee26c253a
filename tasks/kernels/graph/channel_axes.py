"""What is known of the channels of the values in a network's graph."""

from __future__ import annotations

from dataclasses import dataclass

from torch import fx, nn


@dataclass(frozen=True)
class ChannelAxis:
    """The channels of a value: the number of each, along the axis `dim` (counted from the right).

    A parameter's axis is a guess (`loose`) until it meets that of a layer's output.
    """

    dim: int
    channels: list[int]
    loose: bool = False


@dataclass(frozen=True)
class Parts:
    """The values that one operation gives, and the channels of each."""

    parts: list[ChannelAxis]


Flow = ChannelAxis | Parts | str
"""What is known of a value's channels: where they are, or the words for what they come out of."""


def axes_of(flow: Flow) -> tuple[ChannelAxis, ...]:
    """All of the axes with channels: none, one, or one for each part."""
    if isinstance(flow, Parts):
        return tuple(flow.parts)
    return (flow,) if isinstance(flow, ChannelAxis) else ()


def describe_node(node: fx.Node, module: nn.Module | None) -> str:
    """What a node does, for people, with the layer in whose code it stands."""
    if module is not None:
        return f"layer {node.target} ({type(module).__name__})"
    kind = "method" if node.op == "call_method" else "function"
    name = node.target if isinstance(node.target, str) else getattr(node.target, "__name__", str(node.target))
    stack = [layer for layer in node.meta.get("nn_module_stack", {}) if layer]
    return f"the {kind} {name}" + (f" in layer {stack[-1]}" if stack else "")
