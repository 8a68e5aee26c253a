"""Losses: numbers worked by hand, and second formulations."""

from __future__ import annotations

import math

import pytest
import torch
from torch import nn

from tasks.kernels.training import losses

LOGITS = torch.tensor([[math.log(3), 0.0]])
"""Probabilities 3/4 and 1/4."""


def test_cross_entropy_by_hand() -> None:
    loss = losses.cross_entropy(LOGITS, torch.tensor([0]))
    assert loss.item() == pytest.approx(-math.log(3 / 4))


def test_label_smoothing_mixes_in_the_mean_over_all_classes() -> None:
    """By hand: 0.8 of -ln 3/4 and 0.2 of the mean of -ln 3/4 and -ln 1/4."""
    loss = losses.cross_entropy(LOGITS, torch.tensor([0]), label_smoothing=0.2)
    even = (-math.log(3 / 4) - math.log(1 / 4)) / 2
    assert loss.item() == pytest.approx(0.8 * -math.log(3 / 4) + 0.2 * even)


def test_mean_squared_error_never_broadcasts() -> None:
    targets = torch.tensor([1.0, 2.0, 4.0])
    column = torch.tensor([[1.0], [2.0], [1.0]])
    assert losses.mean_squared_error(column, targets).item() == pytest.approx(3.0)
    with pytest.raises(RuntimeError):
        losses.mean_squared_error(torch.zeros(3, 2), targets)


def test_distillation_by_hand_at_temperature_two() -> None:
    """The teacher's logits ln 9 and 0 soften to 3/4, 1/4 at T = 2; the student is even; no hard share."""
    teacher, student = torch.tensor([[math.log(9), 0.0]]), torch.zeros(1, 2)
    divergence = 0.75 * math.log(0.75 / 0.5) + 0.25 * math.log(0.25 / 0.5)
    loss = losses.distillation_loss(student, teacher, torch.tensor([1]), temperature=2.0, hard_weight=0.0)
    assert loss.item() == pytest.approx(4 * divergence, rel=1e-6)
    mixed = losses.distillation_loss(student, teacher, torch.tensor([1]), temperature=2.0, hard_weight=0.25)
    assert mixed.item() == pytest.approx(0.25 * math.log(2) + 0.75 * 4 * divergence, rel=1e-6)


def test_distillation_of_mixed_examples_keeps_the_teachers_part() -> None:
    """Mixed classes are a matrix: against the targets the soft cross-entropy, against the teacher as of whole ones."""
    teacher, student = torch.tensor([[math.log(9), 0.0]]), torch.zeros(1, 2)
    divergence = 0.75 * math.log(0.75 / 0.5) + 0.25 * math.log(0.25 / 0.5)
    mixed = losses.distillation_loss(student, teacher, torch.tensor([[0.3, 0.7]]), temperature=2.0, hard_weight=0.25)
    assert mixed.item() == pytest.approx(0.25 * math.log(2) + 0.75 * 4 * divergence, rel=1e-6)


def test_distillation_differs_from_soft_cross_entropy_by_the_teachers_entropy() -> None:
    generator = torch.Generator().manual_seed(0)
    student, teacher = torch.randn(2, 32, 5, generator=generator)
    guide = (teacher / 3).softmax(1)
    soft = torch.nn.functional.cross_entropy(student / 3, guide)
    entropy = torch.distributions.Categorical(probs=guide).entropy().mean()
    loss = losses.distillation_loss(student, teacher, torch.zeros(32, dtype=torch.int64), 3.0, hard_weight=0.0)
    torch.testing.assert_close(loss, 9 * (soft - entropy))


def test_a_student_that_equals_its_teacher_has_nothing_to_learn_from_it() -> None:
    logits = torch.randn(8, 3, generator=torch.Generator().manual_seed(1)).requires_grad_()
    loss = losses.distillation_loss(logits, logits.detach(), torch.zeros(8, dtype=torch.int64), 4.0, 0.0)
    loss.backward()
    assert loss.item() == pytest.approx(0, abs=1e-6)
    assert logits.grad is not None
    assert logits.grad.abs().max() < 1e-6


def test_high_temperature_gives_the_gradient_of_matching_logits() -> None:
    """Hinton et al. 2015, equation 4: for large T and zero-mean logits, the gradient is (z - v) / classes."""
    generator = torch.Generator().manual_seed(2)
    student, teacher = (x - x.mean(1, keepdim=True) for x in torch.randn(2, 1, 4, generator=generator).double())
    student.requires_grad_()
    # The divergence is computed in float32, so T stays moderate.
    losses.distillation_loss(student, teacher, torch.tensor([0]), 50.0, 0.0).backward()
    torch.testing.assert_close(student.grad, (student - teacher).detach() / 4, atol=0.02, rtol=0)


def test_regression_mixes_two_squared_errors() -> None:
    """By hand: to the targets 4, to the teacher 1; 0.25 * 4 + 0.75 * 1."""
    student, teacher, targets = torch.zeros(3, 1), torch.ones(3, 1), torch.full((3,), 2.0)
    assert losses.distillation_loss(student, teacher, targets, 4.0, 0.25).item() == pytest.approx(1.75)


def test_supervised_takes_the_loss_that_fits_the_targets() -> None:
    inputs, same = torch.tensor([[2.0, 0.0]]), nn.Identity()
    classes = losses.supervised(0.0)(same, inputs, torch.tensor([0]))
    numbers = losses.supervised(0.0)(nn.Flatten(0), inputs, torch.tensor([0.0, 0.0]))
    assert classes.item() == pytest.approx(math.log(1 + math.exp(-2)))
    assert numbers.item() == pytest.approx(2.0)


def test_quantile_error_by_hand() -> None:
    """At 0.9, a prediction that is too low by 2 costs 1.8, one that is too high by 2 costs 0.2."""
    low = losses.quantile_error(torch.tensor([[1.0]]), torch.tensor([3.0]), 0.9)
    high = losses.quantile_error(torch.tensor([[5.0]]), torch.tensor([3.0]), 0.9)
    assert (low.item(), high.item()) == (pytest.approx(1.8), pytest.approx(0.2))
    assert losses.task_loss(torch.tensor([[1.0]]), torch.tensor([3.0]), quantile=0.9).item() == pytest.approx(1.8)
    assert losses.task_loss(torch.tensor([[1.0]]), torch.tensor([3.0])).item() == pytest.approx(4.0)
    mixed = losses.distillation_loss(torch.tensor([1.0]), torch.tensor([2.0]), torch.tensor([3.0]), 1.0, 0.5, 0.9)
    assert mixed.item() == pytest.approx(0.5 * 1.8 + 0.5 * 1.0)
