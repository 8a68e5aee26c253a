"""Arithmetic: which precision is chosen from times and losses, and that measuring leaves the model as it is."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from support.small_trainings import network, pictures, same, state
from torch import Generator

from tasks.kernels.training import loops, losses
from tasks.kernels.training.arithmetic import LEAST, choose_arithmetic, measure_arithmetics

QUICK, SLOW = np.tile([0.2, 0.1], (6, 1)), np.tile([0.1, 0.2], (6, 1))
EVEN = torch.tensor([1.0, 1.2, 0.8, 1.0])


@pytest.mark.parametrize(
    ("times", "bfloat16", "chosen", "said"),
    [
        (QUICK, EVEN + 0.01, "bfloat16", "2.00 [2.00, 2.00]× as fast, n = 6); validation loss 1.01 against 1 ± 0.16"),
        (QUICK, EVEN + 0.5, "float32", "validation loss 1.5 against 1 ± 0.16, beyond the noise"),
        (QUICK, EVEN * torch.nan, "float32", "beyond the noise"),
        (SLOW, EVEN, "float32", "no measurable gain"),
    ],
)
def test_the_choice(times: np.ndarray, bfloat16: torch.Tensor, chosen: str, said: str) -> None:
    found = choose_arithmetic(times, (EVEN, bfloat16), "cpu")
    assert found.chosen == chosen
    assert said in str(found)
    assert str(found).startswith(f"{chosen}: ")
    assert (found.float32_ms, found.bfloat16_ms) == pytest.approx((200, 100) if times is QUICK else (100, 200))


def test_a_gain_within_the_spread_of_the_steps_is_no_gain() -> None:
    times = np.array([[0.2, 0.1], [0.1, 0.2], [0.3, 0.1], [0.2, 0.18]])
    found = choose_arithmetic(times, (EVEN, EVEN), "cpu")
    assert found.ratio[0] > 1.1 > found.ratio[1]
    assert found.chosen == "float32"


def test_measuring_trains_copies_on_the_same_batches_and_leaves_the_model() -> None:
    model, data = network(), pictures()
    before, drawn = state(model), torch.random.get_rng_state()
    copies: list[torch.nn.Module] = []

    def source(generator: Generator) -> loops.BatchSource:
        return loops.BatchSource(data.inputs, data.targets, data.transform, None, generator)

    def losses_of(copy: torch.nn.Module) -> torch.Tensor:
        copies.append(copy)
        return losses.task_loss(copy.eval()(data.transform(data.inputs)), data.targets).detach().repeat(2)

    def optimizer(copy: torch.nn.Module) -> torch.optim.Optimizer:
        return torch.optim.SGD(copy.parameters(), lr=0.01)

    batches = list(torch.arange(96).split(32))
    found = measure_arithmetics(model, source, batches, optimizer, losses.supervised(), losses_of)
    assert same(before, state(model))
    assert torch.equal(drawn, torch.random.get_rng_state())
    assert found.steps >= LEAST
    assert found.losses[0] == pytest.approx(found.losses[1], rel=0.02), "both learned, by the same dropout"
    assert found.losses[0] < losses.task_loss(model.eval()(data.transform(data.inputs)), data.targets).item()
    assert not same(state(copies[0]), state(copies[1]))
