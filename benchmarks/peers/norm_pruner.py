"""Plain pruning of channels, a control: the filters with the least L1 norm go, and the network is fine-tuned.

Li et al. 2017, "Pruning Filters for Efficient ConvNets": in every residual block the same share of the first
convolution's filters, in one cut. It is fine-tuned on the targets alone, without a teacher, at a large learning rate:
Le and Hua 2021, "Network Pruning That Matters: A Case Study on Retraining Variants", found that this alone makes up for
much of what better criteria gain.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator

import torch
from torch import nn

from . import runtime_quantizer
from .task import Task

TOOL, PACKAGE = "plain L1 pruning", "torch"
ROUND_TO = 4


def pare(task: Task) -> Iterator[tuple[str, bytes]]:
    """For each ratio of multiply-accumulates: a file in float, and the same in eight bits."""
    for ratio in task.ratios:
        file = task.convert(task.fine_tune(prune(task.network, ratio)))
        yield f"filters {ratio}x fewer", file
        quantized = runtime_quantizer.quantize(file, task.calibration, unsigned=True, reduced=True)
        yield f"filters {ratio}x fewer, int8", quantized


def prune(network: nn.Module, ratio: float) -> nn.Module:
    """A copy in which the first convolution of every residual block has about `ratio` times fewer filters.

    Both convolutions of such a block then need `ratio` times fewer multiply-accumulates. The count of filters is a
    multiple of four, and of each block with `conv1`, `bn1` and `conv2` those with the largest L1 norm stay.
    """
    pruned = copy.deepcopy(network)
    for block in pruned.modules():
        if isinstance(getattr(block, "conv1", None), nn.Conv2d) and isinstance(
            getattr(block, "conv2", None), nn.Conv2d
        ):
            _narrow(block, ratio)
    return pruned


def _narrow(block: nn.Module, ratio: float) -> None:
    first, norm, second = block.conv1, block.bn1, block.conv2
    assert isinstance(first, nn.Conv2d)
    assert isinstance(norm, nn.BatchNorm2d)
    assert isinstance(second, nn.Conv2d)
    count = max(ROUND_TO, round(first.out_channels / ratio / ROUND_TO) * ROUND_TO)
    kept = first.weight.abs().sum((1, 2, 3)).topk(min(count, first.out_channels)).indices.sort().values
    first.out_channels = norm.num_features = second.in_channels = len(kept)
    with torch.no_grad():
        first.weight = nn.Parameter(first.weight[kept])
        first.bias = nn.Parameter(first.bias[kept]) if first.bias is not None else None
        norm.weight, norm.bias = nn.Parameter(norm.weight[kept]), nn.Parameter(norm.bias[kept])
        norm.running_mean, norm.running_var = norm.running_mean[kept], norm.running_var[kept]  # type: ignore[index]
        second.weight = nn.Parameter(second.weight[:, kept])
