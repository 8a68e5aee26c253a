"""AlexNet-like networks: widths, depth, both stems."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from tasks.architectures import alexnet


@pytest.mark.parametrize(
    ("side", "stem", "kernel", "features"),
    [(32, "auto", 5, 16), (28, "auto", 5, 9), (224, "auto", 11, 49), (32, "large", 11, 1)],
)
def test_the_stem_follows_the_image(side: int, stem: str, kernel: int, features: int) -> None:
    model = alexnet([3, side, side], 5, width=2, stem=stem)
    convolutions = [layer for layer in model.features if isinstance(layer, nn.Conv2d)]
    assert [layer.out_channels for layer in convolutions] == [2, 6, 12, 8, 8]
    assert [layer.kernel_size[0] for layer in convolutions] == [kernel, 5, 3, 3, 3]
    assert model.classifier[0].in_features == 8 * features
    assert model(torch.zeros(2, 3, side, side)).shape == (2, 5)


def test_images_need_not_be_square_and_depth_counts_convolutions() -> None:
    model = alexnet([1, 100, 130], 5, width=2, depth=3)
    assert sum(isinstance(layer, nn.Conv2d) for layer in model.modules()) == 3
    assert model(torch.zeros(2, 1, 100, 130)).shape == (2, 5)


@pytest.mark.parametrize(
    ("shape", "arguments", "law"),
    [
        ((3, 8, 8), {"depth": 2}, "depth must be a whole number of at least 3, but got 2"),
        ((3, 6, 8), {}, "images must have at least 8 pixels a side, but have 6"),
        ((3, 8, 8), {"dropout": "much"}, "dropout must be a number from 0 to below 1, but got 'much'"),
    ],
)
def test_an_argument_out_of_its_range_is_named(shape: tuple[int, ...], arguments: dict[str, object], law: str) -> None:
    with pytest.raises(ValueError, match=law):
        alexnet(shape, 5, **arguments)  # type: ignore[arg-type]
