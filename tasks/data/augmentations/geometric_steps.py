"""Geometric steps of augmentation: they move the pixels of images.

Rotation, translation, scale and shear, and the crop that is enlarged, resample bilinearly. Those that stand next to one
another with the same `fill` are one resampling.
"""

from __future__ import annotations

import math
from abc import abstractmethod
from typing import TYPE_CHECKING, ClassVar, Literal

from pydantic import Field, model_validator

from tasks.core import InputError, Spec

if TYPE_CHECKING:
    from torch import Tensor

    from tasks.kernels.training.affine_transforms import Fill
    from tasks.kernels.training.draws import Draws


class Crop(Spec):
    """Pads the image with zero pixels and crops its original size at a random position."""

    suits: ClassVar[str] = "images"
    step: Literal["crop"] = "crop"
    padding: int = Field(default=4, ge=1, le=1024)
    """Zero pixels on each side."""

    def apply(self, batch: Tensor, draws: Draws) -> Tensor:
        """The batch, cropped."""
        from tasks.kernels.training import image_transforms

        return image_transforms.crop(batch, self.padding, draws)


class Flip(Spec):
    """Mirrors images."""

    suits: ClassVar[str] = "images"
    step: Literal["flip"] = "flip"
    probability: float = Field(default=0.5, ge=0, le=1)
    """Probability that an image is mirrored."""
    axis: Literal["horizontal", "vertical"] = Field(default="horizontal", exclude_if=lambda axis: axis == "horizontal")
    """`horizontal` mirrors left to right, `vertical` upside down."""
    alternating: bool = Field(default=False, exclude_if=lambda alternating: not alternating)
    """Whether each image is mirrored in every second epoch, half of them in the first, instead of at random (Jordan,
    "94% on CIFAR-10 in 3.29 Seconds on a Single GPU", 2024): two epochs then show each image both ways."""

    @model_validator(mode="after")
    def _alternation_has_no_probability(self) -> Flip:
        if self.alternating and "probability" in self.model_fields_set and self.probability != 0.5:
            law = "must be left out: alternating mirrors each image in every second epoch"
            raise ValueError(InputError(law, path="probability", value=self.probability))
        return self

    def apply(self, batch: Tensor, draws: Draws) -> Tensor:
        """The batch, with some images mirrored."""
        from tasks.kernels.training import image_transforms

        axis = 3 if self.axis == "horizontal" else 2
        chosen = draws.turns(batch, axis) if self.alternating else draws.uniform(batch) < self.probability
        return image_transforms.flip(batch, chosen, axis)


class AffineStep(Spec):
    """A step that resamples the image by a matrix."""

    suits: ClassVar[str] = "images"

    @property
    @abstractmethod
    def border(self) -> Fill:
        """What stands outside of the image."""

    @abstractmethod
    def matrices(self, batch: Tensor, draws: Draws) -> Tensor:
        """(count, 2, 3): a random matrix for each image of the batch, as `affine_transforms` defines it."""

    def apply(self, batch: Tensor, draws: Draws) -> Tensor:
        """The batch, resampled."""
        from tasks.kernels.training import affine_transforms

        return affine_transforms.warp(batch, [self.matrices(batch, draws)], self.border)


class FilledStep(AffineStep):
    """An affine step that shows what is outside of the image."""

    fill: Literal["zero", "edge", "reflection"] = Field(default="zero", exclude_if=lambda fill: fill == "zero")
    """What stands outside of the image: raw zeros (black), the nearest pixel of its edge, or the mirrored image."""

    @property
    def border(self) -> Fill:
        """What stands outside of the image."""
        return self.fill


class Rotate(FilledStep):
    """Rotates images about their centre by a random angle."""

    step: Literal["rotate"] = "rotate"
    degrees: float = Field(default=10.0, gt=0, le=180)
    """Largest angle in either direction, in degrees."""

    def matrices(self, batch: Tensor, draws: Draws) -> Tensor:
        """Rotations by a uniformly random angle."""
        from tasks.kernels.training import affine_transforms

        return affine_transforms.rotation(draws.symmetric(batch) * math.radians(self.degrees), *batch.shape[2:])


class Translate(FilledStep):
    """Shifts images by a random number of whole pixels to the side and up or down."""

    step: Literal["translate"] = "translate"
    share: float = Field(default=0.1, gt=0, le=1)
    """Largest shift in any direction, as a share of the image's width and height."""

    def matrices(self, batch: Tensor, draws: Draws) -> Tensor:
        """Translations by uniformly random shares."""
        from tasks.kernels.training import affine_transforms

        across, down = draws.symmetric(batch) * self.share, draws.symmetric(batch) * self.share
        return affine_transforms.translation(across, down, *batch.shape[2:])


class ScaleImage(FilledStep):
    """Enlarges or shrinks images about their centre by a random factor."""

    step: Literal["scale"] = "scale"
    factor: float = Field(default=1.2, gt=1, le=10)
    """Largest factor; the smallest is its inverse. The logarithm of the factor is uniformly random."""

    def matrices(self, batch: Tensor, draws: Draws) -> Tensor:
        """Scalings by random factors."""
        from tasks.kernels.training import affine_transforms

        return affine_transforms.scaling((draws.symmetric(batch) * math.log(self.factor)).exp())


class Shear(FilledStep):
    """Shears images by a random angle along each axis."""

    step: Literal["shear"] = "shear"
    degrees: float = Field(default=10.0, gt=0, le=60)
    """Largest angle in either direction, in degrees."""

    def matrices(self, batch: Tensor, draws: Draws) -> Tensor:
        """Shears by two uniformly random angles."""
        from tasks.kernels.training import affine_transforms

        angles = [draws.symmetric(batch) * math.radians(self.degrees) for _ in range(2)]
        return affine_transforms.shearing(angles[0].tan(), angles[1].tan(), *batch.shape[2:])


class ResizedCrop(AffineStep):
    """Crops a random part of the image and enlarges it to the original size (Szegedy et al., 2014)."""

    step: Literal["resized_crop"] = "resized_crop"
    area: float = Field(default=0.25, gt=0, le=1)
    """Smallest part, as a share of the image's area; it is uniformly random from there to 1."""
    ratio: float = Field(default=4 / 3, ge=1, le=10)
    """Largest ratio of the part's sides, in units of the image's; the logarithm is uniformly random."""

    @property
    def border(self) -> Fill:
        """The part lies inside of the image: no more than half a pixel of the edge's neighbours is seen."""
        return "edge"

    def matrices(self, batch: Tensor, draws: Draws) -> Tensor:
        """Windows of random area, ratio and place."""
        from tasks.kernels.training import affine_transforms

        area = draws.between(batch, self.area, 1.0)
        ratio = (draws.symmetric(batch) * math.log(self.ratio)).exp()
        across, down = draws.symmetric(batch), draws.symmetric(batch)
        return affine_transforms.window(area, ratio, across, down, (batch.shape[2], batch.shape[3]))
