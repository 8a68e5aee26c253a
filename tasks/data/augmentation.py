"""Augmentation: random changes of training examples, drawn anew in every epoch.

The steps act on the raw batch, before normalization, so a padded or cut-out pixel is a raw zero (black). Each `apply`
takes a raw batch and a generator and returns a batch of the same shape and dtype.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field

from tasks.core import Spec

if TYPE_CHECKING:
    from torch import Generator, Tensor


class Crop(Spec):
    """Pads the image with zero pixels and crops its original size at a random position."""

    step: Literal["crop"] = "crop"
    padding: int = Field(default=4, ge=1, le=1024)
    """Zero pixels on each side."""

    def apply(self, batch: Tensor, generator: Generator) -> Tensor:
        """The batch, cropped."""
        from tasks.kernels.training import image_transforms

        return image_transforms.crop(batch, self.padding, generator)


class Flip(Spec):
    """Mirrors images left to right."""

    step: Literal["flip"] = "flip"
    probability: float = Field(default=0.5, ge=0, le=1)
    """Probability that an image is mirrored."""

    def apply(self, batch: Tensor, generator: Generator) -> Tensor:
        """The batch, with some images mirrored."""
        from tasks.kernels.training import image_transforms

        return image_transforms.flip(batch, self.probability, generator)


class Rotate(Spec):
    """Rotates images about their centre by a random angle."""

    step: Literal["rotate"] = "rotate"
    degrees: float = Field(default=10.0, gt=0, le=180)
    """Largest angle in either direction, in degrees."""

    def apply(self, batch: Tensor, generator: Generator) -> Tensor:
        """The batch, rotated."""
        from tasks.kernels.training import image_transforms

        return image_transforms.rotate(batch, self.degrees, generator)


class Noise(Spec):
    """Adds Gaussian noise to every value."""

    step: Literal["noise"] = "noise"
    std: float = Field(default=0.05, gt=0)
    """Standard deviation: for uint8 images a share of the range 0..255, otherwise in the unit of the data."""

    def apply(self, batch: Tensor, generator: Generator) -> Tensor:
        """The batch with noise."""
        from tasks.kernels.training import image_transforms

        return image_transforms.noise(batch, self.std, generator)


class Cutout(Spec):
    """Sets a square at a random position to zero."""

    step: Literal["cutout"] = "cutout"
    size: int = Field(default=8, ge=1)
    """Side of the square, in pixels."""

    def apply(self, batch: Tensor, generator: Generator) -> Tensor:
        """The batch with squares of zeros."""
        from tasks.kernels.training import image_transforms

        return image_transforms.cutout(batch, self.size, generator)


AugmentStep = Annotated[Crop | Flip | Rotate | Noise | Cutout, Field(discriminator="step")]


def compose(steps: Sequence[Crop | Flip | Rotate | Noise | Cutout]) -> Callable[[Tensor, Generator], Tensor]:
    """The steps in order as one function: (raw batch, generator) -> raw batch of the same shape and dtype."""

    def augment(batch: Tensor, generator: Generator) -> Tensor:
        for step in steps:
            batch = step.apply(batch, generator)
        return batch

    return augment
