"""Block search: the order in which residual blocks can be removed with the least change of the outputs.

To try a removal, only the part of the graph from the block on is run again: the values at each block's start are
kept from one run of the whole network, `CHUNK` examples at a time, so that they fit into memory.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import ceil, inf, prod
from typing import Any

import torch
from torch import Tensor, fx, nn
from torch.nn import functional

from tasks.kernels.graph.residual_blocks import ResidualBlock

CHUNK = 128
"""Examples run together."""
Values = dict[fx.Node, Any]


@dataclass(frozen=True)
class Removal:
    """One step of the search: the block removed, and what the removals have cost so far."""

    name: str
    harm: float
    """Mean divergence from the whole network's outputs without this block and all blocks removed before it."""


def divergence(outputs: Tensor, wanted: Tensor, numbers: bool) -> float:
    """Sum over examples of KL(softmax(wanted) || softmax(outputs)) in nats; with `numbers`, of squared differences.

    Both are (count, classes); numbers may have any shape after the count, over which the squares are averaged.
    """
    if numbers:
        return float((outputs - wanted).double().square().sum()) / prod(wanted.shape[1:])
    guess, guide = (functional.log_softmax(each.double(), dim=1) for each in (outputs, wanted))
    return float(functional.kl_div(guess, guide, reduction="sum", log_target=True))


class BlockSearch:
    """Greedy search: removes the block whose loss changes the outputs least, then the next one, given that removal.

    Lazy evaluation (Minoux 1978): each step tries the half of the blocks that did the least harm when last tried,
    and further ones only while one that has not been tried in this step looks better.

    `traced` must be in evaluation mode and not be used elsewhere: the search changes it. Batch norms use the
    statistics of each chunk of `inputs`, as they would after recalibration. `numbers` says that the outputs are
    numbers, not class logits; a single output always counts as a number.
    """

    def __init__(self, traced: fx.GraphModule, blocks: Sequence[ResidualBlock], inputs: Tensor, numbers: bool) -> None:
        self._runner = fx.Interpreter(traced, garbage_collect_values=False)
        self._nodes: list[fx.Node] = list(traced.graph.nodes)
        self._blocks = {block.name: block for block in blocks}
        self._starts = {b.name: min(i for i, node in enumerate(self._nodes) if node in b.inside) for b in blocks}
        self._chunks = torch.chunk(inputs, ceil(len(inputs) / CHUNK))
        self._wanted = [self._run(self._given(chunk), 0, ()) for chunk in self._chunks]
        self._numbers = numbers or self._wanted[0][0].numel() == 1
        if len(inputs) > 1:
            _use_batch_statistics(traced)

    def removals(self, cost: Mapping[str, float] | None = None) -> Iterator[Removal]:
        """Yields all blocks in the order of removal; with `cost` (any unit), by the harm added per cost saved."""
        gone: list[str] = []
        before = self.harm(())
        added = dict.fromkeys(self._blocks, -inf)

        def price(name: str) -> float:
            """Harm per cost; a block that does no harm ranks higher the more it saves."""
            unit = cost[name] if cost else 1.0
            return added[name] / unit if added[name] > 0 else added[name] * unit

        while added:
            fresh: set[str] = set()
            while (name := min(added, key=price)) not in fresh:
                stale = [each for each in sorted(added, key=price) if each not in fresh]
                again = stale[: ceil(len(stale) / 2)] if gone else stale
                added.update({each: harm - before for each, harm in self.harms(gone, again).items()})
                fresh.update(again)
            gone.append(name)
            before += added.pop(name)
            yield Removal(name, before)

    @torch.no_grad()
    def harm(self, gone: Collection[str]) -> float:
        """Mean divergence per example without the blocks in `gone`."""
        runs = (self._run(self._given(chunk), 0, gone) for chunk in self._chunks)
        return self._mean(
            divergence(run, wanted, self._numbers) for run, wanted in zip(runs, self._wanted, strict=True)
        )

    @torch.no_grad()
    def harms(self, gone: Collection[str], names: Sequence[str]) -> dict[str, float]:
        """Mean divergence per example without `gone` and one more block, for each block in `names`."""
        total = dict.fromkeys(names, 0.0)
        for chunk, wanted in zip(self._chunks, self._wanted, strict=True):
            kept: dict[str, Values] = {name: {} for name in names}
            self._run(self._given(chunk), 0, gone, kept)
            for name in names:
                outputs = self._run(_copied(kept.pop(name)), self._starts[name], [*gone, name])
                total[name] += divergence(outputs, wanted, self._numbers)
        return {name: self._mean([harm]) for name, harm in total.items()}

    def _mean(self, sums: Iterable[float]) -> float:
        return sum(sums) / sum(map(len, self._chunks))

    def _given(self, chunk: Tensor) -> Values:
        """The values of the graph's placeholders: a copy of the examples, and the defaults of the others."""
        first, *others = (node for node in self._nodes if node.op == "placeholder")
        return {first: chunk.clone(), **{node: node.args[0] for node in others}}

    @torch.no_grad()
    def _run(self, values: Values, start: int, gone: Collection[str], kept: dict[str, Values] | None = None) -> Tensor:
        """Runs the graph from node `start` on and returns the outputs.

        Fills `kept`, for each block named in it, with the values needed to start again at that block.
        """
        skipped = {node for name in gone for node in self._blocks[name].inside}
        copies = {self._blocks[name].outlet: self._blocks[name].inlet for name in gone}
        last = self._last_uses(skipped, copies)
        stops = {self._starts[name]: name for name in kept or ()}
        self._runner.env = values
        for index, node in enumerate(self._nodes[start:], start):
            if kept is not None and index in stops:
                kept[stops[index]] = _copied(values)
            if node in copies:
                values[node] = values[copies[node]]
            elif node not in skipped and node not in values:
                values[node] = self._runner.run_node(node)
            for known in [each for each in values if last.get(each, -1) <= index and each.op != "output"]:
                del values[known]
        outputs: Tensor = values[self._nodes[-1]]
        return outputs

    def _last_uses(self, skipped: Collection[fx.Node], copies: dict[fx.Node, fx.Node]) -> dict[fx.Node, int]:
        last: dict[fx.Node, int] = {}
        for index, node in enumerate(self._nodes):
            sources = [copies[node]] if node in copies else [] if node in skipped else node.all_input_nodes
            last.update(dict.fromkeys(sources, index))
        return last


def _copied(values: Values) -> Values:
    """Copies of the values, so that in-place operations do not change the kept ones."""
    return {node: value.clone() if isinstance(value, Tensor) else value for node, value in values.items()}


def _use_batch_statistics(traced: fx.GraphModule) -> None:
    for layer in traced.modules():
        if isinstance(layer, nn.modules.batchnorm._BatchNorm):
            layer.train()
