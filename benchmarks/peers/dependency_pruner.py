"""Torch-Pruning: channels by dependency graph, group magnitudes, and the recovery that everyone gets.

https://github.com/VainF/Torch-Pruning: a global ranking in many small steps until the multiply-accumulates are as low
as wanted, widths in multiples that the hardware likes. Its graph does not follow a shortcut that pads with zero
channels (option A of He et al. 2016): the pruned network fails when it runs. So what such a shortcut couples is put
among the ignored layers, as its documentation has it for layers that cannot be pruned: of each block with two
convolutions only the first is pruned.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator

import torch
from torch import nn

from . import runtime_quantizer
from .task import Task

TOOL, PACKAGE = "Torch-Pruning", "torch_pruning"
ROUND_TO = 16
"""Floats in one AVX-512 register: the block in which the runtime computes channels."""
STEPS = 200


def pare(task: Task) -> Iterator[tuple[str, bytes]]:
    """For each ratio of multiply-accumulates that can be reached: a file in float, and the same in eight bits."""
    for ratio in task.ratios:
        pruned, reached = prune(task, ratio)
        if reached < 0.95 * ratio:
            continue
        file = task.convert(task.recover(pruned))
        yield f"{reached:.2f}x fewer MACs", file
        quantized = runtime_quantizer.quantize(file, task.calibration, unsigned=True, reduced=True)
        yield f"{reached:.2f}x fewer MACs, int8", quantized


def prune(task: Task, ratio: float) -> tuple[nn.Module, float]:
    """The network with at least `ratio` times fewer multiply-accumulates, or as few as it gets, and the true ratio."""
    import torch_pruning

    pruned, example = copy.deepcopy(task.network), torch.zeros(1, *task.shape)
    before = torch_pruning.utils.count_ops_and_params(pruned, example)[0]
    pruner = torch_pruning.pruner.BasePruner(
        pruned,
        example,
        importance=torch_pruning.importance.GroupMagnitudeImportance(p=2),
        global_pruning=True,
        pruning_ratio=1.0,
        max_pruning_ratio=0.75,
        iterative_steps=STEPS,
        round_to=ROUND_TO,
        ignored_layers=ignored(pruned),
    )
    reached = 1.0
    for _ in range(STEPS):
        if reached >= ratio:
            break
        pruner.step()
        reached = before / torch_pruning.utils.count_ops_and_params(pruned, example)[0]
    with torch.no_grad():
        pruned(example)  # a graph that was not followed shows here at the latest
    return pruned, float(reached)


def ignored(network: nn.Module) -> list[nn.Module]:
    """The last linear layer, and all convolutions but the first of each residual block."""
    inner = {id(block.conv1) for block in network.modules() if hasattr(block, "conv1") and hasattr(block, "conv2")}
    return [m for m in network.modules() if isinstance(m, nn.Conv2d | nn.Linear) and id(m) not in inner]
