"""RandAugment: nothing at magnitude 0, every operation at others, and limits that hold."""

from __future__ import annotations

import torch
from torch import Tensor

from tasks.kernels.training import random_augment
from tasks.kernels.training.draws import Draws


def pictures(count: int = 200) -> Tensor:
    generator = torch.Generator().manual_seed(2)
    return torch.randint(60, 180, (count, 3, 12, 10), generator=generator).to(torch.uint8)


def draws(number: int = 0) -> Draws:
    return Draws(torch.Generator().manual_seed(number))


def test_at_magnitude_0_only_what_has_no_strength_changes_images() -> None:
    """Autocontrast and equalize have none: 2 of 14 operations."""
    batch = pictures(700)
    changed = (random_augment.rand_augment(batch, 1, 0.0, "zero", draws()) != batch).flatten(1).any(1)
    assert 70 <= int(changed.sum()) <= 130


def test_one_operation_leaves_about_a_fourteenth_as_it_is_and_two_leave_few() -> None:
    batch = pictures(700)
    for count, most in ((1, 80), (2, 15)):
        same = (random_augment.rand_augment(batch, count, 15.0, "edge", draws()) == batch).flatten(1).all(1)
        assert int(same.sum()) <= most


def test_each_image_has_the_operation_that_was_drawn_for_it() -> None:
    batch = pictures()
    chosen = draws().integers(batch, 1, 14)[0]
    result = random_augment.rand_augment(batch, 1, 30.0, "zero", draws())
    bright = 5  # the sixth operation: a factor of 0.1 or 1.9
    for image, changed in zip(batch[chosen == bright], result[chosen == bright], strict=True):
        dark, light = (image.float() * 0.1).round(), (image.float() * 1.9).round().clamp(0, 255)
        assert min(float((changed - dark).abs().max()), float((changed - light).abs().max())) <= 1
    assert int((chosen == bright).sum()) > 5


def test_values_stay_in_their_span_and_the_batch_as_it_was() -> None:
    batch = pictures().float() / 100 - 1
    before, span = batch.clone(), (float(batch.min()), float(batch.max()))
    result = random_augment.rand_augment(batch, 3, 30.0, "zero", Draws(torch.Generator().manual_seed(1), span=span))
    assert torch.equal(batch, before)
    assert result.shape == batch.shape
    assert span[0] - 1e-6 <= float(result.min()) < float(result.max()) <= span[1] + 1e-6
