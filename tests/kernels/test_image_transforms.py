"""Each transform of images that copies, replaces or disturbs pixels, against a plain loop or a case worked by hand."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor
from torch.nn import functional

from tasks.kernels.training import image_transforms
from tasks.kernels.training.draws import Draws

ALL: dict[str, Callable[[Tensor, Draws], Tensor]] = {
    "crop": lambda batch, draws: image_transforms.crop(batch, 2, draws),
    "noise": lambda batch, draws: image_transforms.noise(batch, 0.1, draws),
    "cutout": lambda batch, draws: image_transforms.cutout(batch, 3, draws),
    "erase": lambda batch, draws: image_transforms.erase(batch, 1.0, 0.3, draws),
}


def seeded(number: int = 0) -> Draws:
    return Draws(torch.Generator().manual_seed(number))


def images(dtype: torch.dtype = torch.uint8, count: int = 16, height: int = 6, width: int = 5) -> Tensor:
    generator = torch.Generator().manual_seed(9)
    return torch.randint(1, 256, (count, 3, height, width), generator=generator).to(dtype)


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
    top, left = torch.randint(2 * padding + 1, (2, len(batch)), generator=seeded(3).generator)
    for image, result, y, x in zip(batch, cropped, top.tolist(), left.tolist(), strict=True):
        padded = functional.pad(image, (padding,) * 4)
        assert torch.equal(result, padded[:, y : y + 6, x : x + 5])
    assert len({*zip(top.tolist(), left.tolist(), strict=True)}) > 5


def test_flip_mirrors_the_chosen_images_along_the_axis() -> None:
    batch = images(count=3)
    for axis in (2, 3):
        flipped = image_transforms.flip(batch, torch.tensor([True, False, True]), axis)
        assert torch.equal(flipped, torch.stack([batch[0].flip(axis - 1), batch[1], batch[2].flip(axis - 1)]))


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


def test_erasing_replaces_one_rectangle_of_bounded_area_in_the_share_of_images() -> None:
    batch = torch.full((400, 2, 20, 30), -1.0)
    erased = image_transforms.erase(batch, 0.25, 0.3, Draws(torch.Generator().manual_seed(0), span=(5.0, 7.0)))
    changed = erased != -1
    assert torch.equal(changed.all(1), changed.any(1))
    heights, widths = changed[:, 0].any(2).sum(1), changed[:, 0].any(1).sum(1)
    areas = changed[:, 0].sum((1, 2))
    assert torch.equal(areas, heights * widths)
    assert 70 <= int((areas > 0).sum()) <= 130
    assert int(areas[areas > 0].min()) >= 0.01 * 600
    assert int(areas.max()) <= 0.33 * 600
    assert 5.0 <= float(erased[changed].min()) < float(erased[changed].max()) <= 7.0
