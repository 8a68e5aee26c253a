"""Tracing: a network's graph by torch.fx, with the shape of every value from one run on an example."""

from __future__ import annotations

import copy
import inspect
import operator
from collections.abc import Callable
from typing import Any

import torch
from torch import fx, nn

_FAILURES = (TypeError, ValueError, RuntimeError, AttributeError, NotImplementedError, IndexError, KeyError, NameError)
"""Exceptions that a network's code may raise when torch.fx runs it on symbols in place of tensors."""


class TraceError(Exception):
    """The network cannot be traced; the message names the layer where it failed."""


def trace(
    model: nn.Module, example: torch.Tensor, prepare: Callable[[nn.Module], nn.Module] = copy.deepcopy
) -> fx.GraphModule:
    """The graph of `model` in evaluation mode; `node.meta["shape"]` is set where a value is a tensor.

    Works on the copy that `prepare` makes; `model` is not changed. `example` is a batch of network inputs. Raises
    TraceError when the code branches on the values of tensors, does not run on `example` or returns anything but
    one tensor, and when a layer with weights is not used in evaluation (what it reads is then unknown).
    """
    tracer = _Tracer()
    try:
        twin = prepare(model).eval()
        graph = _without_unused(tracer.trace(twin, concrete_args=_defaults(twin) or None))
    except _FAILURES as error:
        where = f"layer {'.'.join(tracer.path)}" if tracer.path else f"the network {type(model).__name__}"
        raise TraceError(f"{where} could not be traced: {error}") from error
    traced = fx.GraphModule(twin, graph)
    try:
        with torch.no_grad():
            answer = _Shapes(traced).run(to_device_of(model, example))
    except _FAILURES as error:
        raise TraceError(f"the network {type(model).__name__} does not run on its data: {error}") from error
    if not isinstance(answer, torch.Tensor):
        raise TraceError(f"the network {type(model).__name__} gives a {type(answer).__name__}, not one tensor")
    _check_all_used(twin, graph, tracer)
    return traced


def to_device_of(model: nn.Module, tensor: torch.Tensor) -> torch.Tensor:
    """A copy of the tensor on the device of the model's first parameter. Always a copy: a network may overwrite it."""
    first = next(model.parameters(), None)
    return tensor.clone() if first is None else tensor.to(first.device, copy=True)


def _defaults(model: nn.Module) -> dict[str, Any]:
    """The default arguments of `forward`. Tracing fixes them, so that `if mask is not None` can be decided."""
    parameters = inspect.signature(model.forward).parameters.values()
    return {p.name: p.default for p in parameters if p.default is not inspect.Parameter.empty}


def _check_all_used(model: nn.Module, graph: fx.Graph, tracer: fx.Tracer) -> None:
    used = [str(node.target) for node in graph.nodes if node.op in ("call_module", "get_attr")]
    for name, module in model.named_modules():
        if not name or not list(module.parameters(recurse=False)) or not tracer.is_leaf_module(module, name):
            continue
        if not any(name == use or name.startswith(use + ".") or use.startswith(name + ".") for use in used):
            raise TraceError(f"layer {name} takes no part when the network evaluates, so what it reads is unknown")


def _without_unused(graph: fx.Graph) -> fx.Graph:
    """Removes unused `mean` and `getitem` nodes, such as the averaged attention weights; other nodes stay."""
    for node in reversed(graph.nodes):
        if not node.users and (node.target in ("mean", operator.getitem)):
            graph.erase_node(node)
    return graph


class _Tracer(fx.Tracer):
    """Keeps the current layer's name in `path`, where it remains when an exception ends the trace."""

    def __init__(self) -> None:
        super().__init__()
        self.path: list[str] = []

    def call_module(self, m: nn.Module, forward: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        try:
            inside = self.path_of_module(m)
        except NameError:  # made in the code of `forward`, as `nn.Softmax(-1)(scores)` is
            if list(m.parameters()):
                raise
            return forward(*args, **kwargs)
        outside, self.path = self.path, inside.split(".")
        result = super().call_module(m, forward, args, kwargs)
        self.path = outside
        return result


class _Shapes(fx.Interpreter):
    def run_node(self, n: fx.Node) -> Any:
        result = super().run_node(n)
        if isinstance(result, torch.Tensor):
            n.meta["shape"] = tuple(result.shape)
        return result
