"""Operator rules: for each supported operation, where the channel axis of its input lies in its result.

Axes are counted from the right (-1 is the last), as in broadcasting. A rule returns a Move, or None when the
operation mixes the channels or is written for a fixed number of them.
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

import torch
from torch import fx, nn
from torch.nn import functional

from tasks.kernels.graph import reshape_rules
from tasks.kernels.graph.reshape_rules import Move, Shape, argument, axis_of

Rule = Callable[[fx.Node, Shape, Shape, int], Move | None]


def follow(operation: str, node: fx.Node, before: Shape, after: Shape, dim: int) -> Move | None:
    """Where the axis `dim` of an input of shape `before` lies in the result of shape `after`; None when unknown."""
    rule = _RULES.get(operation)
    return rule(node, before, after, dim) if rule else None


def operation_of(node: fx.Node, module: nn.Module | None) -> str:
    """The operation's name, the same whether the node calls a layer, a function or a method; empty when unknown."""
    if module is not None:
        return _MODULES.get(type(module), "")
    if node.op == "call_method":
        return str(node.target)
    if node.target is getattr:
        return str(node.args[1])
    return _FUNCTIONS.get(node.target, "")


def only_asks(node: fx.Node, operation: str) -> bool:
    """Whether a node reads only a value's shape or type, not its numbers."""
    if "shape" in node.meta:
        return False
    return node.target is getattr or operation in ("size", "dim", "numel")


def _elementwise(node: fx.Node, before: Shape, after: Shape, dim: int) -> Move | None:
    return Move(dim) if before == after else None


def _over_last(axes: int) -> Rule:
    """The rule of an operation, as pooling, that acts on the last `axes` axes."""

    def rule(node: fx.Node, before: Shape, after: Shape, dim: int) -> Move | None:
        return Move(dim) if dim < -axes and len(before) == len(after) and before[dim] == after[dim] else None

    return rule


def _resize(node: fx.Node, before: Shape, after: Shape, dim: int) -> Move | None:
    return Move(dim) if dim == 1 - len(before) else None


def _softmax(node: fx.Node, before: Shape, after: Shape, dim: int) -> Move | None:
    """The channels pass when the softmax runs over another axis."""
    return Move(dim) if axis_of(argument(node, 1, "dim"), len(before)) not in (None, dim) else None


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
    **dict.fromkeys(("flatten", "unsqueeze", "squeeze"), reshape_rules.merge),
    **dict.fromkeys(("view", "reshape"), reshape_rules.reshape),
    **dict.fromkeys(("mean", "sum", "amax", "amin"), reshape_rules.reduce),
    **dict.fromkeys(("softmax", "log_softmax"), _softmax),
    **dict.fromkeys(("transpose", "swapaxes"), reshape_rules.transpose),
    "interpolate": _resize,
    "getitem": reshape_rules.index,
    "pad": reshape_rules.pad,
    "expand": reshape_rules.expand,
    "repeat": reshape_rules.repeat,
    "unflatten": reshape_rules.unflatten,
    "permute": reshape_rules.permute,
    "movedim": reshape_rules.movedim,
    "mT": reshape_rules.swap_last,
}
JOINS = frozenset({"add", "sub", "mul", "div", "truediv", "maximum", "minimum"}) | frozenset(
    {"add_", "sub_", "mul_", "div_", "iadd", "isub", "imul", "itruediv", "masked_fill"}
)
"""Elementwise operations on two values: channels at the same position are joined."""
CONCATENATIONS = frozenset({"cat", "concat", "concatenate"})
PRODUCTS = frozenset({"matmul", "bmm", "scaled_dot_product_attention"})
"""Matrix products over the last two axes."""
PARTITIONS = frozenset({"chunk", "unbind"})
"""Operations that return several values."""
SIZED = frozenset({"view", "reshape", "unflatten", "split", "expand"})
"""Operations that take sizes: a size written as a number in the code is wrong once channels are removed."""

_FUNCTIONS: dict[Any, str] = {
    getattr(space, name): name
    for space in (operator, torch, functional)
    for name in (*_RULES, *JOINS, *CONCATENATIONS, *PRODUCTS, *PARTITIONS, *SIZED)
    if hasattr(space, name)
}
_ACTIVATIONS = (
    *(nn.ReLU, nn.ReLU6, nn.LeakyReLU, nn.ELU, nn.SELU, nn.CELU, nn.GELU, nn.SiLU, nn.Mish, nn.Hardswish),
    *(nn.Hardsigmoid, nn.Hardtanh, nn.Sigmoid, nn.Tanh, nn.Softplus, nn.Softsign, nn.LogSigmoid, nn.Identity, nn.PReLU),
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
    nn.Unflatten: "unflatten",
    nn.Softmax: "softmax",
    nn.Upsample: "interpolate",
    **dict.fromkeys((nn.ZeroPad2d, nn.ConstantPad2d, nn.ConstantPad3d), "pad"),
}
