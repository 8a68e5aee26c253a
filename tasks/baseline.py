"""The baseline: the model that everything is measured against, trained from the data or brought by the user."""

from __future__ import annotations

import dataclasses
import warnings
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tasks import augmentation, modeling, preprocessing, training
from tasks.artifacts import Candidate, Prepared, Step, Store, Workspace, digest_file
from tasks.augmentation import AugmentStep
from tasks.modeling import ModelSpec
from tasks.training import Epoch, TrainingData, TrainSpec

if TYPE_CHECKING:
    import numpy as np

OnEpoch = Callable[[Epoch], bool | None]


def fit(
    prepared: Prepared,
    model: ModelSpec,
    augment: tuple[AugmentStep, ...],
    spec: TrainSpec,
    metric: str,
    workspace: Workspace,
    checkpoint: Path | None = None,
    on_epoch: OnEpoch | None = None,
) -> Candidate:
    """Trains the model on the train split, early stopping on validation.

    Args:
        checkpoint: a file for this training alone; a killed one goes on after its last epoch.
        on_epoch: called after every epoch; True asks to stop.

    Raises:
        InputError: the factory is wrong, or the model does not match the data.
        Refusal: the training diverged in its first epoch.
    """
    store = workspace.store
    factory, arguments = modeling.complete(model, prepared)
    network = modeling.build(factory, arguments, seed=spec.seed)
    modeling.check_shapes(network, prepared)
    knobs: dict[str, Any] = {
        "train": spec.model_dump(mode="json"),
        "augment": [step.model_dump(mode="json") for step in augment],
        "metric": metric,
        "data": prepared.dataset.fingerprint,
        "preprocessing": prepared.fitted,
    }
    arrays = preprocessing.training_arrays(prepared, store)
    result = training.train(
        network.to(workspace.device),
        tensors(arrays, store.get_json(prepared.fitted), augment, workspace.device),
        spec,
        metric=metric,
        checkpoint=checkpoint,
        on_epoch=on_epoch,
    )
    step = Step("train", 1, knobs, None, store.put_json(dataclasses.asdict(result)), None)
    return modeling.begin("baseline", factory, arguments, step, modeling.save(network, store))


def adopt(prepared: Prepared, model: ModelSpec, store: Store) -> Candidate:
    """The user's trained weights as the baseline; nothing is trained.

    Raises:
        InputError: the weights do not match the model, or the model does not match the data.
    """
    assert model.weights is not None
    factory, arguments = modeling.complete(model, prepared)
    network = modeling.build(factory, arguments)
    path = Path(model.weights)
    modeling.load_weights(network, path)
    modeling.check_shapes(network, prepared)
    step = Step("load", 1, {"weights": digest_file(path)}, None, None, None)
    return modeling.begin("baseline", factory, arguments, step, modeling.save(network, store))


def tensors(
    arrays: Mapping[str, np.ndarray], fitted: dict[str, Any], augment: tuple[AugmentStep, ...], device: str
) -> TrainingData:
    """The arrays of `preprocessing.training_arrays` as tensors on a device, with what is done to each batch."""
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
        augment=augmentation.compose(augment) if augment else None,
    )
