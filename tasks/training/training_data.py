"""Training data: what a training is given, as artifacts and as tensors, and what it came to."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from tasks.core import Context, Prepared
from tasks.data import augmentation, preprocessing
from tasks.data.augmentation import AugmentStep
from tasks.kernels.training.learning_curve import Curve

if TYPE_CHECKING:
    import numpy as np
    from torch import Tensor

    from tasks.kernels.training.loops import Augment, Transform

Stopped = Literal["epochs", "early stopping", "minutes", "diverged", "told to stop"]


@dataclass(frozen=True)
class TrainingInputs:
    """What every training of a recipe works on."""

    prepared: Prepared
    augment: tuple[AugmentStep, ...] = ()
    """Random changes of the training images, in order."""
    metric: str = "accuracy"
    """Scores the validation split and decides the best epoch."""


@dataclass(frozen=True)
class TrainingData:
    """Tensors on the training device, and how validation is scored.

    Images are compact: raw pixels, uint8 or float32, (count, channels, height, width); tables are float32
    (count, features). Targets are int64 class indices or float32 numbers, (count,).
    """

    inputs: Tensor
    targets: Tensor
    validation_inputs: Tensor
    validation_targets: Tensor
    transform: Transform
    """Compact batch -> what the network sees (float): normalization, for example."""
    augment: Augment | None = None
    """Compact batch, generator -> compact batch; training examples only."""
    metric: str = "accuracy"
    """One of `tasks.kernels.statistics.metrics.METRICS`."""


@dataclass(frozen=True)
class TrainingResult:
    """What happened. The model itself was trained in place."""

    curve: Curve
    best_epoch: int
    """Number of the epoch whose weights the model has."""
    stopped: Stopped
    minutes: float
    """Training and validation, over all calls that continued one another."""
    note: str = ""
    """Why an existing checkpoint was not continued, if so."""


def load_training_data(inputs: TrainingInputs, context: Context) -> TrainingData:
    """The train and validation splits from the store, as tensors on the workspace's device."""
    store = context.store
    arrays = preprocessing.training_arrays(inputs.prepared, store)
    return to_tensors(arrays, store.get_json(inputs.prepared.fitted), inputs, context.workspace.device)


def to_tensors(
    arrays: Mapping[str, np.ndarray], fitted: dict[str, Any], inputs: TrainingInputs, device: str
) -> TrainingData:
    """The arrays of `preprocessing.training_arrays` as tensors on a device.

    Args:
        fitted: the fitted preprocessing; what it does to each batch becomes `transform`.
        inputs: their augmentation and metric are used.
    """
    import torch

    with warnings.catch_warnings():
        # Arrays of the object store are read-only, and nothing writes to them.
        warnings.filterwarnings("ignore", message="The given NumPy array is not writable")
        on_device = {name: torch.from_numpy(array).to(device) for name, array in arrays.items()}
    return TrainingData(
        inputs=on_device["train_inputs"],
        targets=on_device["train_targets"],
        validation_inputs=on_device["validation_inputs"],
        validation_targets=on_device["validation_targets"],
        transform=preprocessing.to_network(fitted, device),
        augment=augmentation.compose(inputs.augment) if inputs.augment else None,
        metric=inputs.metric,
    )
