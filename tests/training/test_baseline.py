"""The baseline: trained from the data, or the user's own weights; everything that decided it is in its lineage."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import torch
from support import datasets, runs

from tasks.core import Context, InputError, MetricSpec, Prepared, Refusal, Update, Workspace, digest_file
from tasks.data import preprocessing
from tasks.data.augmentation import Crop
from tasks.models.factory import build_network, complete_factory
from tasks.models.model_spec import ModelSpec
from tasks.models.pretrained.trained_weights import weights_stamp
from tasks.techniques import replay
from tasks.training import baseline, training_data
from tasks.training.train_spec import TrainSpec
from tasks.training.training_data import TrainingInputs

SMALL = ModelSpec(arguments={"width": 8, "depth": 1})
PERCEPTRON = ModelSpec(factory="tasks.architectures:mlp", arguments={"width": 16, "depth": 1})
QUICK = TrainSpec(epochs=4, batch_size=16, learning_rate=0.01)


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return runs.workspace(tmp_path)


@pytest.fixture
def prepared(workspace: Workspace) -> Prepared:
    return datasets.prepared_squares(workspace.store)


def test_it_learns_and_says_how(prepared: Prepared, workspace: Workspace) -> None:
    heard: list[Update] = []
    found = baseline.fit(PERCEPTRON, QUICK, TrainingInputs(prepared), Context(workspace, progress=heard.append))
    assert [(update.done, update.total) for update in heard] == [(1, 4), (2, 4), (3, 4), (4, 4)]
    step = found.lineage[0]
    record = workspace.store.get_json(step.record or "")
    assert len(found.lineage) == 1
    assert (found.name, found.form, step.technique, step.parent) == ("baseline", "torch", "train", None)
    assert step.knobs["train"]["epochs"] == 4
    assert step.knobs["metric"]["name"] == "accuracy"
    assert step.knobs["data"] == prepared.dataset.fingerprint
    assert step.knobs["preprocessing"] == prepared.fitted
    assert max(epoch["validation_score"] for epoch in record["curve"]) > 0.9
    assert [update.score for update in heard] == [epoch["validation_score"] for epoch in record["curve"]]
    assert found.arguments == {"input_shape": [1, 8, 8], "outputs": 4, "width": 16, "depth": 1}


def test_a_rate_by_a_range_test_is_said_and_kept(prepared: Prepared, workspace: Workspace) -> None:
    heard: list[Update] = []
    weights = dict.fromkeys(prepared.dataset.classes, 2.0)
    spec = TrainSpec(epochs=2, batch_size=16, learning_rate="auto", ema=0.9, class_weights=weights, cutmix=1)
    found = baseline.fit(SMALL, spec, TrainingInputs(prepared), Context(workspace, progress=heard.append))
    record = workspace.store.get_json(found.lineage[0].record or "")
    assert found.lineage[0].knobs["train"]["learning_rate"] == "auto"
    assert len(record["rate_range"]["rates"]) == len(record["rate_range"]["losses"])
    assert heard[-1].note == f"learning rate {record['rate_range']['chosen']:g} by a range test"


def test_the_seed_decides_the_bits(prepared: Prepared, workspace: Workspace) -> None:
    def fit(seed: int) -> str:
        spec = QUICK.model_copy(update={"seed": seed, "epochs": 1})
        inputs = TrainingInputs(prepared, (Crop(padding=1),))
        return baseline.fit(SMALL, spec, inputs, Context(workspace)).content

    first = fit(0)
    assert fit(0) == first
    assert fit(1) != first


def test_a_killed_training_goes_on_after_its_last_epoch(prepared: Prepared, workspace: Workspace) -> None:
    checkpoint, before, after = workspace.home / "training", list[Update](), list[Update]()
    inputs = TrainingInputs(prepared)

    def fall_over(update: Update) -> None:
        before.append(update)
        if update.done == 2:
            raise KeyboardInterrupt

    whole = baseline.fit(SMALL, QUICK, inputs, Context(workspace))
    with pytest.raises(KeyboardInterrupt):
        baseline.fit(SMALL, QUICK, inputs, Context(workspace, checkpoint, fall_over))
    assert checkpoint.exists()
    resumed = baseline.fit(SMALL, QUICK, inputs, Context(workspace, checkpoint, after.append))
    assert [update.done for update in after] == [1, 2, 3, 4]
    assert after[:2] == before, "at first those of the checkpoint"
    assert resumed.content == whole.content


def test_a_model_that_does_not_suit_the_data_is_refused_before_training(
    prepared: Prepared, workspace: Workspace
) -> None:
    tall = ModelSpec(factory="tasks.architectures:mlp", arguments={"input_shape": [9]})
    with pytest.raises(InputError, match=r"does not accept examples of shape \(1, 8, 8\)"):
        baseline.fit(tall, QUICK, TrainingInputs(prepared), Context(workspace))


def test_training_that_diverges_is_refused(prepared: Prepared, workspace: Workspace) -> None:
    wild = QUICK.model_copy(update={"optimizer": "sgd", "learning_rate": 1e30, "schedule": "constant"})
    with pytest.raises(Refusal, match=r"not finite .*epoch 1.* at learning rate 1e\+30: lower train.learning_rate"):
        baseline.fit(SMALL, wild, TrainingInputs(prepared), Context(workspace))


def test_regression_is_trained_in_scaled_units(workspace: Workspace) -> None:
    def part(count: int, seed: int) -> tuple[pd.DataFrame, Any]:
        values = torch.randn(count, generator=torch.Generator().manual_seed(seed)).numpy()
        return pd.DataFrame({"x": values}), 1e6 + 1e5 * values

    store = workspace.store
    dataset = datasets.table_set(store, {"train": part(200, 0), "validation": part(60, 1)})
    prepared = preprocessing.preprocess(dataset, (), store)
    spec = TrainSpec(epochs=20, batch_size=16, learning_rate=0.01)
    inputs = TrainingInputs(prepared, metric=MetricSpec("rmse", "regression"))
    found = baseline.fit(ModelSpec(arguments={"width": 8}), spec, inputs, Context(workspace))
    best = min(e["validation_score"] for e in store.get_json(found.lineage[0].record or "")["curve"])
    assert best < 1e4, "a tenth of the target's deviation, in the data's own unit"


def test_pretrained_weights_are_the_baseline_as_they_are(prepared: Prepared, workspace: Workspace) -> None:
    file, store = workspace.home / "net.pt", workspace.store
    factory, arguments = complete_factory(SMALL, prepared)
    trained = build_network(factory, arguments, seed=5)
    torch.save(trained.state_dict(), file)
    model = SMALL.model_copy(update={"weights": str(file)})
    found = baseline.load_pretrained(prepared, model, weights_stamp(model, prepared), store)
    loaded = replay.load_network(found, store).state_dict()
    assert all(torch.equal(loaded[name], tensor) for name, tensor in trained.state_dict().items())
    assert [(step.technique, step.knobs) for step in found.lineage] == [("load", {"weights": digest_file(file)})]


def test_weights_of_another_network_are_refused(prepared: Prepared, workspace: Workspace) -> None:
    file = workspace.home / "net.pt"
    torch.save(torch.nn.Linear(2, 2).state_dict(), file)
    model = SMALL.model_copy(update={"weights": str(file)})
    with pytest.raises(
        InputError,
        match=r"net\.pt: model\.weights: must have the tensors of the model, but the file lacks '0\.weight', ",
    ):
        baseline.load_pretrained(prepared, model, weights_stamp(model, prepared), workspace.store)


def test_tensors_do_not_copy_what_they_are_given(prepared: Prepared, workspace: Workspace) -> None:
    arrays = preprocessing.training_arrays(prepared, workspace.store)
    for array in arrays.values():
        array.flags.writeable = False  # as Ray's object store gives them
    fitted = workspace.store.get_json(prepared.fitted)
    data = training_data.to_tensors(arrays, fitted, TrainingInputs(prepared, metric=MetricSpec("f1")), "cpu")
    assert data.inputs.data_ptr() == arrays["train_inputs"].ctypes.data
    assert (data.augment, data.metric) == (None, MetricSpec("f1"))
    inputs = TrainingInputs(prepared, (Crop(padding=1),))
    assert training_data.to_tensors(arrays, fitted, inputs, "cpu").augment is not None


def test_the_name_of_the_baseline_is_for_people(prepared: Prepared, workspace: Workspace) -> None:
    found = runs.untrained(prepared, workspace.store, "tasks.architectures:convnet", width=4)
    assert dataclasses.replace(found, name="x").digest == found.digest
