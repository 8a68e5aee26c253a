"""Mixing: shares, soft targets and rectangles, and that the seed alone decides."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from tasks.kernels.training.mixing import Mixing

INPUTS = torch.arange(4.0)[:, None, None, None].expand(4, 1, 8, 8).contiguous()
TARGETS = torch.tensor([0, 1, 2, 1])


def mixing(mixup: float, cutmix: float, seed: int = 0) -> Mixing:
    return Mixing(mixup, cutmix, 3, np.random.default_rng(seed))


def test_mixup_averages_each_example_with_its_neighbour() -> None:
    inputs, targets = mixing(0.4, 0.0)(INPUTS, TARGETS)
    own = targets[0, 0].item()
    assert 0 < own < 1
    assert targets[1].tolist() == pytest.approx([1 - own, own, 0])
    torch.testing.assert_close(inputs[2], torch.full((1, 8, 8), 2 * own + 1 * (1 - own)))


@pytest.mark.parametrize("seed", range(6))
def test_cutmix_has_the_share_of_its_pixels(seed: int) -> None:
    inputs, targets = mixing(0.0, 1.0, seed)(INPUTS, TARGETS)
    kept = (inputs[2] == 2).float().mean().item()
    assert set(inputs[2].unique().tolist()) <= {1.0, 2.0}
    assert targets[2].tolist() == pytest.approx([0, 1 - kept, kept])
    assert torch.equal(INPUTS[0], torch.zeros(1, 8, 8)), "what is given stays as it is"


def test_both_take_turns_by_chance_and_the_seed_decides() -> None:
    first, again = mixing(0.4, 1.0), mixing(0.4, 1.0)
    ways = set()
    for _ in range(12):
        inputs, targets = first(INPUTS, TARGETS)
        others = again(INPUTS, TARGETS)
        assert torch.equal(inputs, others[0])
        assert torch.equal(targets, others[1])
        ways.add(bool((inputs == inputs.round()).all()))
    assert ways == {True, False}
