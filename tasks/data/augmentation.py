"""Augmentation: random changes of training examples, drawn anew in every epoch.

The steps act on the raw batch, before normalization, so a padded or cut-out pixel is a raw zero (black). Each `apply`
takes a raw batch and what is drawn for it, and returns a batch of the same shape and dtype.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import groupby
from typing import TYPE_CHECKING, Annotated, get_args

from pydantic import Field

from tasks.core import Dataset, InputError
from tasks.data.augmentations.geometric_steps import (
    AffineStep,
    Crop,
    Flip,
    ResizedCrop,
    Rotate,
    ScaleImage,
    Shear,
    Translate,
)
from tasks.data.augmentations.pixel_steps import Blur, Color, Cutout, Erase, Noise, RandAugment
from tasks.data.augmentations.sequence_steps import Jitter, ScaleSequence, SequenceStep, TimeMask

if TYPE_CHECKING:
    import numpy as np
    from torch import Tensor

    from tasks.kernels.training.draws import Draws

AnyAugment = (
    Crop
    | Flip
    | Rotate
    | Noise
    | Cutout
    | ResizedCrop
    | Translate
    | ScaleImage
    | Shear
    | Color
    | Blur
    | Erase
    | RandAugment
    | Jitter
    | ScaleSequence
    | TimeMask
)
AugmentStep = Annotated[AnyAugment, Field(discriminator="step")]


def compose(steps: Sequence[AnyAugment], span: tuple[float, float] = (0.0, 255.0)) -> Callable[[Tensor, Draws], Tensor]:
    """The steps in order as one function: (raw batch, draws) -> raw batch of the same shape and dtype.

    Steps that resample, next to one another and with the same `fill`, are one resampling.

    Args:
        steps: all for the same kind of data.
        span: the least and the greatest value that a pixel can have, as `span_of` finds it.
    """
    parts = [tuple(part) for _, part in groupby(enumerate(steps), _resampling)]
    groups = [[step for _, step in part] for part in parts]

    def augment(batch: Tensor, draws: Draws) -> Tensor:
        known = replace(draws, span=span)
        for group in groups:
            batch = _apply(group, batch, known)
        return batch

    return augment


def _resampling(numbered: tuple[int, AnyAugment]) -> str | int:
    """What neighbours that are one resampling have in common; any other step's is its own number."""
    number, step = numbered
    return step.border if isinstance(step, AffineStep) else number


def _apply(group: Sequence[AnyAugment], batch: Tensor, draws: Draws) -> Tensor:
    from tasks.kernels.training import affine_transforms

    moves = [step for step in group if isinstance(step, AffineStep)]
    if not moves:
        return group[0].apply(batch, draws)
    return affine_transforms.warp(batch, [step.matrices(batch, draws) for step in moves], moves[0].border)


def span_of(inputs: np.ndarray) -> tuple[float, float]:
    """The least and the greatest value that a raw pixel can have, by those of the training inputs.

    Of uint8 these are 0 and 255, or the greatest value where all are below 128, as in images of 0..16.
    """
    low, high = float(inputs.min()), float(inputs.max())
    return (0.0, 255.0 if high >= 128 else high) if inputs.dtype == "uint8" else (low, high)


def check_augmentation(steps: Sequence[AnyAugment], dataset: Dataset, *, codes: bool) -> None:
    """Checks that the steps suit the data.

    Args:
        steps: the recipe's.
        dataset: the data.
        codes: whether the network gets the values of an array as they are, so that whole numbers are codes.

    Raises:
        InputError: a step is for another kind of data; it needs three channels, numbers that are no codes, or
            sequences.
    """
    for place, step in enumerate(steps):
        path = f"augment.{place}"
        if step.suits != dataset.kind:
            law = "suits images only" if step.suits == "images" else "suits arrays of steps only"
            able = [kind.model_fields["step"].default for kind in get_args(AnyAugment) if kind.suits == dataset.kind]
            raise InputError(law, path=f"{path}.step", value=step.step, nearest=", ".join(able) or None)
        if isinstance(step, Color) and step.hue and dataset.input_shape[-1] != 3:
            law = f"must be 0: only images of three channels have a hue, and {dataset.source} has others"
            raise InputError(law, path=f"{path}.hue", value=step.hue, nearest=0)
        if isinstance(step, SequenceStep):
            _check_sequence(step.step, dataset, f"{path}.step", codes)


def _check_sequence(tag: str, dataset: Dataset, path: str, codes: bool) -> None:
    if len(dataset.input_shape) > 2:
        law = f"suits examples of (steps,), (steps, channels) or (channels, steps), not of {dataset.input_shape}"
        raise InputError(law, path=path, value=tag)
    if codes and dataset.input_dtype == "int64":
        law = f"suits measured values only, but {dataset.source} holds whole numbers that the network gets as they are"
        raise InputError(law, path=path, value=tag)
