"""The baseline: the model that everything is measured against, trained from the data or brought by the user."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

from tasks.core import Candidate, Context, Prepared, Step, Store, digest_file
from tasks.models import weight_files
from tasks.models.factory import build_network, check_shapes, complete_factory
from tasks.models.model_spec import ModelSpec
from tasks.training import train
from tasks.training.train_spec import TrainSpec
from tasks.training.training_data import TrainingInputs, load_training_data


def fit(model: ModelSpec, spec: TrainSpec, inputs: TrainingInputs, context: Context) -> Candidate:
    """Trains the model on the train split, early stopping on validation; a killed training goes on after its last
    epoch.

    Raises:
        InputError: the factory is wrong, or the model does not match the data.
        Refusal: the training diverged in its first epoch.
    """
    store, prepared = context.store, inputs.prepared
    factory, arguments = complete_factory(model, prepared)
    network = build_network(factory, arguments, seed=spec.seed)
    check_shapes(network, prepared)
    knobs: dict[str, Any] = {
        "train": spec.model_dump(mode="json"),
        "augment": [step.model_dump(mode="json") for step in inputs.augment],
        "metric": inputs.metric,
        "data": prepared.dataset.fingerprint,
        "preprocessing": prepared.fitted,
    }
    result = train.train(
        network.to(context.workspace.device),
        load_training_data(inputs, context),
        spec,
        checkpoint=context.checkpoint,
        on_epoch=train.report_epochs(context.progress, spec.epochs, inputs.metric),
    )
    step = Step("train", 1, knobs, None, store.put_json(dataclasses.asdict(result)), None)
    return weight_files.begin_candidate("baseline", factory, arguments, step, weight_files.save_network(network, store))


def load_pretrained(prepared: Prepared, model: ModelSpec, stamp: str, store: Store) -> Candidate:
    """The user's trained weights as the baseline; nothing is trained.

    Args:
        model: names the weights' file.
        stamp: the digest of that file, so that a cached answer belongs to one state of it.

    Raises:
        InputError: the weights do not match the model, or the model does not match the data.
    """
    assert model.weights is not None
    factory, arguments = complete_factory(model, prepared)
    network = build_network(factory, arguments)
    weight_files.load_weights(network, Path(model.weights))
    check_shapes(network, prepared)
    step = Step("load", 1, {"weights": stamp}, None, None, None)
    return weight_files.begin_candidate("baseline", factory, arguments, step, weight_files.save_network(network, store))


def weights_stamp(model: ModelSpec) -> str:
    """The digest of the file with a model's weights."""
    assert model.weights is not None
    return digest_file(Path(model.weights))
