"""Low-rank factors: exact at full rank and on low-rank weights, best of their rank, and as cheap as said."""

from __future__ import annotations

from typing import Any

import contract
import pytest
import torch
from support import networks
from torch import Tensor, nn

from tasks.kernels.graph.layers import within_torch
from tasks.kernels.lowrank.factorization import (
    Positions,
    build_factors,
    choose_ranks,
    factorize,
    positions,
    saved_share,
)

LAYERS: dict[str, tuple[Any, tuple[int, ...]]] = {
    "linear": (lambda: nn.Linear(12, 20), (3, 12)),
    "linear on tokens": (lambda: nn.Linear(12, 20, bias=False), (3, 4, 12)),
    "pointwise": (lambda: nn.Conv2d(12, 20, 1, stride=2, padding=1), (3, 12, 7, 7)),
    "strided": (lambda: nn.Conv2d(6, 10, 3, stride=2, padding=1), (3, 6, 9, 9)),
    "dilated": (lambda: nn.Conv2d(6, 10, (3, 5), dilation=2, padding="same", bias=False), (3, 6, 9, 9)),
    "pointwise on sequences": (lambda: nn.Conv1d(12, 20, 1, stride=2), (3, 12, 9)),
    "strided on sequences": (lambda: nn.Conv1d(6, 10, 5, stride=2, padding=2), (3, 6, 19)),
    "reflected": (lambda: nn.Conv2d(6, 10, 3, padding=2, padding_mode="reflect"), (3, 6, 9, 9)),
}
EACH = pytest.mark.parametrize("kind", LAYERS)


def _layer(kind: str) -> tuple[Any, Tensor]:
    build, shape = LAYERS[kind]
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return build(), torch.randn(shape)


def _full(layer: Any) -> list[int]:
    out, into = layer.weight.shape[:2]
    single = isinstance(layer, nn.Linear) or layer.weight[0, 0].numel() == 1
    return [min(out, into)] if single else [into, out]


@EACH
def test_full_rank_is_exact(kind: str) -> None:
    layer, inputs = _layer(kind)
    factors = build_factors(layer, _full(layer))
    assert torch.allclose(factors(inputs), layer(inputs), atol=1e-5)


@EACH
def test_weights_of_low_rank_lose_nothing(kind: str) -> None:
    """The chosen rank finds the true one, and the factors at it give the same outputs."""
    layer, inputs = _layer(kind)
    ranks = [2] if len(_full(layer)) == 1 else [2, 3]
    thin = build_factors(layer, ranks)
    first, *core, last = (factor.weight.detach() for factor in thin)
    middle = core[0] if core else torch.eye(2)[:, :, None, None]
    weight = torch.einsum("or,rs...,si->oi...", last.flatten(1), middle, first.flatten(1))
    layer.weight.data = weight.reshape(layer.weight.shape)
    assert choose_ranks(layer, 0.999999) == ranks
    assert torch.allclose(build_factors(layer, ranks)(inputs), layer(inputs), atol=1e-5)
    assert torch.allclose(thin(inputs), layer(inputs), atol=1e-5)


def test_the_error_is_the_energy_left_out() -> None:
    """Eckart and Young: the squared error of the best rank r is the sum of the squared values left out."""
    layer, _ = _layer("linear")
    first, last = (factor.weight.detach() for factor in build_factors(layer, [4]))
    left_out = torch.linalg.svdvals(layer.weight.detach())[4:].square().sum()
    assert torch.isclose((last @ first - layer.weight).square().sum(), left_out, rtol=1e-4)


def test_a_rank_by_hand() -> None:
    """Singular values 3, 2, 1: energies 9/14 = 0.643, 13/14 = 0.929, 1."""
    layer = nn.Linear(3, 3)
    layer.weight.data = torch.diag(torch.tensor([2.0, -3.0, 1.0]))
    assert [choose_ranks(layer, energy) for energy in (0.6, 0.9, 0.95)] == [[1], [2], [3]]
    layer.weight.data.zero_()
    assert choose_ranks(layer, 0.9) == [1]


def test_a_saving_by_hand() -> None:
    """32 -> 64 channels, 3x3, stride 2 on 8x8, ranks 8 and 16.

    Before: 16 positions x 64 x 32 x 9 = 294,912. After: 64 x 32 x 8 + 16 x (9 x 8 x 16 + 16 x 64) = 51,200.
    """
    layer = nn.Conv2d(32, 64, 3, stride=2, padding=1)
    assert saved_share(layer, [8, 16], Positions(64, 16)) == pytest.approx(1 - 51_200 / 294_912)
    assert saved_share(nn.Linear(10, 10), [5], Positions(1, 1)) == 0.0


@EACH
def test_the_saving_is_what_a_run_counts(kind: str) -> None:
    layer, inputs = _layer(kind)
    ranks = [3] if len(_full(layer)) == 1 else [2, 4]
    model = nn.Sequential(layer)
    at = positions(model, inputs)["0"]
    counted = 1 - contract.macs(factorize(model, {"0": ranks}), inputs) / contract.macs(model, inputs)
    assert saved_share(layer, ranks, at) == pytest.approx(counted)


@EACH
def test_structure_and_signs_do_not_depend_on_chance(kind: str) -> None:
    layer, _ = _layer(kind)
    ranks = [2] if len(_full(layer)) == 1 else [2, 3]
    state = torch.get_rng_state()
    factors: Any = build_factors(layer, ranks)
    once, again = factors.state_dict(), build_factors(layer, ranks).state_dict()
    assert torch.equal(torch.get_rng_state(), state)
    assert all(torch.equal(once[name], again[name]) for name in once)
    out = factors[-1].weight.flatten(1)
    assert (out.gather(0, out.abs().argmax(0, keepdim=True)) > 0).all()
    layer.weight.data.zero_()
    empty = build_factors(layer, ranks).state_dict()
    assert {name: tensor.shape for name, tensor in empty.items()} == {n: t.shape for n, t in once.items()}
    assert all(tensor.isfinite().all() for tensor in empty.values())


def test_a_layer_under_two_names_is_replaced_under_both() -> None:
    shared = nn.Linear(16, 16)
    model: Any = nn.Sequential(shared, nn.ReLU(), shared)
    inputs = torch.ones(2, 16)
    assert positions(model, inputs) == {"0": Positions(2, 2)}
    compressed: Any = factorize(model, {"0": [2]})
    assert compressed[0] is compressed[2]
    assert model[0] is shared
    assert isinstance(factorize(shared, {"": [2]}), nn.Sequential)
    with pytest.raises(ValueError, match="no layer x"):
        factorize(model, {"x": [1]})


def test_modes_types_and_frozen_weights_are_kept() -> None:
    layer = nn.Linear(8, 8).double().eval().requires_grad_(False)
    factors = build_factors(layer, [2])
    assert {parameter.dtype for parameter in factors.parameters()} == {torch.float64}
    assert not any(module.training for module in factors.modules())
    assert not any(parameter.requires_grad for parameter in factors.parameters())


def test_the_insides_of_composite_layers_are_seen() -> None:
    model = nn.Sequential(nn.TransformerEncoderLayer(16, 2), nn.Sequential(nn.Linear(16, 2)))
    assert within_torch(model, "0.linear1")
    assert not within_torch(model, "1.0")
    assert not within_torch(networks.residual(0)[0], "1.inside.0")
