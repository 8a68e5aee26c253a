"""Transforms of sequences: what they change, by how much, and along which axis."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from tasks.kernels.training import sequence_transforms
from tasks.kernels.training.draws import Draws


def seeded(number: int = 0) -> Draws:
    return Draws(torch.Generator().manual_seed(number))


def waves(count: int = 200, steps: int = 40) -> Tensor:
    """(count, steps, 2): a wave, and one ten times as large."""
    phase = torch.arange(count)[:, None] + torch.linspace(0, 12, steps)
    return torch.stack([phase.sin(), 10 * phase.cos()], dim=2)


def test_jitter_is_a_share_of_each_features_own_spread() -> None:
    batch = waves()
    added = sequence_transforms.jitter(batch, 0.1, 1, seeded()) - batch
    expected = 0.1 * batch.std(1, correction=0).mean(0)
    torch.testing.assert_close(added.std((0, 1)), expected, rtol=0.03, atol=0)
    still = torch.full((3, 5, 1), 7.0)
    assert torch.equal(sequence_transforms.jitter(still, 0.1, 1, seeded()), still)


@pytest.mark.parametrize("axis", [1, 2])
def test_scaling_is_one_factor_for_a_feature_at_all_steps(axis: int) -> None:
    batch = 1 + waves().abs()
    scaled = sequence_transforms.scale_features(batch.transpose(1, axis), 0.1, axis, seeded()).transpose(1, axis)
    factors = scaled / batch
    torch.testing.assert_close(factors, factors[:, :1].expand_as(factors))
    assert float(factors[:, 0].std()) == pytest.approx(0.1, rel=0.15)
    assert not torch.equal(factors[:, 0, 0], factors[:, 0, 1])


@pytest.mark.parametrize("axis", [1, 2])
def test_a_mask_is_one_run_of_means_not_longer_than_the_share(axis: int) -> None:
    batch = waves()
    masked = sequence_transforms.mask_steps(batch.transpose(1, axis), 0.25, axis, seeded()).transpose(1, axis)
    hidden = (masked != batch).all(2)
    lengths = hidden.sum(1)
    edges = hidden.int().diff(dim=1).abs().sum(1) + hidden[:, 0].int() + hidden[:, -1].int()
    assert torch.equal(edges, 2 * (lengths > 0))
    assert (int(lengths.min()), int(lengths.max())) == (0, 10)
    means = batch.mean(1, keepdim=True).expand_as(batch)
    torch.testing.assert_close(masked[hidden], means[hidden])


def test_whole_numbers_stay_whole_and_a_plain_array_is_one_feature() -> None:
    counts = torch.arange(24).reshape(2, 12) * 100
    scaled = sequence_transforms.scale_features(counts, 0.1, 1, seeded())
    assert scaled.dtype == torch.int64
    assert float((scaled[:, 1:] / counts[:, 1:]).std(1).max()) < 0.01
    loud = torch.full((2, 12), 250, dtype=torch.uint8)
    assert int(sequence_transforms.scale_features(loud, 1.0, 1, seeded(3)).max()) <= 255
