"""Least squares: a number by hand, the map that made the data is found again, zeros stay."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from tasks.kernels.reconstruction.least_squares import Moments, fit_layer, moments, solve


def test_one_weight_by_hand() -> None:
    """E x² = 2, E xy = 3, start 1, ridge 0.5: (3 + 1 * 1) / (2 + 0.5 * 2) = 4/3."""
    of = Moments(torch.tensor([[2.0]]), torch.tensor([[3.0]]), torch.zeros(1), torch.zeros(1), 1)
    assert solve(of, torch.tensor([[1.0]]), 0.5).item() == pytest.approx(4 / 3)
    assert solve(of, torch.tensor([[1.0]]), 0.0).item() == pytest.approx(3 / 2)


def test_what_the_data_leave_open_stays_as_it_was() -> None:
    """The second number is always zero: its weight cannot be told, and keeps its value."""
    inputs = torch.randn(50, 2, generator=torch.Generator().manual_seed(0)) * torch.tensor([1.0, 0.0])
    layer = nn.Linear(2, 1)
    start = layer.weight.detach().clone()
    with torch.no_grad():
        fit_layer(layer, None, inputs, 3 * inputs[:, :1] + 1, 1e-6)
    assert layer.weight[0, 0].item() == pytest.approx(3, abs=1e-3)
    assert layer.weight[0, 1].item() == pytest.approx(start[0, 1].item())
    assert layer.bias.item() == pytest.approx(1, abs=1e-3)


def convolution(**settings: int) -> nn.Conv2d:
    with torch.random.fork_rng():
        torch.manual_seed(1)
        return nn.Conv2d(3, 4, 3, **settings)


def pictures(count: int = 40) -> Tensor:
    return torch.randn(count, 3, 9, 9, generator=torch.Generator().manual_seed(2))


@pytest.mark.parametrize("settings", [{}, {"padding": 1}, {"stride": 2, "padding": 1}, {"dilation": 2}])
def test_a_convolution_is_found_again(settings: dict[str, int]) -> None:
    source, truth = pictures(), convolution(**settings)
    found = nn.Conv2d(3, 4, 3, **settings)
    with torch.no_grad():
        fit_layer(found, None, source, truth(source), 1e-9)
    torch.testing.assert_close(found.weight, truth.weight, atol=1e-4, rtol=0)
    torch.testing.assert_close(found.bias, truth.bias, atol=1e-4, rtol=0)


def test_the_moments_are_those_of_all_positions() -> None:
    """A 1x1 convolution reads one pixel: the moments are plain sums over pictures and pixels."""
    source, layer = pictures(5), nn.Conv2d(3, 2, 1)
    wanted = layer(source).detach()
    x, y = source.permute(0, 2, 3, 1).reshape(-1, 3).double(), wanted.permute(0, 2, 3, 1).reshape(-1, 2).double()
    found = moments(layer, source, wanted, centered=False)
    torch.testing.assert_close(found.xx, x.T @ x / len(x), rtol=1e-5, atol=1e-6)
    torch.testing.assert_close(found.xy, x.T @ y / len(x), rtol=1e-5, atol=1e-6)
    about = moments(layer, source, wanted, centered=True)
    torch.testing.assert_close(about.xx, torch.cov(x.T, correction=0), rtol=1e-4, atol=1e-5)


def test_with_a_batch_norm_the_two_become_the_map_together() -> None:
    source, truth = pictures(), convolution(padding=1)
    layer, norm = nn.Conv2d(3, 4, 3, padding=1, bias=False), nn.BatchNorm2d(4).eval()
    with torch.no_grad():
        norm.weight.fill_(0.3)
        lengths = layer.weight.flatten(1).norm(dim=1)
        fit_layer(layer, norm, source, truth(source), 1e-9)
    torch.testing.assert_close(norm(layer(source)), truth(source), atol=1e-3, rtol=0)
    torch.testing.assert_close(layer.weight.flatten(1).norm(dim=1), lengths)
    # In training mode the batch's own statistics give the same, so that training goes on from here.
    torch.testing.assert_close(norm.train()(layer(source)), truth(source), atol=2e-3, rtol=0)


def test_zeros_of_a_sparse_weight_stay_and_the_others_make_up_for_them() -> None:
    source = torch.randn(200, 6, generator=torch.Generator().manual_seed(3))
    source[:, 1] += source[:, 0]
    torch.manual_seed(3)  # how much the others can make up depends on the weights
    truth, pruned = nn.Linear(6, 3), nn.Linear(6, 3)
    with torch.no_grad():
        pruned.weight.copy_(truth.weight)
        pruned.weight[:, ::2] = 0
        wanted = truth(source)
        before = (pruned(source) - wanted).square().mean()
        fit_layer(pruned, None, source, wanted, 1e-6)
        after = (pruned(source) - wanted).square().mean()
    assert (pruned.weight[:, ::2] == 0).all()
    assert after < 0.8 * before
    # The best that these weights can do, by another solver.
    basis = torch.cat([source[:, 1::2], torch.ones(200, 1)], 1)
    best = torch.linalg.lstsq(basis, wanted).solution
    torch.testing.assert_close(pruned.weight[:, 1::2].detach(), best[:3].T, atol=1e-3, rtol=0)
