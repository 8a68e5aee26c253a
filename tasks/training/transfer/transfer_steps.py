"""Transfer steps: the features of a network that others trained, a new last layer on them, and fine-tuning."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, Literal

from tasks.core import Candidate, Context, InputError, NetworkFeatures, Prepared, Step, Store, Update
from tasks.data import preprocessing
from tasks.models import weight_files
from tasks.models.factory import build_network, complete_factory
from tasks.models.model_spec import ModelSpec
from tasks.models.pretrained.last_layer import TRANSFER, find_last_layer
from tasks.models.pretrained.trained_weights import weights_loader
from tasks.training import train
from tasks.training.reloading import store_network
from tasks.training.train_spec import TrainSpec
from tasks.training.training_data import TrainingData, TrainingInputs
from tasks.training.transfer.linear_head import LinearHead, fit_head
from tasks.training.validation import validate

if TYPE_CHECKING:
    import numpy as np
    from torch import Tensor

BATCH = 32
"""Examples in one batch of features."""


def extract_features(prepared: Prepared, model: ModelSpec, stamp: str, context: Context) -> NetworkFeatures:
    """Computes what the last layer of the network gets for every example of train and validation; nothing learns.

    Args:
        prepared: the data with their preprocessing.
        model: the network, its weights and the transfer.
        stamp: what decides the weights (`trained_weights.weights_stamp`), so that a cached result is valid for these.
        context: its progress is told the number of examples.

    Raises:
        InputError: the network or its weights do not fit the data, or its last layer gets several places of an example.
    """
    from tasks.kernels.training.feature_extraction import layer_inputs

    started, store, device = time.monotonic(), context.store, context.workspace.device
    made = complete_factory(model, prepared)
    network = build_network(*made)
    weights_loader(model, prepared)(network)
    layer = find_last_layer(network, prepared.input_shape, model.output)
    body, found = weight_files.save_network(network, store), []
    for split in ("train", "validation"):
        try:
            rows = layer_inputs(network.to(device), layer, _batches(prepared, split, context))
        except ValueError as error:
            law = f"needs a last layer that gets one row for each example, but {layer} gets {error}"
            raise InputError(
                law, path=TRANSFER, value=model.transfer, nearest="a factory that averages first"
            ) from error
        found.append(store.put_array(rows.numpy()))
    train, validation = found
    return NetworkFeatures(train, validation, body, layer, (time.monotonic() - started) / 60)


def _batches(prepared: Prepared, split: Any, context: Context) -> Iterator[Tensor]:
    """The network's inputs of a split, batch by batch, on the workspace's device."""
    import numpy as np
    import torch

    store, device = context.store, context.workspace.device
    stored, is_image = store.get_array(prepared.inputs[split]), prepared.dataset.kind == "images"
    transform = preprocessing.to_network(store.get_json(prepared.fitted), device)
    for start in range(0, len(stored), BATCH):
        rows = stored[start : start + BATCH]
        rows = np.array(rows.transpose(0, 3, 1, 2) if is_image else rows, order="C")
        yield transform(torch.from_numpy(rows).to(device))
        context.progress(Update(min(start + BATCH, len(stored)), len(stored), f"features of {split}"))


def fit_last_layer(
    model: ModelSpec,
    seed: int,
    features: NetworkFeatures,
    inputs: TrainingInputs,
    context: Context,
    splits: Sequence[Literal["train", "validation"]] = ("train",),
) -> Candidate:
    """The network with a last layer that is fitted on its features: logistic regression, or ridge for numbers.

    Args:
        model: the network and the transfer.
        seed: decides the folds in which the regularization is chosen.
        features: what `extract_features` found.
        inputs: the data and the metric.
        context: its store has the features and gets the weights.
        splits: what it is fitted on, one after the other.

    Raises:
        InputError: the network answers otherwise once it is loaded.
        Refusal: the metric is not defined on the validation split.
    """
    import numpy as np
    import torch

    started, store, prepared = time.monotonic(), context.store, inputs.prepared
    rows = {"train": features.train, "validation": features.validation}
    known = np.concatenate([read_array(store, rows[split]) for split in splits])
    targets = np.concatenate([preprocessing.targets(prepared, split, store) for split in splits])
    head = fit_head(known, targets, prepared.dataset.outputs, seed)
    made = complete_factory(model, prepared)
    network = build_network(*made)
    state = store.get_state(features.body)
    last = state[f"{features.layer}.weight"]
    state[f"{features.layer}.weight"] = torch.from_numpy(head.weight).reshape(last.shape)
    state[f"{features.layer}.bias"] = torch.from_numpy(head.bias)
    network.load_state_dict(state)
    found = validate_head(head, features, inputs, store)
    content, parity = store_network(network, build_network(*made), prepared, store)
    minutes = features.minutes + (time.monotonic() - started) / 60
    record = {"parity": parity, "strength": head.strength, "validation": found, "minutes": minutes}
    knobs = {**inputs.knobs, "body": features.body, "layer": features.layer, "seed": seed}
    knobs |= {"splits": list(splits)} if tuple(splits) != ("train",) else {}
    step = Step("features", 1, knobs, None, store.put_json(record), None)
    return weight_files.begin_candidate("baseline", *made, step, content)


def validate_head(head: LinearHead, features: NetworkFeatures, inputs: TrainingInputs, store: Store) -> float:
    """The metric on validation of a last layer, by the features that it gets; nothing else of the network runs.

    Raises:
        Refusal: the metric is not defined there.
    """
    import torch
    from torch import nn

    prepared = inputs.prepared
    layer = nn.Linear(head.weight.shape[1], len(head.weight))
    layer.load_state_dict({"weight": torch.from_numpy(head.weight), "bias": torch.from_numpy(head.bias)})
    rows = torch.from_numpy(read_array(store, features.validation))
    targets = torch.from_numpy(preprocessing.targets(prepared, "validation", store))
    target = store.get_json(prepared.fitted).get("target", {"mean": 0.0, "std": 1.0})
    data = TrainingData(rows, targets, rows, targets, lambda batch: batch, metric=inputs.metric, target=target)
    found = validate(layer, data)
    assert found is not None  # a regularized fit is finite
    return found.score


def fine_tune(start: Candidate, spec: TrainSpec, inputs: TrainingInputs, context: Context) -> Candidate:
    """Trains a network that is trained already: its last layers first and fastest, then those before them.

    It is never worse on validation than it was at the start.

    Args:
        start: of `fit_last_layer`, or loaded weights.
        spec: the training; `layer_decay` and `unfreeze` say how fast and when the layers learn.
        inputs: the data, the augmentation and the metric.
        context: its checkpoint file is rewritten after every epoch; a killed training continues from it.

    Raises:
        InputError: the network answers otherwise once it is loaded.
        Refusal: nothing can be trained, or the metric is not defined on the validation split.
    """
    return train.train_further(start, "fine_tune", spec, inputs, context, keep_start=True)


def read_array(store: Store, digest: str) -> np.ndarray:
    """An array of the store, in memory."""
    import numpy as np

    return np.array(store.get_array(digest))
