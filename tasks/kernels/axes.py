"""Where the channels of a value go: a rule for each operation that is understood.

An axis is counted from the right (-1 is the last), as broadcasting does. A rule returns a Move, or None when
the operation mixes the channels, or is written for a fixed number of them.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import fx, nn
from torch.nn import functional

Shape = tuple[int, ...]


@dataclass(frozen=True)
class Move:
    """The axis is now at `dim`, and holds the channels `outer` times in turn, each `inner` times in a row."""

    dim: int
    outer: int = 1
    inner: int = 1


Rule = Callable[[fx.Node, Shape, Shape, int], Move | None]


def follow(operation: str, node: fx.Node, before: Shape, after: Shape, dim: int) -> Move | None:
    """Where the axis `dim` of a value of shape `before` lies in the operation's result, of shape `after`."""
    rule = _RULES.get(operation)
    return rule(node, before, after, dim) if rule else None


def operation_of(node: fx.Node, module: nn.Module | None) -> str:
    """The name of what a node does, one for a layer, a function and a method alike; empty when unknown."""
    if module is not None:
        return _MODULES.get(type(module), "")
    if node.op == "call_method":
        return str(node.target)
    return _FUNCTIONS.get(node.target, "")


def only_asks(node: fx.Node, operation: str) -> bool:
    """Whether a node reads a value's shape or type, and not its numbers."""
    if "shape" in node.meta:
        return False
    return node.target is getattr or operation in ("size", "dim", "numel")


def argument(node: fx.Node, place: int, name: str, default: Any = None) -> Any:
    """An argument of a node, given by place or by name."""
    return node.args[place] if len(node.args) > place else node.kwargs.get(name, default)


def _elementwise(node: fx.Node, before: Shape, after: Shape, dim: int) -> Move | None:
    return Move(dim) if before == after else None


def _over_last(axes: int) -> Rule:
    """Pooling and resizing: they act on the last `axes` axes."""

    def rule(node: fx.Node, before: Shape, after: Shape, dim: int) -> Move | None:
        return Move(dim) if dim < -axes and len(before) == len(after) and before[dim] == after[dim] else None

    return rule


def _resize(node: fx.Node, before: Shape, after: Shape, dim: int) -> Move | None:
    return Move(dim) if dim == 1 - len(before) else None


def _merge(node: fx.Node, before: Shape, after: Shape, dim: int) -> Move | None:
    """Row-major reshaping that keeps the channels whole: they may be merged with other axes, never split."""
    place, channels = len(before) + dim, before[dim]
    outside = math.prod(before[:place])
    for q, size in enumerate(after):
        ahead = math.prod(after[:q])
        if size > 1 and ahead <= outside and ahead * size >= outside * channels:
            outer, rest = divmod(outside, ahead)
            inner, remainder = divmod(size, outer * channels)
            return None if rest or remainder else Move(q - len(after), outer, inner)
    return None


def _reshape(node: fx.Node, before: Shape, after: Shape, dim: int) -> Move | None:
    """As `_merge`, if the merged axis has the size -1 or a computed one: a number is wrong after a cut."""
    move = _merge(node, before, after, dim)
    first = argument(node, 1, "shape")
    sizes: Any = first if isinstance(first, (tuple, list)) else node.args[1:]
    if move is None or len(sizes) != len(after):
        return None
    size = sizes[move.dim]
    return move if size == -1 or isinstance(size, fx.Node) else None


def _reduce(node: fx.Node, before: Shape, after: Shape, dim: int) -> Move | None:
    dims = argument(node, 1, "dim")
    dims = [dims] if isinstance(dims, int) else dims
    if not isinstance(dims, (tuple, list)) or not all(isinstance(d, int) for d in dims):
        return None
    reduced = {d if d < 0 else d - len(before) for d in dims}
    if dim in reduced:
        return None
    return Move(dim if len(before) == len(after) else dim + sum(d > dim for d in reduced))


def _index(node: fx.Node, before: Shape, after: Shape, dim: int) -> Move | None:
    """Indexing that takes the whole axis; a number takes an axis away, None puts one in."""
    index = node.args[1] if isinstance(node.args[1], tuple) else (node.args[1],)
    place, at, shift = len(before) + dim, 0, 0
    for part in index:
        if part is None:
            shift -= at > place
        elif type(part) not in (int, slice) or (at == place and part != slice(None, None, None)):
            return None
        else:
            shift += at > place and type(part) is int
            at += 1
    return Move(dim + shift)


def _pad(node: fx.Node, before: Shape, after: Shape, dim: int) -> Move | None:
    """Padding of other axes; zeros among the channels cannot be told from channels, so they end the way."""
    return Move(dim) if len(before) == len(after) and before[dim] == after[dim] else None


def _transpose(node: fx.Node, before: Shape, after: Shape, dim: int) -> Move | None:
    order = list(range(-len(before), 0))
    a, b = argument(node, 1, "dim0"), argument(node, 2, "dim1")
    order[a], order[b] = order[b], order[a]
    return Move(order.index(dim) - len(before))


def _permute(node: fx.Node, before: Shape, after: Shape, dim: int) -> Move | None:
    dims: Any = node.args[1:] if len(node.args) > 2 else argument(node, 1, "dims")
    order = [d if d < 0 else d - len(before) for d in dims]
    return Move(order.index(dim) - len(before))


_ELEMENTWISE = (
    *("relu", "relu_", "relu6", "leaky_relu", "elu", "selu", "celu", "gelu", "silu", "mish", "hardswish"),
    *("hardsigmoid", "hardtanh", "sigmoid", "tanh", "softplus", "softsign", "logsigmoid", "elementwise"),
    *("dropout", "dropout1d", "dropout2d", "dropout3d", "alpha_dropout", "clamp", "clip"),
    *("abs", "square", "sqrt", "exp", "neg", "pow", "contiguous", "clone", "detach", "float", "to"),
)
_POOLS = {"max": "Max", "avg": "Avg", "adaptive_avg": "AdaptiveAvg", "adaptive_max": "AdaptiveMax"}
_RULES: dict[str, Rule] = {
    **dict.fromkeys(_ELEMENTWISE, _elementwise),
    **{f"{kind}_pool{axes}d": _over_last(axes) for kind in _POOLS for axes in (1, 2, 3)},
    **dict.fromkeys(("flatten", "unsqueeze", "squeeze"), _merge),
    **dict.fromkeys(("view", "reshape"), _reshape),
    **dict.fromkeys(("mean", "sum", "amax", "amin"), _reduce),
    "interpolate": _resize,
    "getitem": _index,
    "pad": _pad,
    "transpose": _transpose,
    "permute": _permute,
}
JOINS = frozenset({"add", "sub", "mul", "div", "truediv", "maximum", "minimum"}) | frozenset(
    {"add_", "sub_", "mul_", "div_", "iadd", "isub", "imul", "itruediv"}
)
"""Elementwise operations of two values: their channels are one and the same."""
CONCATENATIONS = frozenset({"cat", "concat", "concatenate"})

_FUNCTIONS: dict[Any, str] = {
    getattr(space, name): name
    for space in (operator, torch, functional)
    for name in (*_RULES, *JOINS, *CONCATENATIONS)
    if hasattr(space, name)
}
_ACTIVATIONS = (
    *(nn.ReLU, nn.ReLU6, nn.LeakyReLU, nn.ELU, nn.SELU, nn.CELU, nn.GELU, nn.SiLU, nn.Mish, nn.Hardswish),
    *(nn.Hardsigmoid, nn.Hardtanh, nn.Sigmoid, nn.Tanh, nn.Softplus, nn.Softsign, nn.LogSigmoid, nn.Identity),
    *(nn.Dropout, nn.Dropout1d, nn.Dropout2d, nn.Dropout3d, nn.AlphaDropout),
)
_MODULES: dict[type[nn.Module], str] = {
    **dict.fromkeys(_ACTIVATIONS, "elementwise"),
    **{
        getattr(nn, f"{title}Pool{axes}d"): f"{kind}_pool{axes}d"
        for kind, title in _POOLS.items()
        for axes in (1, 2, 3)
    },
    nn.Flatten: "flatten",
    nn.Upsample: "interpolate",
    nn.ZeroPad2d: "pad",
}
