"""The range test: its steps, where it ends, and what it chooses."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from tasks.kernels.training import loops, losses, rate_range
from tasks.kernels.training.optimizers import make_optimizer


def sweep(inputs: torch.Tensor) -> rate_range.RateRange | None:
    model = nn.Linear(4, 1)
    nn.init.zeros_(model.weight)
    nn.init.zeros_(model.bias)
    examples = loops.BatchSource(inputs, inputs.sum(1), lambda batch: batch, None, torch.Generator())
    batches = list(torch.arange(len(inputs)).split(8))
    optimizer = make_optimizer("sgd", model, 1.0, momentum=0.0, weight_decay=0.0)
    return rate_range.sweep_rates(model, examples, batches, optimizer, losses.supervised())


def test_the_rate_grows_until_the_loss_explodes() -> None:
    found = sweep(torch.randn(32, 4, generator=torch.Generator().manual_seed(0)))
    assert found is not None
    assert found.rates[0] == rate_range.LOWEST
    assert found.rates[1] / found.rates[0] == pytest.approx(1e7 ** (1 / 99))
    assert len(found.rates) == len(found.losses) < rate_range.STEPS
    assert 0.02 < found.chosen < 0.5, "a tenth of where plain descent on unit inputs begins to diverge"
    assert found.losses[-1] <= rate_range.EXPLODED * min(found.losses)


def test_without_a_finite_loss_there_is_no_rate() -> None:
    assert sweep(torch.full((32, 4), torch.nan)) is None
    assert rate_range.choose_rate([0.1, 0.2], [1.0, 1.5]) is None
    assert rate_range.choose_rate([0.1, 0.2345, 0.5], [1.0, 0.5, 0.7]) == 0.023
