"""Resizing: whether a network takes the smaller images of a training with progressive resizing."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tasks.core import Refusal

if TYPE_CHECKING:
    from torch import Tensor, nn


def check_small_images(model: nn.Module, images: Tensor, share: float) -> None:
    """Tries the network, in evaluation mode, on the smallest images of its training.

    Args:
        model: the network.
        images: its inputs (count, channels, height, width).
        share: the share of their sides, as `train.progressive_resizing`.

    Raises:
        Refusal: it fails, or answers with another shape.
    """
    import torch

    from tasks.kernels.training import image_sizes, loops

    small = image_sizes.shrink(images, share)
    with loops.evaluation(model), torch.no_grad():
        expected = tuple(model(images.clone()).shape)
        try:
            found = tuple(model(small.clone()).shape)
        except (RuntimeError, ValueError, AssertionError, IndexError):
            found = ()
    if found != expected:
        own, tried = (" × ".join(map(str, each.shape[2:])) for each in (images, small))
        name = type(model).__name__
        raise Refusal(f"{name} takes images of {own} pixels, not of {tried}: leave out train.progressive_resizing")
