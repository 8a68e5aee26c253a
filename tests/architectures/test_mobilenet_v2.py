"""MobileNetV2: sizes, names, factors of width and depth, both stems."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from tasks.architectures import mobilenet_v2
from tasks.architectures.mobilenet_v2 import InvertedResidual


@pytest.mark.parametrize(("width", "expected"), [(1.0, 3_504_872), (0.5, 1_968_680), (1.4, 6_108_776)])
def test_the_published_number_of_parameters(width: float, expected: int) -> None:
    with torch.device("meta"):
        model = mobilenet_v2([3, 224, 224], 1000, width=width)
    assert sum(weight.numel() for weight in model.parameters()) == expected


def test_parameters_have_the_names_of_known_checkpoints() -> None:
    names = set(mobilenet_v2([3, 8, 8], 5, width=0.25).state_dict())
    assert {"features.0.0.weight", "features.1.conv.1.weight", "features.17.conv.2.weight"} <= names
    assert {"features.18.1.running_var", "classifier.1.bias"} <= names
    assert "features.19.0.weight" not in names


@pytest.mark.parametrize(("depth", "blocks"), [(1.0, 17), (0.5, 11), (2, 34)])
def test_depth_is_a_factor_of_the_blocks_of_each_stage(depth: float, blocks: int) -> None:
    model = mobilenet_v2([3, 8, 8], 5, width=0.1, depth=depth, last=8)
    assert sum(isinstance(part, InvertedResidual) for part in model.features) == blocks


@pytest.mark.parametrize(("side", "stem", "last"), [(32, "auto", 4), (96, "auto", 3), (64, "large", 2)])
@pytest.mark.parametrize("width", [0.1, 0.35, 1.0])
def test_the_stem_follows_the_image(side: int, stem: str, last: int, width: float) -> None:
    model = mobilenet_v2([1, side, side], 5, width=width, depth=0.5, stem=stem, last=8).eval()
    with torch.inference_mode():
        assert model.features(torch.zeros(1, 1, side, side)).shape[2:] == (last, last)


def test_a_block_of_equal_shapes_has_a_shortcut() -> None:
    block = InvertedResidual(8, 8, stride=1, expansion=6).eval()
    nn.init.zeros_(block.conv[3].weight)
    images = torch.randn(2, 8, 4, 4)
    assert torch.equal(block(images), images)
    assert not InvertedResidual(8, 8, stride=2, expansion=6).has_shortcut


@pytest.mark.parametrize(
    ("arguments", "law"),
    [
        ({"width": 0}, "width must be a number above 0, but got 0"),
        ({"depth": "deep"}, "depth must be a number above 0, but got 'deep'"),
        ({"last": 0}, "last must be a whole number of at least 1, but got 0"),
    ],
)
def test_an_argument_out_of_its_range_is_named(arguments: dict[str, object], law: str) -> None:
    with pytest.raises(ValueError, match=law):
        mobilenet_v2([3, 8, 8], 5, **arguments)  # type: ignore[arg-type]
