"""A convolutional network for sequences: audio, electrocardiograms, series of sensors."""

from __future__ import annotations

from collections.abc import Sequence

from torch import nn

from tasks.architectures.argument_checks import check_count, check_dropout, check_odd
from tasks.architectures.building_blocks import GlobalAverage, initialize_convolutions
from tasks.architectures.sequence_layout import ChannelsFirst


def convnet1d(
    input_shape: Sequence[int],
    outputs: int,
    width: int = 32,
    depth: int = 3,
    dropout: float = 0.0,
    kernel: int = 7,
    pool: int = 2,
    channels: str = "auto",
) -> nn.Sequential:
    """`depth` stages of two convolutions; after each stage but the last, the width doubles and the steps are pooled.

    Global average pooling and one linear layer follow (as in Wang et al. 2017).

    Args:
        input_shape: (steps,), (steps, channels) or (channels, steps) of one sequence; at least pool**(depth - 1) steps.
        outputs: number of outputs for one example, at least 1.
        width: channels of the first stage, at least 1.
        depth: number of stages, at least 1.
        dropout: probability of dropping a feature in front of the last layer in training, from 0 to below 1.
        kernel: steps that a convolution sees, odd.
        pool: how many steps become one after a stage, at least 1; 4 suits raw audio.
        channels: the axis of the channels, `first` or `last`; `auto` takes the shorter one, of equal ones the last.

    Raises:
        ValueError: an argument is out of its range, or the sequence is too short for the depth.
    """
    check_count("width", width)
    check_count("depth", depth)
    check_dropout(dropout)
    check_odd("kernel", kernel)
    check_count("pool", pool)
    layout = ChannelsFirst(input_shape, channels)
    if layout.steps < pool ** (depth - 1):
        law = f"sequences must have at least {pool ** (depth - 1)} steps for depth {depth} and pool {pool}"
        raise ValueError(f"{law}, but have {layout.steps}")
    layers: list[nn.Module] = [layout]
    made = layout.channels
    for stage in range(depth):
        planes = width * 2**stage
        layers += [*_unit(made, planes, kernel), *_unit(planes, planes, kernel)]
        if stage < depth - 1:
            layers.append(nn.MaxPool1d(pool))
        made = planes
    network = nn.Sequential(*layers, GlobalAverage(axes=(2,), dropout=dropout), nn.Linear(made, outputs))
    initialize_convolutions(network)
    return network


def _unit(channels: int, planes: int, kernel: int) -> list[nn.Module]:
    convolution = nn.Conv1d(channels, planes, kernel, padding=kernel // 2, bias=False)
    return [convolution, nn.BatchNorm1d(planes), nn.ReLU(inplace=True)]
