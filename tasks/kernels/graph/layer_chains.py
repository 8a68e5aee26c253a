"""Layer chains: a layer with the batch norm and the addition that follow it, and its counterpart in a teacher."""

from __future__ import annotations

import operator
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import fx, nn
from torch.nn import functional

from tasks.kernels.graph import layers

_ADDITIONS = (operator.add, operator.iadd, torch.add, "add", "add_")
_RELUS = (functional.relu, torch.relu, "relu", "relu_")


@dataclass(frozen=True)
class Chain:
    """A linear map in a network: a layer, then optionally a batch norm, then optionally the addition of a shortcut."""

    layer: str
    start: fx.Node
    norm: fx.Node | None
    end: fx.Node
    """The last node of the chain."""
    shortcut: fx.Node | None
    """The node that is added; None without an addition."""


def find_chains(traced: fx.GraphModule) -> dict[str, Chain]:
    """The chains of a network traced by `tracing.trace`, by the name of their layer, in the order of the graph.

    A chain begins at a linear layer or an ungrouped 2-D convolution that is called once and shares no weights.
    When two chains end in the same addition, it belongs to the later one, where both operands are known.
    """
    calls = [node for node in traced.graph.nodes if node.op == "call_module"]
    names = [str(node.target) for node in calls]
    barred = layers.not_prunable(traced)
    found: dict[str, Chain] = {}
    owners: dict[fx.Node, Chain] = {}
    for node, name in zip(calls, names, strict=True):
        if names.count(name) > 1 or name in barred or not _fits(traced.get_submodule(name)):
            continue
        chain = _follow(traced, node)
        if chain.shortcut is not None:
            if earlier := owners.get(chain.end):
                found[earlier.layer] = without_shortcut(earlier)
            owners[chain.end] = chain
        found[name] = chain
    return found


def _fits(layer: Any) -> bool:
    if not layers.is_factorizable(layer) or isinstance(layer, nn.Conv1d):
        return False
    return isinstance(layer, nn.Linear) or (layer.padding_mode == "zeros" and not isinstance(layer.padding, str))


def _follow(traced: fx.GraphModule, start: fx.Node) -> Chain:
    norm = shortcut = None
    end, after = start, _only_user(start)
    if after is not None and _is_norm(traced, after):
        norm, end, after = after, after, _only_user(after)
    if after is not None and after.target in _ADDITIONS and len(after.all_input_nodes) == 2 and not after.kwargs:
        other = next(node for node in after.all_input_nodes if node is not end)
        if other.meta.get("shape") == end.meta["shape"]:
            shortcut, end = other, after
    return Chain(str(start.target), start, norm, end, shortcut)


def _only_user(node: fx.Node) -> fx.Node | None:
    return next(iter(node.users)) if len(node.users) == 1 else None


def _is_norm(traced: fx.GraphModule, node: fx.Node) -> bool:
    module: Any = traced.get_submodule(str(node.target)) if node.op == "call_module" else None
    return isinstance(module, layers.BATCH_NORMS) and module.affine and module.track_running_stats


def without_shortcut(chain: Chain) -> Chain:
    """A copy of the chain that ends before its addition."""
    return replace(chain, end=chain.norm or chain.start, shortcut=None)


def pair(
    student: fx.GraphModule, teacher: fx.GraphModule, kept: Mapping[str, Sequence[int]]
) -> tuple[dict[str, tuple[Chain, fx.Node]], dict[str, str]]:
    """Matches the student's chains with the teacher's by layer name.

    A layer that was split into several (low rank) is matched by its last part. `kept` gives, for each narrower
    layer of the student, the teacher's output channels that it still has.

    Returns:
        By layer name, the student's chain and the teacher's node whose value it should produce; and, for the
        chains without a counterpart, the reason.
    """
    mine, theirs = find_chains(student), find_chains(teacher)
    pairs: dict[str, tuple[Chain, fx.Node]] = {}
    left_alone: dict[str, str] = {}
    for name, chain in mine.items():
        whole = _whole(name, student, kept)
        if whole not in theirs:
            left_alone[name] = "the teacher has no such layer"
            continue
        guide = theirs[whole]
        if (chain.shortcut is None) != (guide.shortcut is None):
            chain, guide = without_shortcut(chain), without_shortcut(guide)
        if not _same_places(chain, guide, kept.get(name)):
            left_alone[name] = "it is not known which of the teacher's outputs are its own"
            continue
        pairs[name] = chain, _behind_removed(chain, guide, student, teacher)
    return pairs, left_alone


def _whole(name: str, student: fx.GraphModule, kept: Mapping[str, Sequence[int]]) -> str:
    """The name of the original layer when `name` is the last part of one that was split; otherwise `name`."""
    owner, _, part = name.rpartition(".")
    sequence = student.get_submodule(owner) if owner else None
    # The parts of a traced network lie in plain modules.
    is_last = sequence is not None and part.isdigit() and int(part) == len(list(sequence.children())) - 1
    return owner if is_last and owner not in kept else name


def _same_places(chain: Chain, guide: Chain, kept: Sequence[int] | None) -> bool:
    """Whether both outputs have one shape once the teacher's is reduced to the kept channels."""
    axis = 1 if len(chain.end.meta["shape"]) == 4 else -1
    mine, theirs = list(chain.end.meta["shape"]), list(guide.end.meta["shape"])
    if len(mine) != len(theirs) or (kept is not None and max(kept) >= theirs[axis]):
        return False
    theirs[axis] = theirs[axis] if kept is None else len(kept)
    return mine == theirs


def _behind_removed(chain: Chain, guide: Chain, student: fx.GraphModule, teacher: fx.GraphModule) -> fx.Node:
    """The teacher's node to match: the end of its chain, or, where the identity has replaced a module right after
    the student's chain, the output of that module in the teacher.

    A ReLU may stand between; then the teacher's module must end in a ReLU, too, and the ReLU's input is matched.
    """
    after = _only_user(chain.end)
    is_relu = after is not None and _is_relu(student, after)
    place, removed = (after if is_relu else chain.end), None
    while place is not None and (place := _only_user(place)) is not None:
        if place.op != "call_module" or not isinstance(student.get_submodule(str(place.target)), nn.Identity):
            break
        removed = str(place.target)
    inside: list[fx.Node] = [node for node in teacher.graph.nodes if removed in _owners(node)]
    if not inside or inside[-1].meta.get("shape") != guide.end.meta["shape"]:
        return guide.end
    if not is_relu:
        return inside[-1]
    return inside[-1].all_input_nodes[0] if _is_relu(teacher, inside[-1]) else guide.end


def _owners(node: fx.Node) -> list[str]:
    """Names of the modules whose code made the node, outermost first."""
    return [path for path, _ in node.meta.get("nn_module_stack", {}).values()]


def _is_relu(traced: fx.GraphModule, node: fx.Node) -> bool:
    if node.op == "call_module":
        return isinstance(traced.get_submodule(str(node.target)), nn.ReLU)
    return node.target in _RELUS
