"""Baseline: trains the model with which all others are compared, or loads the user's trained weights."""

from __future__ import annotations

import dataclasses
from typing import Any

from tasks.core import Candidate, Context, Prepared, Step, Store, Update
from tasks.models import weight_files
from tasks.models.factory import build_network, complete_factory
from tasks.models.model_spec import ModelSpec
from tasks.models.pretrained.trained_weights import weights_loader
from tasks.training import train
from tasks.training.reloading import store_network
from tasks.training.train_spec import TrainSpec
from tasks.training.training_data import TrainingInputs, load_training_data


def fit(model: ModelSpec, spec: TrainSpec, inputs: TrainingInputs, context: Context) -> Candidate:
    """Trains the baseline on the train split; the validation split decides the best epoch and early stopping.

    Args:
        model: the network's factory and its arguments.
        spec: the training.
        inputs: the data, the augmentation and the metric.
        context: its checkpoint file is rewritten after every epoch; a killed training continues from it.

    Raises:
        InputError: the factory or an argument is wrong, the model does not match the data, or it answers otherwise once
            it is loaded.
        Refusal: the loss is not finite in the first epoch, nothing can be trained, or the metric is not defined on
            the validation split.
    """
    store, prepared = context.store, inputs.prepared
    made = complete_factory(model, prepared)
    network = build_network(*made, seed=spec.seed)
    knobs: dict[str, Any] = {"train": spec.model_dump(mode="json"), **inputs.knobs}
    result = train.train(
        network.to(context.workspace.device),
        load_training_data(inputs, context),
        spec,
        checkpoint=context.checkpoint,
        on_epoch=train.report_epochs(context.progress, spec.epochs, inputs.metric),
    )
    if found := result.rate_range:
        context.progress(Update(spec.epochs, spec.epochs, f"learning rate {found.chosen:g} by a range test"))
    if result.arithmetic:
        context.progress(Update(spec.epochs, spec.epochs, str(result.arithmetic)))
    content, parity = store_network(network, build_network(*made), prepared, store)
    step = Step("train", 1, knobs, None, store.put_json({**dataclasses.asdict(result), "parity": parity}), None)
    return weight_files.begin_candidate("baseline", *made, step, content)


def load_pretrained(prepared: Prepared, model: ModelSpec, stamp: str, store: Store) -> Candidate:
    """Loads the user's trained weights as the baseline; nothing is trained.

    Args:
        prepared: the data with their preprocessing.
        model: the network's factory and arguments, and its weights.
        stamp: what decides the weights (`trained_weights.weights_stamp`), so that a cached result is valid for these.
        store: gets the weights.

    Raises:
        InputError: the weights do not match the model, the model does not match the data, or it answers otherwise once
            it is loaded from the store.
    """
    made = complete_factory(model, prepared)
    network = build_network(*made)
    weights_loader(model, prepared)(network)
    content, parity = store_network(network, build_network(*made), prepared, store)
    step = Step("load", 1, {"weights": stamp}, None, store.put_json({"parity": parity}), None)
    return weight_files.begin_candidate("baseline", *made, step, content)
