"""Residual blocks: finds them in a network's graph, and removes them by putting the identity in their place."""

from __future__ import annotations

import copy
import operator
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import fx, nn

from tasks.kernels.graph.tracing import to_device_of

_ADDITIONS = (operator.add, operator.iadd, torch.add, "add", "add_")
_NORMS = (nn.modules.batchnorm._BatchNorm, nn.LayerNorm, nn.GroupNorm, nn.RMSNorm)
_LEAVES = (nn.TransformerEncoderLayer,)
"""Layers of torch that are residual blocks, but opaque to the tracer."""


@dataclass(frozen=True)
class ResidualBlock:
    """A part of the network that the identity can replace."""

    name: str
    kind: str
    """Its class and the shapes of its tensors and its input: blocks of the same kind take the same time."""
    inlet: fx.Node
    outlet: fx.Node
    inside: frozenset[fx.Node]
    """The nodes of the block, the outlet among them; consecutive in the graph's order."""


def find_blocks(
    traced: fx.GraphModule, model: nn.Module, example: torch.Tensor
) -> tuple[list[ResidualBlock], dict[str, str]]:
    """The removable blocks in the order in which they run; and the other parts with an addition, with the reason.

    A block is called once, with one tensor, and returns one tensor of the same shape. A path without weights leads
    from its input through an addition to its output, so that the identity remains when the other path contributes
    nothing; after the addition, that path may hold a normalization. Of nested candidates the innermost counts.
    `traced` is `tracing.trace(model, example)`; `example` is a batch.
    """
    calls = _watch(model, example)
    owners = _owners(traced)
    found = {name: _judge(traced, name, inside, calls) for name, inside in owners.items()}
    blocks = [block for block in found.values() if isinstance(block, ResidualBlock)]
    innermost = [block for block in blocks if not any(_within(other.name, block.name) for other in blocks)]
    covered = [block.name for block in blocks]
    reasons = {
        name: reason
        for name, reason in found.items()
        if isinstance(reason, str)
        and not any(_within(name, block) or _within(block, name) for block in covered)
        and not any(_within(other, name) for other in found)
    }
    place = {node: index for index, node in enumerate(traced.graph.nodes)}
    return sorted(innermost, key=lambda block: place[block.outlet]), reasons


def remove(model: nn.Module, names: Collection[str]) -> nn.Module:
    """A copy of `model` with the named parts replaced by the identity; ValueError for a name it does not have."""
    pared = copy.deepcopy(model)
    for name in names:
        owner, _, own = name.rpartition(".")
        try:
            old = pared.get_submodule(name)
        except AttributeError as error:
            raise ValueError(f"the network has no layer {name}") from error
        setattr(pared.get_submodule(owner), own, nn.Identity().train(old.training))
    return pared


def _within(name: str, outer: str) -> bool:
    return name.startswith(outer + ".")


def _owners(traced: fx.GraphModule) -> dict[str, list[fx.Node]]:
    """The nodes of each part that contains an addition or is itself a residual leaf, by the part's name."""
    names: dict[str, None] = {}
    for node in traced.graph.nodes:
        leaf = node.op == "call_module" and isinstance(traced.get_submodule(node.target), _LEAVES)
        if leaf:
            names[node.target] = None
        if _is_addition(node):
            names.update(dict.fromkeys(_stack(node)))
    return {name: [node for node in traced.graph.nodes if name in _stack(node)] for name in names}


def _stack(node: fx.Node) -> list[str]:
    """Names of the parts of the network whose code made the node, outermost first."""
    return [path for path, _ in node.meta.get("nn_module_stack", {}).values()]


def _is_addition(node: fx.Node) -> bool:
    return node.op in ("call_function", "call_method") and node.target in _ADDITIONS and len(node.all_input_nodes) == 2


def _watch(model: nn.Module, example: torch.Tensor) -> dict[str, list[bool]]:
    """For each call of each part in one run: whether one tensor went in and one of the same shape came out."""
    twin = copy.deepcopy(model).eval()
    calls: dict[str, list[bool]] = {}

    def watch(name: str) -> Any:
        def hook(module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any], output: Any) -> None:
            tensors = [value for value in (*args, output) if isinstance(value, torch.Tensor)]
            alone = len(args) == 1 and not kwargs and len(tensors) == 2
            calls.setdefault(name, []).append(alone and tensors[0].shape == tensors[1].shape)

        return hook

    for name, module in twin.named_modules():
        module.register_forward_hook(watch(name), with_kwargs=True)
    with torch.no_grad():
        twin(to_device_of(twin, example))
    return calls


def _judge(
    traced: fx.GraphModule, name: str, inside: Sequence[fx.Node], calls: Mapping[str, Sequence[bool]]
) -> ResidualBlock | str:
    """The block, or why the part is not one."""
    called = calls.get(name, ())
    if len(called) != 1:
        return f"the network calls it {len(called)} times"
    if not called[0]:
        return "it does not turn one tensor into one of the same shape"
    nodes = frozenset(inside)
    inlets = {source for node in inside for source in node.all_input_nodes if source not in nodes}
    outlets = [node for node in inside if any(user not in nodes for user in node.users)]
    if len(inlets) != 1 or len(outlets) != 1 or _used_outside(traced, name, nodes):
        return "the network uses more of it than its input and its output"
    inlet, outlet = inlets.pop(), outlets[0]
    module = traced.get_submodule(name)
    if not isinstance(module, _LEAVES) and not _passes(traced, inlet, outlet, nodes):
        return "no path without weights leads past its layers"
    shapes = {key: tuple(tensor.shape) for key, tensor in module.state_dict().items()}
    kind = f"{type(module).__name__} {shapes} at {inlet.meta['shape'][1:]}"
    return ResidualBlock(name, kind, inlet, outlet, nodes)


def _used_outside(traced: fx.GraphModule, name: str, inside: frozenset[fx.Node]) -> bool:
    """Whether code outside the part calls its layers or reads its weights, so that they cannot be removed."""
    return any(
        node.op in ("call_module", "get_attr") and _within(str(node.target), name) and node not in inside
        for node in traced.graph.nodes
    )


def _passes(traced: fx.GraphModule, inlet: fx.Node, outlet: fx.Node, inside: frozenset[fx.Node]) -> bool:
    """Whether a path without weights leads from inlet to outlet through an addition."""
    open_ends, seen = [(inlet, False)], set()
    while open_ends:
        node, added = open_ends.pop()
        for user in node.users:
            if user not in inside or _weighs(traced, user, added):
                continue
            after = (user, added or _is_addition(user))
            if after == (outlet, True):
                return True
            if after not in seen:
                seen.add(after)
                open_ends.append(after)
    return False


def _weighs(traced: fx.GraphModule, node: fx.Node, added: bool) -> bool:
    if node.op == "call_module":
        module = traced.get_submodule(str(node.target))
        return bool(list(module.parameters())) and not (added and isinstance(module, _NORMS))
    return any(source.op == "get_attr" for source in node.all_input_nodes)
