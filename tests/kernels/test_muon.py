"""Muon against PyTorch's own for matrices, against AdamW for vectors, and on convolutions."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from tasks.kernels.training.muon import orthogonal_parameters, orthogonalize
from tasks.kernels.training.optimizers import make_optimizer


def descend(model: nn.Module, optimizers: list[torch.optim.Optimizer], steps: int = 4) -> None:
    for step in range(steps):
        inputs = torch.randn(16, 6, generator=torch.Generator().manual_seed(step))
        model.zero_grad()
        (model(inputs) ** 2).mean().backward()
        for optimizer in optimizers:
            optimizer.step()


def test_matrices_are_pytorchs_muon_and_vectors_its_adamw() -> None:
    ours, theirs = nn.Linear(6, 12), nn.Linear(6, 12)
    theirs.load_state_dict(ours.state_dict())
    descend(ours, [make_optimizer("muon", ours, 0.01, momentum=0.0, weight_decay=0.1)])
    plain = torch.optim.Muon([theirs.weight], lr=0.01, weight_decay=0.1, adjust_lr_fn="match_rms_adamw")
    descend(theirs, [plain, torch.optim.AdamW([theirs.bias], lr=0.01, weight_decay=0.0)])
    torch.testing.assert_close(ours.bias, theirs.bias)
    torch.testing.assert_close(ours.weight, theirs.weight, atol=2e-3, rtol=0)  # theirs computes in bfloat16


@pytest.mark.parametrize("shape", [(4, 9), (9, 4), (5, 5)])
def test_singular_values_come_near_one(shape: tuple[int, int]) -> None:
    matrix = torch.randn(shape, generator=torch.Generator().manual_seed(0))
    values = torch.linalg.svdvals(orthogonalize(matrix))
    assert 0.6 < values.min() <= values.max() < 1.3
    assert torch.equal(orthogonalize(torch.zeros(shape)), torch.zeros(shape))


def test_convolutions_are_matrices_and_the_rest_is_not() -> None:
    model = nn.Sequential(nn.Conv2d(4, 8, 3), nn.Conv2d(8, 8, 3, groups=8), nn.BatchNorm2d(8), nn.Linear(8, 3))
    assert orthogonal_parameters(model) == {model[0].weight, model[3].weight}
    assert orthogonal_parameters(nn.Embedding(4, 2)) == set()
    before = model[0].weight.detach().clone()
    optimizer = make_optimizer("muon", model, 0.1, momentum=0.0, weight_decay=0.0)
    model[:3](torch.randn(2, 4, 6, 6, generator=torch.Generator().manual_seed(0))).square().mean().backward()
    optimizer.step()
    change: Tensor = (model[0].weight.detach() - before).flatten(1) / (0.1 * 0.2 * 6)
    values = torch.linalg.svdvals(change)
    assert values.max() < 1.3
    assert (values > 0.6).sum() >= 4, "the channels that matter are moved alike"
