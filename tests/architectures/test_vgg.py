"""VGG-like networks: depth, width and images of any size."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from tasks.architectures import vgg


@pytest.mark.parametrize(("depth", "expected"), [(11, 8), (13, 10), (16, 13), (19, 16)])
def test_depth_counts_the_convolutions_and_three_linear_layers(depth: int, expected: int) -> None:
    model = vgg([3, 4, 4], 5, depth=depth, width=2)
    assert sum(isinstance(layer, nn.Conv2d) for layer in model.modules()) == expected == depth - 3
    assert sum(isinstance(layer, nn.Linear) for layer in model.modules()) == 3


@pytest.mark.parametrize(("side", "pools"), [(1, 0), (7, 2), (28, 4), (32, 5), (64, 5)])
def test_pooling_ends_with_one_pixel_and_names_stay(side: int, pools: int) -> None:
    model = vgg([1, side, side], 5, width=2)
    assert sum(isinstance(layer, nn.MaxPool2d) for layer in model.modules()) == pools
    assert model(torch.zeros(2, 1, side, side)).shape == (2, 5)
    assert model.state_dict().keys() == vgg([1, 224, 224], 5, width=2).state_dict().keys()


def test_convolutions_have_the_names_of_torchvision() -> None:
    widths = {name: layer.out_channels for name, layer in vgg([3, 8, 8], 5, depth=16, width=4).named_modules()
              if isinstance(layer, nn.Conv2d)}  # fmt: skip
    assert [int(name.removeprefix("features.")) for name in widths] == [0, 3, 7, 10, 14, 17, 20, 24, 27, 30, 34, 37, 40]
    assert list(widths.values()) == [4, 4, 8, 8, 16, 16, 16, 32, 32, 32, 32, 32, 32]


@pytest.mark.parametrize(
    ("arguments", "law"),
    [
        ({"depth": 12}, "depth must be one of 11, 13, 16, 19, but got 12"),
        ({"width": 1.5}, "width must be a whole number of at least 1, but got 1.5"),
        ({"dropout": -0.1}, "dropout must be a number from 0 to below 1, but got -0.1"),
    ],
)
def test_an_argument_out_of_its_range_is_named(arguments: dict[str, object], law: str) -> None:
    with pytest.raises(ValueError, match=law):
        vgg([3, 8, 8], 5, **arguments)  # type: ignore[arg-type]
