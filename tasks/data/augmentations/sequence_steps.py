"""Sequence steps of augmentation: for arrays whose examples are (steps,), (steps, channels) or (channels, steps)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar, Literal

from pydantic import Field

from tasks.core import Spec

if TYPE_CHECKING:
    from torch import Tensor

    from tasks.kernels.training.draws import Draws


class SequenceStep(Spec):
    """A step that acts along the axis of steps."""

    suits: ClassVar[str] = "array"
    channels: Literal["auto", "first", "last"] = "auto"
    """Where the channels of an example are; `auto` takes the longer axis for the steps, of equal ones the first."""

    def axis(self, shape: Sequence[int]) -> int:
        """The axis of the steps in a batch whose examples have this shape."""
        if len(shape) == 1 or self.channels == "last":
            return 1
        return 2 if self.channels == "first" or shape[0] < shape[1] else 1


class Jitter(SequenceStep):
    """Adds Gaussian noise to every value."""

    step: Literal["jitter"] = "jitter"
    share: float = Field(default=0.05, gt=0, le=10)
    """Its standard deviation, as a share of that of the channel over the steps of the same example."""

    def apply(self, batch: Tensor, draws: Draws) -> Tensor:
        """The batch with noise."""
        from tasks.kernels.training import sequence_transforms

        return sequence_transforms.jitter(batch, self.share, self.axis(batch.shape[1:]), draws)


class ScaleSequence(SequenceStep):
    """Multiplies each channel of an example by one random factor at all steps."""

    step: Literal["scaling"] = "scaling"
    share: float = Field(default=0.1, gt=0, le=1)
    """The standard deviation of the factors, which are normal around 1."""

    def apply(self, batch: Tensor, draws: Draws) -> Tensor:
        """The batch, scaled."""
        from tasks.kernels.training import sequence_transforms

        return sequence_transforms.scale_features(batch, self.share, self.axis(batch.shape[1:]), draws)


class TimeMask(SequenceStep):
    """Sets a run of successive steps to each channel's mean over the steps of its example."""

    step: Literal["time_mask"] = "time_mask"
    share: float = Field(default=0.1, gt=0, le=1)
    """The longest run, as a share of all steps."""

    def apply(self, batch: Tensor, draws: Draws) -> Tensor:
        """The batch, with some steps masked."""
        from tasks.kernels.training import sequence_transforms

        return sequence_transforms.mask_steps(batch, self.share, self.axis(batch.shape[1:]), draws)
