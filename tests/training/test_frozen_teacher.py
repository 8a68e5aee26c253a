"""Frozen teacher: a copy that answers alike, without batch norms."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from tasks.architectures import resnet20, transformer
from tasks.kernels.graph.layers import BATCH_NORMS
from tasks.training.speed.frozen_teacher import freeze_teacher


class Undecided(nn.Module):
    """Asks for a value, so that it cannot be traced."""

    def __init__(self) -> None:
        super().__init__()
        self.norm = nn.BatchNorm2d(3)

    def forward(self, images: Tensor) -> Tensor:
        """(count, 3, height, width) → (count, 3)."""
        return self.norm(images).mean((2, 3)) if images.sum() < 1e9 else images.flatten(1)


def norms(network: nn.Module) -> int:
    return sum(isinstance(each, BATCH_NORMS) for each in network.modules())


def settled(network: nn.Module) -> nn.Module:
    """With statistics of its own, in evaluation mode."""
    network.train()
    network(torch.randn(8, 3, 32, 32, generator=torch.Generator().manual_seed(0)) * 2 + 1)
    return network.eval()


def test_norms_are_folded_and_the_teacher_stays() -> None:
    teacher, images = settled(resnet20((3, 32, 32), 10)), torch.randn(4, 3, 32, 32)
    before = {name: tensor.clone() for name, tensor in teacher.state_dict().items()}
    frozen = freeze_teacher(teacher, images[:2])
    assert (norms(teacher), norms(frozen)) == (19, 0)
    assert not frozen.training
    with torch.no_grad():
        torch.testing.assert_close(frozen(images), teacher(images), rtol=1e-3, atol=1e-4)
        smaller = images[:, :, :24, :24]
        torch.testing.assert_close(frozen(smaller), teacher(smaller), rtol=1e-3, atol=1e-4)
    assert all(torch.equal(before[name], tensor) for name, tensor in teacher.state_dict().items())
    assert next(teacher.parameters()).is_contiguous()


def test_what_cannot_be_traced_is_copied_as_it_is() -> None:
    teacher, images = settled(Undecided()), torch.randn(4, 3, 32, 32)
    frozen = freeze_teacher(teacher, images[:2])
    assert norms(frozen) == 1
    assert torch.equal(frozen(images), teacher(images))
    assert frozen is not teacher


def test_a_transformer_answers_alike() -> None:
    teacher, images = transformer((1, 8, 8), 10, width=8, depth=1).eval(), torch.randn(4, 1, 8, 8)
    torch.testing.assert_close(freeze_teacher(teacher, images[:2])(images), teacher(images))
