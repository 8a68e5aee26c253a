"""The residual networks for ImageNet: sizes, names, stems and the laws of their arguments."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import nn

from tasks.architectures import imagenet_resnet, resnet18, resnet34, resnet50


@pytest.mark.parametrize(
    ("factory", "expected"), [(resnet18, 11_689_512), (resnet34, 21_797_672), (resnet50, 25_557_032)]
)
def test_the_published_number_of_parameters(factory: Callable[..., nn.Module], expected: int) -> None:
    with torch.device("meta"):
        model = factory(input_shape=[3, 224, 224], outputs=1000)
    assert sum(weight.numel() for weight in model.parameters()) == expected


def test_parameters_have_the_names_of_known_checkpoints() -> None:
    names = set(imagenet_resnet([3, 8, 8], 5, depth=26, width=4).state_dict())
    expected = {"conv1.weight", "layer1.0.downsample.0.weight", "layer1.0.bn3.bias", "layer4.1.conv3.weight", "fc.bias"}
    assert expected <= names
    assert "layer1.1.downsample.0.weight" not in names


@pytest.mark.parametrize(
    ("side", "stem", "last"), [(95, "auto", 12), (96, "auto", 3), (32, "large", 1), (96, "small", 12)]
)
def test_the_stem_follows_the_image(side: int, stem: str, last: int) -> None:
    model = imagenet_resnet([1, side, side], 5, depth=10, width=2, stem=stem)
    sizes = []
    model.layer4.register_forward_hook(lambda _, inputs, output: sizes.append(output.shape))
    assert model(torch.zeros(2, 1, side, side)).shape == (2, 5)
    assert sizes == [(2, 16, last, last)]


def test_every_block_begins_as_its_shortcut() -> None:
    model = imagenet_resnet([3, 8, 8], 5, depth=18, width=4).eval()
    block, images = model.layer1[1], torch.rand(2, 4, 8, 8)
    assert torch.equal(block(images), images)


@pytest.mark.parametrize(
    ("shape", "arguments", "law"),
    [
        ((3, 8, 8), {"depth": 20}, "depth must be one of 10, 18, 26, 34, 50, but got 20"),
        ((3, 8, 8), {"width": 0}, "width must be a whole number of at least 1, but got 0"),
        ((3, 8, 8), {"dropout": 1}, "dropout must be a number from 0 to below 1, but got 1"),
        ((3, 8, 8), {"stem": "big"}, "stem must be one of auto, small, large, but got 'big'"),
        ((3, 9, 7), {}, "images must have at least 8 pixels a side, but have 7"),
        (
            (3, 31, 40),
            {"stem": "large"},
            "at least 32 pixels a side with the large stem, or 8 with the small one, but have 31",
        ),
        ((12,), {}, r"input_shape must be \(channels, height, width\) of an image, but got \[12\]"),
    ],
)
def test_an_argument_out_of_its_range_is_named(shape: tuple[int, ...], arguments: dict[str, object], law: str) -> None:
    with pytest.raises(ValueError, match=law):
        imagenet_resnet(shape, 5, **arguments)  # type: ignore[arg-type]
