"""Repaired harm: what the other layers can make up for is no harm, and nothing is changed or left to chance."""

from __future__ import annotations

import copy

import pytest
import torch
from support import networks
from torch import Tensor, nn

from tasks.architectures import resnet
from tasks.kernels.reconstruction.repaired_harm import RepairedHarm


class Plus(nn.Module):
    """A residual block: the rows and a function of them; `in_place` writes into the rows' own memory."""

    def __init__(self, inside: nn.Module, in_place: bool = False) -> None:
        super().__init__()
        self.inside, self.in_place = inside, in_place

    def forward(self, rows: Tensor) -> Tensor:
        added: Tensor = self.inside(rows)
        return rows.add_(added) if self.in_place else rows + added


def _drawn(seed: int, *shape: int) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def _linear(scale: float) -> nn.Linear:
    layer = nn.Linear(6, 6, bias=False)
    with torch.no_grad():
        layer.weight.copy_(scale * _drawn(1, 6, 6))
    return layer


class Square(nn.Module):
    """No linear map of the rows."""

    def forward(self, rows: Tensor) -> Tensor:
        return 0.01 * rows * rows


@pytest.mark.parametrize("in_place", [False, True])
def test_what_the_layer_before_can_do_is_no_harm(in_place: bool) -> None:
    """The linear block could be part of the layer before it; the square could not, though it changes less."""
    model = nn.Sequential(_linear(1.0), Plus(_linear(1.0), in_place), Plus(Square(), in_place))
    rows = _drawn(2, 200, 6)
    harm = RepairedHarm(model, rows, numbers=True)
    with torch.no_grad():
        linear, square = (float((model[:at](rows) - model[: at + 1](rows)).square().mean()) for at in (1, 2))
    assert square < linear
    assert harm.without(["1"]) < 0.01 * linear
    assert harm.without(["2"]) > 0.1 * square
    assert harm.without(["1", "2"]) == pytest.approx(harm.without(["2"]), rel=0.05)
    assert harm.without([]) == 0


def test_the_network_and_the_inputs_stay_and_the_answer_is_the_same() -> None:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = resnet((3, 8, 8), 5, depth=14, width=8).train()
        images = _drawn(3, 40, 3, 8, 8)
        model(images)
    before, kept = copy.deepcopy(model.state_dict()), images.clone()
    state = torch.random.get_rng_state()
    first, second = (RepairedHarm(model, images, numbers=False).without(["layer2.1"]) for _ in range(2))
    assert first == second > 0
    assert model.training
    assert torch.equal(images, kept)
    assert torch.equal(torch.random.get_rng_state(), state)
    assert all(torch.equal(tensor, before[name]) for name, tensor in model.state_dict().items())


def test_norms_that_cannot_be_fitted_are_recalibrated() -> None:
    """The grouped convolution is not fitted; its batch norm would keep the statistics of inputs twice as large."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        grouped = nn.Sequential(nn.Conv2d(8, 8, 3, padding=1, groups=8), nn.BatchNorm2d(8))
        model = nn.Sequential(nn.BatchNorm2d(8), Plus(nn.ReLU()), grouped, networks._head(8)).train()
        images = _drawn(4, 80, 8, 6, 6)
        model(images)
    found = RepairedHarm(model, images, numbers=False).without(["1"])
    assert 0 <= found < 0.05


@pytest.mark.parametrize("count", [1, 2, 300])
def test_any_number_of_examples(count: int) -> None:
    model = nn.Sequential(_linear(1.0), Plus(Square()))
    assert RepairedHarm(model, _drawn(5, count, 6), numbers=True).without(["1"]) > 0
