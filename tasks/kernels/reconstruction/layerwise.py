"""Layerwise reconstruction: fits each layer of a compressed network to its teacher's outputs by least squares.

He, Zhang and Sun, "Channel Pruning for Accelerating Very Deep Neural Networks" (2017): layers are fitted in the
order of the graph, each to the actual outputs of the layers before it, which are already fitted. Where a shortcut is
added, the target is the teacher's sum minus the student's own shortcut. A layer and its batch norm are fitted as one
map. Beyond the paper, the layer right before a removed block is fitted to that block's output.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, fx, nn

from tasks.kernels.graph import layers
from tasks.kernels.graph.layer_chains import Chain, pair
from tasks.kernels.graph.tracing import to_device_of, trace
from tasks.kernels.reconstruction.least_squares import fit_layer


@dataclass(frozen=True)
class Rebuilt:
    """The result of a reconstruction."""

    layers: tuple[str, ...]
    """Names of the fitted layers, in the order of the graph."""
    left_alone: dict[str, str]
    """Layers that were not fitted, with the reason."""


@torch.no_grad()
def reconstruct(
    student: nn.Module, teacher: nn.Module, inputs: Tensor, kept: Mapping[str, Sequence[int]], ridge: float = 1e-3
) -> Rebuilt:
    """Fits, in place, every linear layer and 2-D convolution of `student` that has a counterpart in `teacher`.

    Zeros of sparse weights stay zero.

    Args:
        inputs: (count, …) network inputs; all activations of one layer must fit into memory at once.
        kept: by layer name, the teacher's output channels that a narrower layer of the student still has.
        ridge: strength of the pull towards the present weights, relative to the mean variance of a layer's input.

    Raises:
        TraceError: one of the two networks cannot be traced.
    """
    inputs = to_device_of(student, inputs)
    twin, guide = (_without_side_effects(trace(each, inputs[:2])) for each in (student, teacher))
    pairs, left_alone = pair(twin, guide, kept)
    targets = _Targets(guide, inputs, [node for _, node in pairs.values()])
    for chain, source, shortcut in _walk(twin, inputs, [chain for chain, _ in pairs.values()]):
        wanted = targets.value(pairs[chain.layer][1])
        if chain.layer in kept:
            axis = 1 if wanted.dim() == 4 else -1
            wanted = wanted.index_select(axis, torch.tensor(kept[chain.layer], device=wanted.device))
        wanted = wanted if shortcut is None else wanted - shortcut
        layer, norm = _modules(twin, chain)
        fit_layer(layer, norm, source, wanted, ridge)
    student.load_state_dict({**student.state_dict(), **twin.state_dict()})
    return Rebuilt(tuple(pairs), left_alone)


def kept_outputs(teacher: nn.Module, plans: Iterable[Sequence[Mapping[str, Any]]]) -> dict[str, list[int]]:
    """By layer name, the teacher's output channels that each narrowed layer still has.

    `plans` are the channel-pruning plans in the order in which they were applied. A plan is a list of cuts: the
    channels that stay (`keep`), out of how many (`of`), and their `places` as (layer, side, start, width).
    """
    weighted: list[tuple[str, Any]] = layers.weighted_layers(teacher)
    widths = {name: len(layer.weight) for name, layer in weighted}
    kept: dict[str, list[int]] = {}
    for cuts in plans:
        lost: dict[str, set[int]] = {}
        for cut in cuts:
            gone = set(range(cut["of"])) - set(cut["keep"])
            for layer, side, start, width in cut["places"]:
                if side == "out" and layer in widths:
                    places = (start + channel * width + offset for channel in gone for offset in range(width))
                    lost.setdefault(layer, set()).update(places)
        for layer, positions in lost.items():
            before = kept.get(layer, list(range(widths[layer])))
            kept[layer] = [channel for place, channel in enumerate(before) if place not in positions]
    return kept


def examples_in_memory(model: nn.Module, example: Tensor, numbers: int = 2**27) -> int:
    """How many examples can be processed together when the largest activation may hold `numbers` float32 values.

    The default is 512 MB. `example` is a batch of network inputs. At least 1.

    Raises:
        TraceError: the network cannot be traced.
    """
    traced: Any = trace(model, example)
    largest: int = max(math.prod(node.meta["shape"][1:]) for node in traced.graph.nodes if "shape" in node.meta)
    return max(1, numbers // largest)


def _modules(twin: fx.GraphModule, chain: Chain) -> tuple[Any, Any]:
    norm = None if chain.norm is None else twin.get_submodule(str(chain.norm.target))
    return twin.get_submodule(chain.layer), norm


def _without_side_effects(traced: fx.GraphModule) -> fx.GraphModule:
    """Turns off in-place activations, because their inputs are still needed; returns `traced`."""
    for module in traced.modules():
        if getattr(module, "inplace", False):
            module.inplace = False  # type: ignore[assignment]
    for node in traced.graph.nodes:
        if "inplace" in node.kwargs:
            node.kwargs = {**node.kwargs, "inplace": False}
    return traced


class _Replay(fx.Interpreter):
    """Runs a graph node by node, and frees each value after its last use."""

    def begin(self, inputs: Tensor) -> None:
        self.env: dict[fx.Node, Any] = {}
        self.args_iter: Iterator[Any] = iter([inputs])

    def forget(self, node: fx.Node) -> None:
        for used in self.user_to_last_uses.get(node, []):
            del self.env[used]


def _walk(
    twin: fx.GraphModule, inputs: Tensor, chains: Collection[Chain]
) -> Iterator[tuple[Chain, Tensor, Tensor | None]]:
    """Runs the network; yields each chain with its input and its shortcut before the chain is computed.

    Changes that the caller makes to the chain's layers then apply to everything after them.
    """
    starts, ends = ({getattr(chain, side): chain for chain in chains} for side in ("start", "end"))
    inside = {node for chain in chains for node in (chain.start, chain.norm) if node not in ends}
    sources: dict[fx.Node, Tensor] = {}
    replay = _Replay(twin)
    replay.begin(inputs)
    for node in twin.graph.nodes:
        if node in starts:
            sources[node] = replay.env[node.all_input_nodes[0]]
        if node in ends:
            chain = ends[node]
            source = sources.pop(chain.start)
            shortcut = None if chain.shortcut is None else replay.env[chain.shortcut]
            yield chain, source, shortcut
            layer, norm = _modules(twin, chain)
            mapped = layer(source) if norm is None else norm(layer(source))
            replay.env[node] = mapped if shortcut is None else mapped + shortcut
        else:
            replay.env[node] = None if node in inside else replay.run_node(node)
        replay.forget(node)


class _Targets:
    """The teacher's values at some nodes, computed on demand; ask in about the order of the graph."""

    def __init__(self, guide: fx.GraphModule, inputs: Tensor, nodes: Sequence[fx.Node]) -> None:
        self.asked = {node: nodes.count(node) for node in nodes}
        self.values: dict[fx.Node, Tensor] = {}
        self.steps = self._run(guide, inputs)

    def value(self, node: fx.Node) -> Tensor:
        """The value at a node; freed when it has been asked for as often as announced."""
        while node not in self.values:
            next(self.steps)
        self.asked[node] -= 1
        return self.values[node] if self.asked[node] else self.values.pop(node)

    def _run(self, guide: fx.GraphModule, inputs: Tensor) -> Iterator[None]:
        replay = _Replay(guide)
        replay.begin(inputs)
        for node in guide.graph.nodes:
            replay.env[node] = replay.run_node(node)
            if node in self.asked:
                # A later in-place addition may change the value itself.
                self.values[node] = replay.env[node].clone()
            replay.forget(node)
            yield
