"""Image sizes: how they grow, and what a smaller image is."""

from __future__ import annotations

import pytest
import torch

from tasks.kernels.training.image_sizes import share_at, shrink, small_side


def test_the_share_grows_along_a_line_and_is_whole_from_two_thirds_on() -> None:
    found = [share_at(0.5, epoch / 6) for epoch in range(6)]
    assert found == pytest.approx([0.5, 0.625, 0.75, 0.875, 1, 1])


@pytest.mark.parametrize(
    ("side", "share", "expected"),
    [(28, 0.5, 16), (28, 0.6, 16), (32, 0.75, 24), (6, 0.5, 4), (3, 0.5, 3), (224, 1, 224)],
)
def test_sides_are_multiples_of_four(side: int, share: float, expected: int) -> None:
    assert small_side(side, share) == expected


def test_a_pixel_is_the_mean_of_those_that_it_covers() -> None:
    image = torch.arange(64.0).view(1, 1, 8, 8)
    found = shrink(image, 0.5)
    assert found.shape == (1, 1, 4, 4)
    assert found[0, 0, 0, 0] == (0 + 1 + 8 + 9) / 4
    assert shrink(image, 1.0) is image
