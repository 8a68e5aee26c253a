"""Channel axes: for a value in a network's graph, the axis its channels lie on and the number of each channel."""

from __future__ import annotations

from dataclasses import dataclass

from torch import fx, nn


@dataclass(frozen=True)
class ChannelAxis:
    """The axis `dim` (negative, counted from the right) and, for each position on it, the id of the channel there.

    `loose` marks the axis of a free parameter, which is a guess: where it disagrees with the axis of a layer's
    output, the latter counts.
    """

    dim: int
    channels: list[int]
    loose: bool = False


@dataclass(frozen=True)
class Parts:
    """The channel axes of an operation's several results, in their order."""

    parts: list[ChannelAxis]


Flow = ChannelAxis | Parts | str
"""A value's channels; or, when they are unknown, a description of where the value comes from, for messages."""


def axes_of(flow: Flow) -> tuple[ChannelAxis, ...]:
    """The channel axes in `flow`: none when unknown, one, or one for each part."""
    if isinstance(flow, Parts):
        return tuple(flow.parts)
    return (flow,) if isinstance(flow, ChannelAxis) else ()


def describe_node(node: fx.Node, module: nn.Module | None) -> str:
    """A node in words, for messages: its layer, or its function or method and the layer that calls it."""
    if module is not None:
        return f"layer {node.target} ({type(module).__name__})"
    kind = "method" if node.op == "call_method" else "function"
    name = node.target if isinstance(node.target, str) else getattr(node.target, "__name__", str(node.target))
    stack = [layer for layer in node.meta.get("nn_module_stack", {}) if layer]
    return f"the {kind} {name}" + (f" in layer {stack[-1]}" if stack else "")
