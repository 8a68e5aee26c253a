"""Colour transforms against their definitions and against Pillow."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from PIL import Image, ImageEnhance, ImageOps
from torch import Tensor

from tasks.kernels.training import color_transforms as color


def pictures(count: int = 3, height: int = 12, width: int = 10) -> Tensor:
    """Not too bright and not too dark: no operation here has to limit its answer."""
    generator = torch.Generator().manual_seed(2)
    return torch.randint(80, 160, (count, 3, height, width), generator=generator).to(torch.uint8)


def changed(batch: Tensor, **factors: float) -> Tensor:
    given = {"brightness": 1.0, "contrast": 1.0, "saturation": 1.0, "turn": 0.0, **factors}
    unit = color.to_unit(batch, (0.0, 255.0))
    tensors = {name: torch.full((len(batch),), value) for name, value in given.items()}
    return color.from_unit(batch, color.recolor(unit, **tensors), (0.0, 255.0))


@pytest.mark.parametrize(
    ("name", "enhance"),
    [("brightness", ImageEnhance.Brightness), ("contrast", ImageEnhance.Contrast), ("saturation", ImageEnhance.Color)],
)
@pytest.mark.parametrize("factor", [0.6, 1.3])
def test_factors_are_those_of_pillow(name: str, enhance: type[ImageEnhance.Contrast], factor: float) -> None:
    batch = pictures()
    ours = changed(batch, **{name: factor})
    for image, result in zip(batch, ours, strict=True):
        theirs = enhance(Image.fromarray(image.permute(1, 2, 0).numpy())).enhance(factor)
        difference = result.permute(1, 2, 0).numpy().astype(int) - np.asarray(theirs).astype(int)
        assert np.abs(difference).max() <= 1


def test_nothing_changes_without_factors_and_a_full_turn_of_the_hue_is_none() -> None:
    batch = pictures()
    assert torch.equal(changed(batch), batch)
    assert torch.equal(changed(batch, turn=2 * math.pi), batch)


def test_a_turn_of_the_hue_keeps_grey_and_brightness() -> None:
    grey = torch.full((1, 3, 4, 4), 97, dtype=torch.uint8)
    assert torch.equal(changed(grey, turn=1.0), grey)
    batch = pictures()
    weights = torch.tensor(color.LUMA)[:, None, None]
    before, after = ((each.float() * weights).sum(1) for each in (batch, changed(batch, turn=0.4)))
    torch.testing.assert_close(after, before, atol=1.0, rtol=0)
    assert not torch.equal(changed(batch, turn=0.4), batch)


def test_a_blur_is_gaussian_and_keeps_what_is_even() -> None:
    dot = torch.zeros(2, 1, 21, 31)
    dot[:, :, 10, 15] = 1.0
    soft = color.blur(dot, torch.tensor([1.0, 2.0]))
    for place, sigma in enumerate((1.0, 2.0)):
        spread = (soft[place, 0].sum(0) * (torch.arange(31) - 15) ** 2).sum()
        assert float(spread) == pytest.approx(sigma**2, rel=0.01)
        assert float(soft[place].sum()) == pytest.approx(1.0, rel=1e-3)
    even = torch.full((1, 3, 8, 9), 0.25)
    torch.testing.assert_close(color.blur(even, torch.tensor([3.0])), even)
    torch.testing.assert_close(color.blur(dot, torch.tensor([0.1, 0.1])), dot)


def test_operations_on_values_are_those_of_pillow() -> None:
    batch = pictures(1, 255, 160)
    image = Image.fromarray(batch[0].permute(1, 2, 0).numpy())
    unit, span = color.to_unit(batch, (0.0, 255.0)), (0.0, 255.0)
    pairs = [
        (color.stretch(unit), ImageOps.autocontrast(image), 1),
        (color.posterize(unit, torch.tensor([4.0])), ImageOps.posterize(image, 4), 0),
        (color.solarize(unit, torch.tensor([127.5 / 255])), ImageOps.solarize(image, 128), 0),
        (color.equalize(unit), ImageOps.equalize(image), 3),  # Pillow rounds the counts of its steps
    ]
    for ours, theirs, most in pairs:
        values = color.from_unit(batch, ours, span)[0].permute(1, 2, 0).numpy().astype(int)
        assert np.abs(values - np.asarray(theirs).astype(int)).max() <= most


def test_one_value_stays_where_there_is_nothing_to_stretch() -> None:
    flat = torch.full((2, 1, 5, 5), 0.4)
    assert torch.equal(color.stretch(flat), flat)
    torch.testing.assert_close(color.equalize(flat), flat)
    assert torch.equal(color.to_unit(torch.full((1, 1, 2, 2), 3.0), (3.0, 3.0)), torch.zeros(1, 1, 2, 2))


def test_sharpening_is_the_distance_to_the_blurred_image() -> None:
    unit = color.to_unit(pictures(), (0.0, 255.0))
    soft = color.blur(unit, torch.full((3,), 0.7))
    torch.testing.assert_close(
        color.sharpen(unit, torch.tensor([0.0, 1.0, 2.0])), torch.stack([soft[0], unit[1], 2 * unit[2] - soft[2]])
    )
