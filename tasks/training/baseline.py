"""The baseline: the model that everything is measured against, trained from the data or brought by the user."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tasks.core import Candidate, Prepared, Step, Store, Workspace, digest_file
from tasks.data import preprocessing
from tasks.data.augmentation import AugmentStep
from tasks.kernels.training.learning_curve import Epoch
from tasks.models import weight_files
from tasks.models.factory import build_network, check_shapes, complete_factory
from tasks.models.model_spec import ModelSpec
from tasks.training import train
from tasks.training.train_spec import TrainSpec
from tasks.training.training_data import to_tensors

if TYPE_CHECKING:
    pass

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
    factory, arguments = complete_factory(model, prepared)
    network = build_network(factory, arguments, seed=spec.seed)
    check_shapes(network, prepared)
    knobs: dict[str, Any] = {
        "train": spec.model_dump(mode="json"),
        "augment": [step.model_dump(mode="json") for step in augment],
        "metric": metric,
        "data": prepared.dataset.fingerprint,
        "preprocessing": prepared.fitted,
    }
    arrays = preprocessing.training_arrays(prepared, store)
    result = train.train(
        network.to(workspace.device),
        to_tensors(arrays, store.get_json(prepared.fitted), augment, workspace.device),
        spec,
        metric=metric,
        checkpoint=checkpoint,
        on_epoch=on_epoch,
    )
    step = Step("train", 1, knobs, None, store.put_json(dataclasses.asdict(result)), None)
    return weight_files.begin_candidate("baseline", factory, arguments, step, weight_files.save_network(network, store))


def load_pretrained(prepared: Prepared, model: ModelSpec, store: Store) -> Candidate:
    """The user's trained weights as the baseline; nothing is trained.

    Raises:
        InputError: the weights do not match the model, or the model does not match the data.
    """
    assert model.weights is not None
    factory, arguments = complete_factory(model, prepared)
    network = build_network(factory, arguments)
    path = Path(model.weights)
    weight_files.load_weights(network, path)
    check_shapes(network, prepared)
    step = Step("load", 1, {"weights": digest_file(path)}, None, None, None)
    return weight_files.begin_candidate("baseline", factory, arguments, step, weight_files.save_network(network, store))
