"""A network's graph with the shape of every value, by torch.fx and one run on an example."""

from __future__ import annotations

import copy
import inspect
import operator
from collections.abc import Callable
from typing import Any

import torch
from torch import fx, nn

_FAILURES = (TypeError, ValueError, RuntimeError, AttributeError, NotImplementedError, IndexError, KeyError, NameError)
"""What code that was written for tensors raises when it meets torch.fx's symbols."""


class TraceError(Exception):
    """The network's graph does not follow from its code; the sentence names the part that stopped it."""


def trace(
    model: nn.Module, example: torch.Tensor, prepare: Callable[[nn.Module], nn.Module] = copy.deepcopy
) -> fx.GraphModule:
    """The graph of `model` in evaluation mode; `node.meta["shape"]` is set where a value is a tensor.

    Works on the copy that `prepare` makes: the model stays bit-identical. Raises TraceError when the code decides
    by the values of tensors, does not run on `example` or gives more than one tensor, and when a layer with
    weights takes no part in evaluation (so that what it reads is unknown).
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
    """A copy of the tensor where the model's first parameter lies: a network may write into what it is given."""
    first = next(model.parameters(), None)
    return tensor.clone() if first is None else tensor.to(first.device, copy=True)


def _defaults(model: nn.Module) -> dict[str, Any]:
    """The arguments of `forward` with defaults: fixed, so that `if mask is not None` goes its usual way."""
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
    """Without means that nobody reads, as those of an attention's weights; in-place operations stay."""
    for node in reversed(graph.nodes):
        if not node.users and (node.target in ("mean", operator.getitem)):
            graph.erase_node(node)
    return graph


class _Tracer(fx.Tracer):
    """Remembers in which layer a trace stopped: names stay on `path` when an exception passes through."""

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
