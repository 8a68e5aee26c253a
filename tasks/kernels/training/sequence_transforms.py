"""Transforms of sequences for augmentation: functions of a batch of arrays with one axis of steps.

A batch is (count, …), with the steps on `axis` and features on the others; whole numbers are rounded again. Shape,
dtype and device do not change.

Um et al., "Data Augmentation of Wearable Sensor Data", 2017, compare jitter and scaling.
"""

from __future__ import annotations

import torch
from torch import Tensor

from tasks.kernels.training.draws import Draws, as_dtype


def jitter(batch: Tensor, share: float, axis: int, draws: Draws) -> Tensor:
    """Adds Gaussian noise with `share` of each feature's own standard deviation over the steps of its example."""
    values = batch.float()
    spread = values.std(axis, correction=0, keepdim=True)
    return as_dtype(batch, values + share * spread * draws.normal(batch, tuple(batch.shape)))


def scale_features(batch: Tensor, share: float, axis: int, draws: Draws) -> Tensor:
    """Multiplies each feature of each example, at all steps, by 1 + `share` times a standard normal number."""
    shape = [1 if place == axis else length for place, length in enumerate(batch.shape)]
    return as_dtype(batch, batch.float() * (1 + share * draws.normal(batch, tuple(shape))))


def mask_steps(batch: Tensor, share: float, axis: int, draws: Draws) -> Tensor:
    """Sets a run of successive steps, at most `share` of all, to each feature's mean over the steps of its example.

    Park et al., "SpecAugment", 2019. A run has a random length from 0 on, and a random place.
    """
    length = batch.shape[axis]
    size = (draws.uniform(batch) * (int(share * length) + 1)).floor()
    start = (draws.uniform(batch) * (length + 1 - size)).floor()
    places = torch.arange(length, device=batch.device)
    inside = (places >= start[:, None]) & (places < (start + size)[:, None])
    inside = inside.view([len(batch) if place == 0 else length if place == axis else 1 for place in range(batch.dim())])
    values = batch.float()
    return as_dtype(batch, torch.where(inside, values.mean(axis, keepdim=True), values))
