"""Pixel steps of augmentation: they change the values of images, not their places; and RandAugment, which does both."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, ClassVar, Literal

from pydantic import Field

from tasks.core import Spec

if TYPE_CHECKING:
    from torch import Tensor

    from tasks.kernels.training.draws import Draws


class Color(Spec):
    """Changes brightness, contrast, saturation and hue by random amounts."""

    suits: ClassVar[str] = "images"
    step: Literal["color"] = "color"
    brightness: float = Field(default=0.2, ge=0, le=1)
    """The factor of all values is from 1 - `brightness` to 1 + `brightness`."""
    contrast: float = Field(default=0.2, ge=0, le=1)
    """The factor of the distance to the image's mean grey, alike."""
    saturation: float = Field(default=0.2, ge=0, le=1)
    """The factor of the distance to a pixel's own grey, alike; images of one channel have none."""
    hue: float = Field(default=0.0, ge=0, le=0.5)
    """Largest turn of the hue in either direction, as a share of the full circle; images of three channels only."""

    def apply(self, batch: Tensor, draws: Draws) -> Tensor:
        """The batch in other colours."""
        from tasks.kernels.training import color_transforms

        unit = color_transforms.to_unit(batch, draws.span)
        shares = (self.brightness, self.contrast, self.saturation)
        light, contrast, saturation = (1 + draws.symmetric(batch) * share for share in shares)
        turn = draws.symmetric(batch) * (2 * math.pi * self.hue)
        colored = color_transforms.recolor(unit, light, contrast, saturation, turn)
        return color_transforms.from_unit(batch, colored, draws.span)


class Blur(Spec):
    """Blurs images with a Gaussian of random width."""

    suits: ClassVar[str] = "images"
    step: Literal["blur"] = "blur"
    sigma: float = Field(default=1.0, ge=0.1, le=100)
    """Largest standard deviation, in pixels; it is uniformly random from 0.1 to there."""
    probability: float = Field(default=0.5, ge=0, le=1)
    """Probability that an image is blurred."""

    def apply(self, batch: Tensor, draws: Draws) -> Tensor:
        """The batch, with some images blurred."""
        import torch

        from tasks.kernels.training import color_transforms

        chosen = (draws.uniform(batch) < self.probability)[:, None, None, None]
        unit = color_transforms.to_unit(batch, draws.span)
        soft = color_transforms.blur(unit, draws.between(batch, 0.1, self.sigma))
        return torch.where(chosen, color_transforms.from_unit(batch, soft, draws.span), batch)


class Noise(Spec):
    """Adds Gaussian noise to every value."""

    suits: ClassVar[str] = "images"
    step: Literal["noise"] = "noise"
    std: float = Field(default=0.05, gt=0, le=1e6)
    """Standard deviation: for uint8 images a share of the range 0..255, otherwise in the unit of the data."""

    def apply(self, batch: Tensor, draws: Draws) -> Tensor:
        """The batch with noise."""
        from tasks.kernels.training import image_transforms

        return image_transforms.noise(batch, self.std, draws)


class Cutout(Spec):
    """Sets a square at a random position to zero."""

    suits: ClassVar[str] = "images"
    step: Literal["cutout"] = "cutout"
    size: int = Field(default=8, ge=1)
    """Side of the square, in pixels."""

    def apply(self, batch: Tensor, draws: Draws) -> Tensor:
        """The batch with squares of zeros."""
        from tasks.kernels.training import image_transforms

        return image_transforms.cutout(batch, self.size, draws)


class Erase(Spec):
    """Replaces a random rectangle by random values (random erasing)."""

    suits: ClassVar[str] = "images"
    step: Literal["erase"] = "erase"
    probability: float = Field(default=0.5, ge=0, le=1)
    """Probability that an image has such a rectangle."""
    area: float = Field(default=0.33, gt=0, le=1)
    """Largest share of the image's area; the smallest is 0.02."""

    def apply(self, batch: Tensor, draws: Draws) -> Tensor:
        """The batch, with rectangles of random values in some images."""
        from tasks.kernels.training import image_transforms

        return image_transforms.erase(batch, self.probability, self.area, draws)


class RandAugment(Spec):
    """Applies a few operations, chosen at random for each image, all at the same magnitude.

    They are autocontrast, equalize, posterize, solarize, sharpness, brightness, contrast, saturation, rotation, and
    translation and shear along either axis; or nothing.
    """

    suits: ClassVar[str] = "images"
    step: Literal["rand_augment"] = "rand_augment"
    count: int = Field(default=2, ge=1, le=10)
    """Operations for each image."""
    magnitude: float = Field(default=9.0, ge=0, le=30)
    """Their strength. At 30: 30 degrees, 45 % of the width, a shear of 0.3, and factors of 0.1 or 1.9."""
    fill: Literal["zero", "edge", "reflection"] = "zero"
    """What stands outside of a moved image: the least value (black), the nearest pixel of its edge, or its mirror."""

    def apply(self, batch: Tensor, draws: Draws) -> Tensor:
        """The batch, changed."""
        from tasks.kernels.training import random_augment

        return random_augment.rand_augment(batch, self.count, self.magnitude, self.fill, draws)
