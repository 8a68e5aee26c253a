"""Augmentation: random changes of training images, drawn anew in every epoch.

The steps act on the raw batch, before normalization, so a padded or cut pixel is a raw zero (black).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field

from tasks.core import Spec

if TYPE_CHECKING:
    from torch import Generator, Tensor


class Crop(Spec):
    """A random cut of the image's own size, after zero pixels were put around it."""

    step: Literal["crop"] = "crop"
    padding: int = Field(default=4, ge=1, le=1024)
    """Zero pixels on each side."""

    def apply(self, batch: Tensor, generator: Generator) -> Tensor:
        """The batch, cropped."""
        from tasks.kernels.training import image_transforms

        return image_transforms.crop(batch, self.padding, generator)


class Flip(Spec):
    """Left and right changed over."""

    step: Literal["flip"] = "flip"
    probability: float = Field(default=0.5, ge=0, le=1)
    """Share of the images that are mirrored."""

    def apply(self, batch: Tensor, generator: Generator) -> Tensor:
        """The batch, some of it mirrored."""
        from tasks.kernels.training import image_transforms

        return image_transforms.flip(batch, self.probability, generator)


class Rotate(Spec):
    """A turn about the centre."""

    step: Literal["rotate"] = "rotate"
    degrees: float = Field(default=10.0, gt=0, le=180)
    """Largest angle either way, in degrees."""

    def apply(self, batch: Tensor, generator: Generator) -> Tensor:
        """The batch, turned."""
        from tasks.kernels.training import image_transforms

        return image_transforms.rotate(batch, self.degrees, generator)


class Noise(Spec):
    """Gaussian noise on every pixel."""

    step: Literal["noise"] = "noise"
    std: float = Field(default=0.05, gt=0)
    """Standard deviation: a share of the pixel range for uint8 images, else in the data's own unit."""

    def apply(self, batch: Tensor, generator: Generator) -> Tensor:
        """The batch with noise."""
        from tasks.kernels.training import image_transforms

        return image_transforms.noise(batch, self.std, generator)


class Cutout(Spec):
    """A square of zero pixels at a random place."""

    step: Literal["cutout"] = "cutout"
    size: int = Field(default=8, ge=1)
    """Side of the square, in pixels."""

    def apply(self, batch: Tensor, generator: Generator) -> Tensor:
        """The batch with holes."""
        from tasks.kernels.training import image_transforms

        return image_transforms.cutout(batch, self.size, generator)


AugmentStep = Annotated[Crop | Flip | Rotate | Noise | Cutout, Field(discriminator="step")]


def compose(steps: Sequence[Crop | Flip | Rotate | Noise | Cutout]) -> Callable[[Tensor, Generator], Tensor]:
    """One function (raw batch, generator) -> raw batch of the same shape and dtype: the steps in order."""

    def augment(batch: Tensor, generator: Generator) -> Tensor:
        for step in steps:
            batch = step.apply(batch, generator)
        return batch

    return augment
