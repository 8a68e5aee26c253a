"""Rate schedules against PyTorch's own and against figures worked out by hand."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.optim import lr_scheduler

from tasks.kernels.training import rate_schedules


def test_cosine_is_pytorchs() -> None:
    optimizer = torch.optim.SGD([nn.Parameter(torch.zeros(1))], lr=0.3)
    schedule = lr_scheduler.CosineAnnealingLR(optimizer, T_max=20)
    for step in range(20):
        assert rate_schedules.RateSchedule("cosine").at(0.3, step / 20) == pytest.approx(schedule.get_last_lr()[0])
        optimizer.step()
        schedule.step()


def test_one_cycle_is_pytorchs() -> None:
    """OneCycleLR peaks at step pct_start * total - 1 and ends at step total - 1."""
    optimizer = torch.optim.SGD([nn.Parameter(torch.zeros(1))], lr=0.3)
    schedule = lr_scheduler.OneCycleLR(
        optimizer, max_lr=0.3, total_steps=41, pct_start=(0.3 * 40 + 1) / 41, cycle_momentum=False
    )
    for step in range(40):
        assert rate_schedules.RateSchedule("one_cycle").at(0.3, step / 40) == pytest.approx(schedule.get_last_lr()[0])
        optimizer.step()
        schedule.step()


def test_the_ends_of_the_schedules() -> None:
    assert [rate_schedules.RateSchedule("constant").at(0.5, share) for share in (0, 0.5, 1)] == [0.5] * 3
    assert rate_schedules.RateSchedule("cosine").at(0.5, 0.5) == pytest.approx(0.25)
    assert rate_schedules.RateSchedule("one_cycle").at(0.5, 0.3) == pytest.approx(0.5)
    assert rate_schedules.RateSchedule("one_cycle").at(0.5, 1.0) == pytest.approx(0.5 / 250_000)
    assert rate_schedules.RateSchedule("linear").at(0.5, 0.25) == pytest.approx(0.375)


def test_step_is_pytorchs() -> None:
    optimizer = torch.optim.SGD([nn.Parameter(torch.zeros(1))], lr=0.3)
    schedule = lr_scheduler.StepLR(optimizer, step_size=10, gamma=0.1)
    ours = rate_schedules.RateSchedule("step", step_every=10 / 30)
    for epoch in range(30):
        assert ours.at(0.3, epoch / 30) == pytest.approx(schedule.get_last_lr()[0])
        optimizer.step()
        schedule.step()
    assert ours.at(0.3, 1.0) == pytest.approx(0.003)


@pytest.mark.parametrize("name", ["constant", "step", "cosine", "linear"])
def test_a_warm_up_rises_along_a_line_to_the_highest_rate(name: str) -> None:
    ours = rate_schedules.RateSchedule(name, warm_up=0.2)
    assert [ours.at(1.0, share) for share in (0, 0.1, 0.2)] == pytest.approx([0.04, 0.52, 1.0])
    halfway = {"constant": 1.0, "step": 0.1, "cosine": 0.5, "linear": 0.5}
    assert ours.at(1.0, 0.6) == pytest.approx(halfway[name])
    assert rate_schedules.RateSchedule(name, warm_up=2.0).at(1.0, 1.0) == pytest.approx(0.52)
