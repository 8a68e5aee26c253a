"""Training data: the inputs of a training, as store entries and as tensors, and its result."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from tasks.core import Context, MetricSpec, Prepared, Refusal
from tasks.data import augmentation, preprocessing
from tasks.data.augmentation import AugmentStep
from tasks.kernels.training.learning_curve import Curve

if TYPE_CHECKING:
    import numpy as np
    import torch
    from torch import Generator, Tensor, nn

    from tasks.kernels.training.layer_groups import LayerGroups
    from tasks.kernels.training.loops import Augment, BatchSource, Transform
    from tasks.kernels.training.precision_choice import PrecisionChoice
    from tasks.kernels.training.rate_range import RateRange
    from tasks.training.train_spec import TrainSpec

FREE = 0.5
"""Largest share of a GPU's free memory that one array may take."""

Stopped = Literal["epochs", "early stopping", "minutes", "diverged", "told to stop"]


@dataclass(frozen=True)
class TrainingInputs:
    """The inputs that all trainings of a recipe have in common."""

    prepared: Prepared
    augment: tuple[AugmentStep, ...] = ()
    """Random changes of the training examples, in order."""
    metric: MetricSpec = field(default_factory=MetricSpec)
    """The metric on the validation split, which decides the best epoch."""

    @property
    def knobs(self) -> dict[str, Any]:
        """What decides a training beside its own settings, as JSON for its step."""
        return {
            "augment": [step.model_dump(mode="json") for step in self.augment],
            "metric": self.metric.record,
            "data": self.prepared.dataset.fingerprint,
            "preprocessing": self.prepared.fitted,
        }


@dataclass(frozen=True)
class TrainingData:
    """Tensors on the training device, and the metric of the validation.

    Inputs may also lie with the processor, or in a mapped file: their batches go to the device in `transform`.
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
    """(compact batch, what is drawn for it) → compact batch; applied to training examples only."""
    metric: MetricSpec = field(default_factory=MetricSpec)
    target: Mapping[str, Any] = field(default_factory=lambda: {"mean": 0.0, "std": 1.0})
    """What turns numbers back into the data's unit, in which the metric is computed: `target_map.target_record`."""

    classes: tuple[str, ...] = ()
    """Names of the classes in the order of their indices; empty where no training needs them, and for numbers."""

    @property
    def device(self) -> torch.device:
        """Where the network is trained."""
        return self.targets.device

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
    divergence: str = ""
    """Where the loss was no longer finite, and what to try; empty when it always was."""
    rate_range: RateRange | None = None
    """The range test that chose the learning rate, if there was one."""
    arithmetic: PrecisionChoice | None = None
    """The arithmetic that `precision: auto` chose, and the figures of both; None where the recipe names it."""
    note: str = ""
    """Why an existing checkpoint could not be used; otherwise empty."""


def class_weights(data: TrainingData, spec: TrainSpec) -> Tensor | None:
    """The weight of each class in the loss, (classes,) on the data's device; None without `class_weights`.

    Raises:
        Refusal: a name in them is not a class of the data.
    """
    import torch

    given, count = spec.class_weights, len(data.classes)
    if given is None:
        return None
    if given == "balanced":
        counts = torch.bincount(data.targets, minlength=count)
        present = int((counts > 0).sum())
        return torch.where(counts > 0, len(data.targets) / (present * counts.clamp(min=1)), 0.0).float()
    if unknown := next((name for name in given if name not in data.classes), None):
        raise Refusal(f"train.class_weights names {unknown!r}, which is no class of the data")
    return torch.tensor([given.get(name, 1.0) for name in data.classes], device=data.targets.device)


def layer_groups_of(model: nn.Module, data: TrainingData, spec: TrainSpec) -> LayerGroups | None:
    """The layers in groups that learn at different rates or from different epochs on; None where all learn alike."""
    from tasks.kernels.training import layer_groups

    if spec.layer_decay == 1 and not spec.unfreeze:
        return None
    return layer_groups.find_groups(model, data.transform(data.inputs[:2].clone()), spec.layer_decay, spec.unfreeze)


def draw_batches(data: TrainingData, spec: TrainSpec, generator: Generator) -> list[Tensor]:
    """The indices of an epoch's examples, in batches, as `spec.sampling` says."""
    from tasks.kernels.training import loops

    if spec.sampling == "balanced":
        return loops.balanced_batches(data.targets, spec.batch_size, generator)
    return loops.shuffled_batches(len(data.targets), spec.batch_size, generator)


def epoch_examples(
    model: nn.Module, data: TrainingData, spec: TrainSpec, number: int, generator: Generator, share: float = 1.0
) -> BatchSource:
    """The training examples of an epoch, augmented by `generator`, and mixed by draws of the epoch's own number.

    With a `share` below 1, they are images with that share of their sides.
    """
    import numpy as np

    from tasks.kernels.training import image_sizes, loops
    from tasks.kernels.training.mixing import Mixing

    mix = None
    if spec.mixup or spec.cutmix:
        classes = loops.predict_all(model, data.inputs[:1], data.transform).shape[1]
        mix = Mixing(spec.mixup, spec.cutmix, classes, np.random.default_rng((spec.seed, number)))
    transform = data.transform if share == 1 else lambda batch: image_sizes.shrink(data.transform(batch), share)
    return loops.BatchSource(data.inputs, data.targets, transform, data.augment, generator, epoch=number, mix=mix)


def load_training_data(inputs: TrainingInputs, context: Context) -> TrainingData:
    """The train and validation splits from the store, as tensors on the workspace's device."""
    store = context.store
    arrays = preprocessing.training_arrays(inputs.prepared, store)
    return to_tensors(arrays, store.get_json(inputs.prepared.fitted), inputs, context.workspace.device)


def placed(tensor: Tensor, device: torch.device) -> Tensor:
    """The tensor on the device; where it takes more than FREE of a GPU's free memory, it stays with the processor."""
    import torch

    if device.type == "cuda" and tensor.nbytes > FREE * torch.cuda.mem_get_info(device)[0]:
        return tensor
    return tensor.to(device)


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
        on_device = {name: placed(torch.from_numpy(array), torch.device(device)) for name, array in arrays.items()}
    to_network = preprocessing.to_network(fitted, device)
    return TrainingData(
        inputs=on_device["train_inputs"],
        targets=on_device["train_targets"],
        validation_inputs=on_device["validation_inputs"],
        validation_targets=on_device["validation_targets"],
        transform=lambda batch: to_network(batch.to(device)),
        augment=augmentation.compose(inputs.augment, augmentation.span_of(arrays["train_inputs"]))
        if inputs.augment
        else None,
        metric=inputs.metric,
        target=fitted.get("target", {"mean": 0.0, "std": 1.0}),
        classes=inputs.prepared.dataset.classes,
    )
