"""Unstructured pruning: magnitudes by hand, with ties, and two ways to share zeros out that must agree."""

from __future__ import annotations

import pytest
import torch

from tasks.kernels.pruning import unstructured


def test_smallest_by_hand() -> None:
    weight = torch.tensor([[3.0, -1.0, 2.0], [0.5, -4.0, -1.0]])
    assert unstructured.smallest(weight, 2).tolist() == [[False, True, False], [True, False, False]]
    assert not unstructured.smallest(weight, 0).any()
    assert unstructured.smallest(weight, 6).all()


def test_ties_do_not_change_the_count() -> None:
    weight = torch.ones(5, 7)
    for count in (1, 17, 34):
        assert unstructured.smallest(weight, count).flatten().tolist() == [place < count for place in range(35)]


def test_two_of_four_by_hand() -> None:
    weight = torch.tensor([[4.0, -3.0, 2.0, 1.0, 1.0, 1.0, 1.0, 1.0]])
    assert unstructured.n_m_mask(weight, 2, 4).int().tolist() == [[0, 0, 1, 1, 1, 1, 0, 0]]


def test_groups_of_a_convolution_lie_along_its_inputs() -> None:
    weight = torch.randn(6, 8, 3, 3, generator=torch.Generator().manual_seed(0))
    stays = ~unstructured.n_m_mask(weight, 1, 4)
    assert stays.shape == weight.shape
    assert (stays.view(6, 2, 4, 3, 3).sum(2) == 1).all()
    assert torch.equal((weight * stays).view(6, 2, 4, 3, 3).abs().amax(2), weight.view(6, 2, 4, 3, 3).abs().amax(2))


def test_share_out_by_hand() -> None:
    """The four smallest of all are 0.1, 0.2, 0.3 and 0.4; with at most two from the first, 1.0 goes instead."""
    weights = [torch.tensor([0.1, 0.2, -0.3, 5.0]), torch.tensor([0.4, 1.0, 2.0])]
    assert unstructured.distribute_sparsity(weights, 4, [4, 3]) == [3, 1]
    assert unstructured.distribute_sparsity(weights, 4, [2, 3]) == [2, 2]
    with pytest.raises(ValueError, match="4 weights should go, but only 3 may"):
        unstructured.distribute_sparsity(weights, 4, [2, 1])


def test_share_out_is_one_threshold() -> None:
    """Without limits the smallest of all go: each tensor's own smallest, and together one threshold."""
    generator = torch.Generator().manual_seed(1)
    weights = [torch.randn(size, generator=generator) for size in (50, 300, 7)]
    counts = unstructured.distribute_sparsity(weights, 200, [50, 300, 7])
    assert sum(counts) == 200
    gone = [unstructured.smallest(weight, count) for weight, count in zip(weights, counts, strict=True)]
    largest = max(float(weight[mask].abs().max()) for weight, mask in zip(weights, gone, strict=True) if mask.any())
    smallest = min(float(weight[~mask].abs().min()) for weight, mask in zip(weights, gone, strict=True))
    assert largest <= smallest


def test_share_out_with_ties_is_exact() -> None:
    assert unstructured.distribute_sparsity([torch.ones(10), torch.ones(10)], 13, [10, 10]) == [10, 3]
