"""Training data: the inputs of a training, as store entries and as tensors, and its result."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from tasks.core import Context, MetricSpec, Prepared
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
    """The inputs that all trainings of a recipe have in common."""

    prepared: Prepared
    augment: tuple[AugmentStep, ...] = ()
    """Random changes of the training images, in order."""
    metric: MetricSpec = field(default_factory=MetricSpec)
    """The metric on the validation split, which decides the best epoch."""


@dataclass(frozen=True)
class TrainingData:
    """Tensors on the training device, and the metric of the validation.

    Inputs are compact: images are raw pixels, uint8 or float32 (count, channels, height, width); tables are float32
    (count, features). Targets are int64 class indices or float32 numbers, (count,).
    """

    inputs: Tensor
    targets: Tensor
    validation_inputs: Tensor
    validation_targets: Tensor
    transform: Transform
    """Compact batch → float32 input of the network, of the same shape: for example normalization."""
    augment: Augment | None = None
    """(compact batch, random generator) → compact batch; applied to training examples only."""
    metric: MetricSpec = field(default_factory=MetricSpec)
    target: Mapping[str, Any] = field(default_factory=lambda: {"mean": 0.0, "std": 1.0})
    """What turns numbers back into the data's unit, in which the metric is computed: `target_map.target_record`."""

    @property
    def quantile(self) -> float | None:
        """The quantile that the training predicts; None for all other metrics."""
        return self.metric.quantile if self.metric.name == "quantile_loss" else None


@dataclass(frozen=True)
class TrainingResult:
    """The record of a training. The model itself was trained in place."""

    curve: Curve
    best_epoch: int
    """Number of the epoch whose weights the model has."""
    stopped: Stopped
    """Why the training ended."""
    minutes: float
    """Minutes of training and validation, including those before an interruption."""
    note: str = ""
    """Why an existing checkpoint could not be used; otherwise empty."""


def load_training_data(inputs: TrainingInputs, context: Context) -> TrainingData:
    """The train and validation splits from the store, as tensors on the workspace's device."""
    store = context.store
    arrays = preprocessing.training_arrays(inputs.prepared, store)
    return to_tensors(arrays, store.get_json(inputs.prepared.fitted), inputs, context.workspace.device)


def to_tensors(
    arrays: Mapping[str, np.ndarray], fitted: dict[str, Any], inputs: TrainingInputs, device: str
) -> TrainingData:
    """Arrays as tensors on a device.

    Args:
        arrays: as `preprocessing.training_arrays` returns them.
        fitted: the fitted preprocessing; its part that is applied to each batch becomes `transform`.
        inputs: its augmentation and metric are used.
        device: torch's device, for example `cpu` or `cuda:1`.
    """
    import torch

    with warnings.catch_warnings():
        # Arrays from Ray's object store are read-only; torch warns of that, but nothing writes to them.
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
        target=fitted.get("target", {"mean": 0.0, "std": 1.0}),
    )
