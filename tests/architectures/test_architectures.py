"""The networks out of the box: their knobs do what they say, and every technique and the exporter can follow them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from tasks import architectures
from tasks.architectures import convnet, mlp, resnet, resnet20, resnet32, resnet44, resnet56
from tasks.kernels import coupling, factorization
from tasks.techniques import Channels, LowRank

IMAGE = (3, 16, 16)
CASES: list[tuple[Callable[..., nn.Module], tuple[int, ...], dict[str, Any]]] = [
    (convnet, IMAGE, {"width": 16, "depth": 2}),
    (convnet, (1, 8, 8), {"width": 16, "depth": 1}),
    (mlp, (12,), {"width": 32, "depth": 2, "dropout": 0.2}),
    (mlp, (1, 4, 4), {"width": 32, "depth": 1}),
    (resnet, IMAGE, {"depth": 8, "width": 16}),
]


def build(factory: Callable[..., nn.Module], shape: tuple[int, ...], knobs: dict[str, Any]) -> nn.Module:
    torch.manual_seed(0)
    model = factory(input_shape=list(shape), outputs=5, **knobs)
    with torch.no_grad():
        model.train()(torch.randn(8, *shape))  # batch norms that have seen data
    return model.eval()


def parameters(model: nn.Module) -> int:
    return sum(weight.numel() for weight in model.parameters())


@pytest.mark.parametrize(("factory", "shape", "knobs"), CASES)
def test_one_row_of_outputs_for_each_example(
    factory: Callable[..., nn.Module], shape: tuple[int, ...], knobs: dict[str, Any]
) -> None:
    model = build(factory, shape, knobs)
    batch = torch.randn(7, *shape)
    with torch.inference_mode():
        outputs = model(batch)
        assert outputs.shape == (7, 5)
        assert torch.isfinite(outputs).all()
        np.testing.assert_allclose(model(batch[3:4]), outputs[3:4], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(("factory", "shape", "knobs"), CASES)
@pytest.mark.parametrize("technique", [Channels(), LowRank(ranks="energy", energy=0.5)])
def test_every_network_can_be_pared(
    technique: Channels | LowRank, factory: Callable[..., nn.Module], shape: tuple[int, ...], knobs: dict[str, Any]
) -> None:
    model = build(factory, shape, knobs)
    batch = torch.randn(4, *shape)
    pared = technique.apply(model, technique.plan(model, [(batch, torch.zeros(4, dtype=torch.int64))]))
    assert parameters(pared) < parameters(model)
    assert pared(batch).shape == (4, 5)


@pytest.mark.parametrize(("factory", "shape", "knobs"), CASES)
def test_every_network_can_be_traced_for_groups_and_positions(
    factory: Callable[..., nn.Module], shape: tuple[int, ...], knobs: dict[str, Any]
) -> None:
    model = build(factory, shape, knobs)
    example = torch.randn(2, *shape)
    assert coupling.find_groups(model, example)
    assert factorization.positions(model, example)


def test_convnet_doubles_its_width_and_halves_the_picture() -> None:
    model = convnet([3, 16, 16], outputs=10, width=4, depth=3)
    widths = [layer.out_channels for layer in model if isinstance(layer, nn.Conv2d)]
    assert widths == [4, 4, 8, 8, 16, 16]
    assert sum(isinstance(layer, nn.MaxPool2d) for layer in model) == 2
    assert model(torch.zeros(1, 3, 16, 16)).shape == (1, 10)
    # 3x3 kernels without bias, batch norms of two numbers a channel, and the last linear layer
    expected = sum(9 * a * b + 2 * b for a, b in ((3, 4), (4, 4), (4, 8), (8, 8), (8, 16), (16, 16))) + 16 * 10 + 10
    assert parameters(model) == expected


def test_mlp_of_depth_0_is_linear() -> None:
    model = mlp([6], outputs=1, depth=0)
    assert parameters(model) == 7
    assert [type(layer) for layer in model] == [nn.Linear]
    assert parameters(mlp([6], outputs=2, width=10, depth=2)) == (6 * 10 + 10) + (10 * 10 + 10) + (10 * 2 + 2)
    assert any(isinstance(layer, nn.Dropout) for layer in mlp([6], outputs=2, dropout=0.5))


@pytest.mark.parametrize(
    ("factory", "expected"), [(resnet20, 269_722), (resnet32, 464_154), (resnet44, 658_586), (resnet56, 853_018)]
)
def test_resnets_have_the_published_number_of_parameters(factory: Callable[..., nn.Module], expected: int) -> None:
    # He et al. 2016, table 6: 0.27, 0.46, 0.66 and 0.85 million.
    assert parameters(factory(input_shape=[3, 32, 32], outputs=10)) == expected


def test_resnet_keeps_the_parameters_names_of_known_checkpoints() -> None:
    names = set(resnet20(input_shape=[3, 32, 32], outputs=10).state_dict())
    assert {"conv1.weight", "bn1.running_mean", "layer1.0.conv1.weight", "layer3.2.bn2.bias", "linear.bias"} <= names


@pytest.mark.parametrize("depth", [2, 7, 21])
def test_resnet_depths_are_6n_plus_2(depth: int) -> None:
    with pytest.raises(ValueError, match=r"depth must be 6n \+ 2"):
        resnet([3, 32, 32], outputs=10, depth=depth)


def test_the_index_names_every_network() -> None:
    assert set(architectures.__all__) == {
        "convnet", "mlp", "resnet", "resnet20", "resnet32", "resnet44", "resnet56",
    }  # fmt: skip
    assert all(callable(getattr(architectures, name)) for name in architectures.__all__)
