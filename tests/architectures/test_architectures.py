"""The networks out of the box: their knobs do what they say, and every technique and the exporter can follow them."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import partial
from typing import Any

import contract
import numpy as np
import pytest
import torch
from support import architectures as networks_in_the_box
from support.contract_table import ARCHITECTURE_KNOBS, FILES, architecture_tags, refusal
from support.source_tree import ROOT
from torch import nn

from tasks import architectures
from tasks.architectures import convnet, embedding_mlp, mlp, resnet, resnet20, resnet32, resnet44, resnet56
from tasks.kernels.lowrank import factorization
from tasks.kernels.onnx import description, sessions, torch_export
from tasks.kernels.pruning import dependency_groups
from tasks.techniques import TAGS, Blocks, Channels, LowRank, QuantizeAware, Technique, Weights

IMAGE = (3, 8, 8)
CASES: list[tuple[Callable[..., nn.Module], tuple[int, ...], dict[str, Any]]] = [
    (convnet, IMAGE, {"width": 16, "depth": 2}),
    (convnet, (1, 8, 8), {"width": 16, "depth": 1}),
    (mlp, (12,), {"width": 32, "depth": 2, "dropout": 0.2}),
    (mlp, (1, 4, 4), {"width": 32, "depth": 1}),
    (resnet, IMAGE, {"depth": 8, "width": 16}),
    (convnet, IMAGE, {"width": 16, "depth": 2, "kernel": 5}),
    (convnet, IMAGE, {"width": 16, "depth": 2, "block": "residual"}),
    (convnet, IMAGE, {"width": 16, "depth": 2, "block": "separable"}),
    (mlp, (12,), {"width": 32, "depth": 3, "dropout": 0.2, "block": "residual"}),
    (resnet, IMAGE, {"depth": 8, "width": 16, "kernel": 1}),
    (
        embedding_mlp,
        (12,),
        {"width": 32, "depth": 3, "dropout": 0.2, "block": "residual", "categories": [(10, 4), (11, 9)]},
    ),
    (embedding_mlp, (12,), {"width": 32, "depth": 2, "categories": [(3, 4)]}),
]
TORCH = (Channels(multiple=4), LowRank(ranks="energy", energy=0.5), QuantizeAware(), Weights(), Blocks(share=0.5))

TEXT = (ROOT / "docs/architectures.md").read_text(encoding="utf-8")
COLUMNS = next(line for line in TEXT.splitlines() if line.startswith("| network |")).strip("| ").split(" | ")[1:]
CELLS = {
    name: line.split("|")[2:-1]
    for name in networks_in_the_box.NETWORKS
    for line in TEXT.splitlines()
    if f"| {name} |" in line
}
SENTENCES = dict(re.findall(r"^(\d+)\. (\w+: .*)$", TEXT, flags=re.MULTILINE))


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
def test_every_network_can_be_traced_for_groups_and_positions(
    factory: Callable[..., nn.Module], shape: tuple[int, ...], knobs: dict[str, Any]
) -> None:
    model = build(factory, shape, knobs)
    example = torch.randn(2, *shape)
    assert dependency_groups.find_groups(model, example)
    assert factorization.positions(model, example)


@pytest.mark.parametrize(("factory", "shape", "knobs"), CASES)
@pytest.mark.parametrize("technique", TORCH, ids=lambda technique: technique.step)
def test_every_technique_keeps_its_contract_on_every_network(
    technique: Technique, factory: Callable[..., nn.Module], shape: tuple[int, ...], knobs: dict[str, Any]
) -> None:
    def fresh(seed: int) -> nn.Module:
        torch.manual_seed(seed)
        model = factory(input_shape=list(shape), outputs=5, **knobs)
        with torch.no_grad():
            model.train()(torch.randn(8, *shape))
        return model.eval()

    batch = torch.randn(4, *shape, generator=torch.Generator().manual_seed(7))
    plan = contract.check(technique, fresh, [(batch, torch.arange(4))])
    has_blocks = factory is resnet or knobs.get("block") == "residual"
    assert (plan is not None) == (has_blocks or not isinstance(technique, Blocks))


@pytest.mark.parametrize(("factory", "shape", "knobs"), CASES[6:9])
def test_every_kind_of_block_becomes_onnx(
    factory: Callable[..., nn.Module], shape: tuple[int, ...], knobs: dict[str, Any]
) -> None:
    model = build(factory, shape, knobs)
    batch = torch.randn(3, *shape)
    with torch.no_grad():
        wanted = model(batch)
    file = torch_export.convert(model, shape).SerializeToString()
    (asked,) = description.describe(file).inputs
    np.testing.assert_allclose(sessions.predict(file, {asked.name: batch.numpy()}), wanted, rtol=1e-3, atol=1e-4)


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


@pytest.mark.parametrize(
    ("factory", "shape", "knobs", "expected"),
    [
        (convnet, (3, 8, 8), {"kernel": 5}, [(3, 4, 5), (4, 4, 5), (4, 8, 5), (8, 8, 5)]),
        (convnet, (3, 8, 8), {"block": "residual"}, [(3, 4, 3), (4, 4, 3), (4, 4, 3), (4, 8, 3), (8, 8, 3), (8, 8, 3)]),
        (
            convnet,
            (3, 8, 8),
            {"block": "separable", "kernel": 5},
            [(3, 4, 5), (1, 4, 5), (4, 4, 1), (1, 4, 5), (4, 8, 1), (1, 8, 5), (8, 8, 1)],
        ),
        (resnet, (3, 8, 8), {"depth": 8, "kernel": 5}, [(3, 4, 5), (4, 4, 5), (4, 4, 5), (4, 8, 5), (8, 8, 5)]),
    ],
)
def test_convolutions_by_the_knobs(
    factory: Callable[..., nn.Module],
    shape: tuple[int, ...],
    knobs: dict[str, Any],
    expected: list[tuple[int, int, int]],
) -> None:
    model = factory(input_shape=list(shape), outputs=5, width=4, **knobs)
    kernels = [layer.weight for layer in model.modules() if isinstance(layer, nn.Conv2d)]
    found = [(kernel.shape[1], kernel.shape[0], kernel.shape[2]) for kernel in kernels]
    assert found[: len(expected)] == expected, "inputs of one output, outputs, pixels a side"


def test_a_shortcut_carries_what_its_layers_do_not_change() -> None:
    rows = torch.randn(3, 6)
    model = mlp([6], outputs=2, width=6, depth=2, block="residual")
    with torch.no_grad():
        nn.init.zeros_(model[2].body[0].weight)
        nn.init.zeros_(model[2].body[0].bias)
        torch.testing.assert_close(model(rows), model[3](model[:2](rows)))


@pytest.mark.parametrize(
    ("factory", "shape", "knobs", "law"),
    [
        (convnet, (1, 8, 8), {"kernel": 4}, r"kernel must be odd \(1, 3, 5, …\), but got 4"),
        (convnet, (1, 8, 8), {"block": "fancy"}, "block must be one of plain, residual, separable, but got 'fancy'"),
        (convnet, (1, 8, 8), {"width": 0}, "width must be a whole number of at least 1, but got 0"),
        (convnet, (1, 8, 8), {"depth": 2.5}, "depth must be a whole number of at least 1, but got 2.5"),
        (convnet, (1, 8, 9), {"depth": 5}, "depth must be at most 4 for images of 8 pixels a side, but got 5"),
        (mlp, (4,), {"width": "wide"}, "width must be a whole number of at least 1, but got 'wide'"),
        (mlp, (4,), {"depth": -1}, "depth must be a whole number of at least 0, but got -1"),
        (mlp, (4,), {"block": "separable"}, "block must be one of plain, residual, but got 'separable'"),
        (resnet, (3, 8, 8), {"kernel": True}, "kernel must be a whole number of at least 1, but got True"),
        (mlp, (4,), {"dropout": 1.0}, "dropout must be a number from 0 to below 1, but got 1.0"),
        (convnet, (3, 8, 8), {"dropout": True}, "dropout must be a number from 0 to below 1, but got True"),
        (resnet, (3, 8, 8), {"dropout": -1}, "dropout must be a number from 0 to below 1, but got -1"),
        (resnet, (3, 8, 8), {"width": 0}, "width must be a whole number of at least 1, but got 0"),
    ],
)
def test_a_knob_out_of_its_range_is_named(
    factory: Callable[..., nn.Module], shape: tuple[int, ...], knobs: dict[str, Any], law: str
) -> None:
    with pytest.raises(ValueError, match=law):
        factory(input_shape=list(shape), outputs=5, **knobs)


@pytest.mark.parametrize(
    "name", ["convnet", "resnet", "imagenet_resnet", "convnet1d", "vgg", "alexnet", "mobilenet_v2"]
)
def test_dropout_changes_no_names_and_acts_in_training_alone(name: str) -> None:
    factory, shape, knobs = networks_in_the_box.ARCHITECTURES[name if name != "imagenet_resnet" else f"{name}, basic"]
    make = partial(getattr(architectures, factory), input_shape=list(shape), outputs=5, **knobs)
    without, model, examples = make(dropout=0), make(dropout=0.5), torch.randn(8, *shape)
    model.load_state_dict(without.state_dict())
    assert torch.equal(model.eval()(examples), without.eval()(examples))
    assert not torch.equal(model.train()(examples), model(examples))


@pytest.mark.parametrize("depth", [2, 7, 21])
def test_resnet_depths_are_6n_plus_2(depth: int) -> None:
    with pytest.raises(ValueError, match=r"depth must be 6n \+ 2"):
        resnet([3, 32, 32], outputs=10, depth=depth)


def test_the_index_names_every_network() -> None:
    assert set(architectures.__all__) == {
        "alexnet", "convnet", "convnet1d", "embedding_mlp", "imagenet_resnet", "mlp", "mobilenet_v2", "resnet",
        "resnet18", "resnet20", "resnet32", "resnet34", "resnet44", "resnet50", "resnet56", "transformer", "vgg",
    }  # fmt: skip
    assert all(callable(getattr(architectures, name)) for name in architectures.__all__)


def test_the_table_names_every_technique_on_networks_and_every_network() -> None:
    assert architecture_tags() == COLUMNS
    assert CELLS.keys() == networks_in_the_box.NETWORKS.keys()
    used = {factory for factory, _, _ in networks_in_the_box.ARCHITECTURES.values()}
    assert used == {name for name in architectures.__all__ if not re.fullmatch(r"resnet\d+", name)}


def check_cell(name: str, tag: str) -> None:
    """The technique keeps its contract, or refuses, as the table says."""
    technique = TAGS[tag](**ARCHITECTURE_KNOBS.get(tag, {}))
    cell = CELLS[name][COLUMNS.index(tag)].strip()
    assert refusal(technique, networks_in_the_box.NETWORKS[name]) == (None if cell == "yes" else SENTENCES[cell])


@pytest.mark.parametrize("name", networks_in_the_box.NETWORKS)
@pytest.mark.parametrize("tag", [tag for tag in COLUMNS if tag not in FILES])
def test_a_technique_keeps_its_contract_or_refuses_as_the_table_says(name: str, tag: str) -> None:
    check_cell(name, tag)


@pytest.mark.parametrize("name", networks_in_the_box.NETWORKS)
def test_a_technique_on_files_keeps_its_contract_or_refuses_as_the_table_says(name: str) -> None:
    for tag in FILES:
        check_cell(name, tag)


@pytest.mark.parametrize("name", ["convnet1d", "transformer, sequence", "mobilenet_v2", "alexnet"])
def test_what_the_techniques_leave_alone(name: str) -> None:
    model, inputs = networks_in_the_box.build(name)
    for tag in ("channels", "low_rank"):
        plan = TAGS[tag](**ARCHITECTURE_KNOBS[tag]).plan(model, [(inputs, inputs.new_zeros(4).long())])
        reasons = set(plan["left_alone"].values())
        assert all("network's output" in why or "groups is not factorized" in why for why in reasons), reasons
