"""Affine transforms: turns, shifts, zooms and shears where the answer is known, and their product."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from tasks.kernels.training import affine_transforms as affine


def images(count: int = 2, height: int = 7, width: int = 7) -> Tensor:
    return torch.rand(count, 2, height, width, generator=torch.Generator().manual_seed(4))


def ones(value: float, count: int = 2) -> Tensor:
    return torch.full((count,), value)


@pytest.mark.parametrize("quarters", [1, 2, 3])
def test_quarter_turns_are_rot90(quarters: int) -> None:
    batch = (images(height=8, width=8) * 255).to(torch.uint8)
    turn = affine.rotation(ones(quarters * math.pi / 2), 8, 8)
    assert torch.equal(affine.warp(batch, [turn], "zero"), batch.rot90(quarters, (2, 3)))


def test_rotation_is_rigid_when_height_and_width_differ() -> None:
    """A dot 8 pixels above the centre of a tall image stays 8 pixels from it, and 8 cos(angle) above."""
    batch = torch.zeros(50, 1, 41, 21)
    batch[:, :, 12, 10] = 1.0
    angles = torch.linspace(-1.4, 1.4, 50)
    turned = affine.warp(batch, [affine.rotation(angles, 41, 21)], "zero")
    weight = turned.sum((2, 3))[:, 0]
    rows = (turned[:, 0].sum(2) * torch.arange(41)).sum(1) / weight
    columns = (turned[:, 0].sum(1) * torch.arange(21)).sum(1) / weight
    distance = ((rows - 20) ** 2 + (columns - 10) ** 2).sqrt()
    torch.testing.assert_close(distance, torch.full((50,), 8.0), atol=0.3, rtol=0)
    torch.testing.assert_close(20 - rows, 8 * angles.cos(), atol=0.3, rtol=0)


def test_a_shift_moves_whole_pixels_right_and_down_and_the_fill_stands_behind() -> None:
    batch = (images(height=10, width=20) * 255).to(torch.uint8)
    shift = affine.translation(ones(0.16), ones(-0.22), 10, 20)  # 3.2 and -2.2 pixels
    zero, edge, mirror = (affine.warp(batch, [shift], fill) for fill in ("zero", "edge", "reflection"))
    for moved in (zero, edge, mirror):
        assert torch.equal(moved[:, :, :-2, 3:], batch[:, :, 2:, :-3])
    assert int(zero[:, :, :, :3].max()) == int(zero[:, :, -2:].max()) == 0
    assert torch.equal(edge[:, :, :-2, :3], batch[:, :, 2:, :1].expand(2, 2, 8, 3))
    assert torch.equal(mirror[:, :, :-2, :3], batch[:, :, 2:, :3].flip(3))


def test_a_zoom_of_two_shows_the_middle_half() -> None:
    steps = torch.arange(16.0).expand(1, 1, 16, 16)
    zoomed = affine.warp(steps, [affine.scaling(ones(2.0, 1))], "edge")
    torch.testing.assert_close(zoomed[0, 0, 5], 3.75 + 0.5 * torch.arange(16.0))


def test_a_shear_slides_rows_by_their_distance_below_the_centre() -> None:
    stripe = torch.zeros(1, 1, 11, 21)
    stripe[:, :, :, 10] = 1.0
    sheared = affine.warp(stripe, [affine.shearing(ones(1.0, 1), ones(0.0, 1), 11, 21)], "zero")
    assert sheared[0, 0].argmax(1).tolist() == [10 + row - 5 for row in range(11)]


def test_a_window_is_the_part_of_the_image_enlarged() -> None:
    steps = torch.arange(16.0).expand(1, 1, 16, 16).transpose(2, 3)
    place = affine.window(ones(0.25, 1), ones(1.0, 1), ones(0.0, 1), ones(1.0, 1), (16, 16))
    seen = affine.warp(steps, [place], "edge")[0, 0, :, 3]
    torch.testing.assert_close(seen, (7.75 + 0.5 * torch.arange(16.0)).clamp(max=15))


def test_several_are_one_resampling_in_their_order() -> None:
    batch = (images(height=9, width=9) * 255).to(torch.uint8)
    right, turn = affine.translation(ones(2 / 9), ones(0.0), 9, 9), affine.rotation(ones(math.pi / 2), 9, 9)
    for first, second in ((right, turn), (turn, right)):
        apart = affine.warp(affine.warp(batch, [first], "zero"), [second], "zero")
        assert torch.equal(affine.warp(batch, [first, second], "zero"), apart)
    assert not torch.equal(affine.warp(batch, [right, turn], "zero"), affine.warp(batch, [turn, right], "zero"))
