"""Each augmentation against a plain loop or a case worked by hand."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Generator, Tensor
from torch.nn import functional

from tasks.kernels.training import image_transforms

ALL: dict[str, Callable[[Tensor, Generator], Tensor]] = {
    "crop": lambda batch, generator: image_transforms.crop(batch, 2, generator),
    "flip": lambda batch, generator: image_transforms.flip(batch, 0.5, generator),
    "rotate": lambda batch, generator: image_transforms.rotate(batch, 30.0, generator),
    "noise": lambda batch, generator: image_transforms.noise(batch, 0.1, generator),
    "cutout": lambda batch, generator: image_transforms.cutout(batch, 3, generator),
}


def seeded(number: int = 0) -> Generator:
    return torch.Generator().manual_seed(number)


def images(dtype: torch.dtype = torch.uint8, count: int = 16, height: int = 6, width: int = 5) -> Tensor:
    return torch.randint(1, 256, (count, 3, height, width), generator=seeded(9)).to(dtype)


@pytest.mark.parametrize("name", ALL)
@pytest.mark.parametrize("dtype", [torch.uint8, torch.float32])
def test_shape_and_dtype_stay_the_input_is_untouched_and_the_seed_decides(name: str, dtype: torch.dtype) -> None:
    batch, before = images(dtype), torch.random.get_rng_state()
    original = batch.clone()
    first, again, other = (ALL[name](batch, seeded(seed)) for seed in (1, 1, 2))
    assert first.shape == batch.shape
    assert first.dtype == dtype
    assert torch.equal(first, again)
    assert not torch.equal(first, other)
    assert torch.equal(batch, original)
    assert torch.equal(torch.random.get_rng_state(), before)


def test_crop_is_a_window_of_the_padded_image_for_every_image() -> None:
    batch, padding = images(), 2
    cropped = image_transforms.crop(batch, padding, seeded(3))
    top, left = torch.randint(2 * padding + 1, (2, len(batch)), generator=seeded(3))
    for image, result, y, x in zip(batch, cropped, top.tolist(), left.tolist(), strict=True):
        padded = functional.pad(image, (padding,) * 4)
        assert torch.equal(result, padded[:, y : y + 6, x : x + 5])
    assert len({*zip(top.tolist(), left.tolist(), strict=True)}) > 5


def test_flip_mirrors_each_image_or_leaves_it() -> None:
    batch = images(count=400)
    flipped = image_transforms.flip(batch, 0.25, seeded())
    mirrored = (flipped == batch.flip(3)).flatten(1).all(1)
    same = (flipped == batch).flatten(1).all(1)
    assert torch.equal(mirrored, ~same)
    assert 70 <= int(mirrored.sum()) <= 130
    assert torch.equal(image_transforms.flip(batch, 1.0, seeded()), batch.flip(3))


def test_rotation_is_rigid_when_height_and_width_differ() -> None:
    """A dot 8 pixels above the centre of a tall image stays 8 pixels from it, and 8 cos(angle) above."""
    batch = torch.zeros(50, 1, 41, 21)
    batch[:, :, 12, 10] = 1.0
    turned = image_transforms.rotate(batch, 80.0, seeded())
    angles = (2 * torch.rand(50, generator=seeded()) - 1) * torch.pi * 80 / 180
    weight = turned.sum((2, 3))[:, 0]
    rows = (turned[:, 0].sum(2) * torch.arange(41)).sum(1) / weight
    columns = (turned[:, 0].sum(1) * torch.arange(21)).sum(1) / weight
    distance = ((rows - 20) ** 2 + (columns - 10) ** 2).sqrt()
    torch.testing.assert_close(distance, torch.full((50,), 8.0), atol=0.3, rtol=0)
    torch.testing.assert_close(20 - rows, 8 * angles.cos(), atol=0.3, rtol=0)


def test_a_quarter_turn_is_rot90() -> None:
    batch = torch.rand(1, 2, 7, 7, generator=seeded(4))
    draws = (2 * torch.rand(1, generator=seeded(5)) - 1).item()
    quarter = image_transforms.rotate(batch, 90 / draws, seeded(5))
    torch.testing.assert_close(quarter, batch.rot90(1, (2, 3)), atol=1e-4, rtol=0)


def test_noise_has_the_standard_deviation_asked_for() -> None:
    grey = torch.full((64, 3, 16, 16), 128, dtype=torch.uint8)
    noisy = image_transforms.noise(grey, 0.1, seeded()).float()
    assert abs(noisy.std().item() - 25.5) < 0.5
    rows = image_transforms.noise(torch.zeros(4000, 5), 0.3, seeded())
    assert abs(rows.std().item() - 0.3) < 0.01


def test_noise_on_bytes_saturates_instead_of_wrapping() -> None:
    white = torch.full((4, 1, 8, 8), 255, dtype=torch.uint8)
    assert image_transforms.noise(white, 0.1, seeded()).min() > 100


@pytest.mark.parametrize("size", [1, 2, 3])
def test_cutout_zeroes_one_square_that_the_border_may_cut(size: int) -> None:
    batch = images(count=200)
    gone = image_transforms.cutout(batch, size, seeded()) == 0
    assert torch.equal(gone.all(1), gone.any(1))
    heights, widths = gone[:, 0].any(2).sum(1), gone[:, 0].any(1).sum(1)
    assert torch.equal(gone[:, 0].sum((1, 2)), heights * widths)
    assert int(heights.max()) == size
    assert int(heights.min()) >= (size + 1) // 2
