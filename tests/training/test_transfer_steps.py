"""Transfer: features once, a fitted last layer, fine-tuning that a kill does not change, and the choice among them."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from support import datasets, runs
from support.trained_networks import Body, save_body

from tasks.core import Candidate, Context, NetworkFeatures, Prepared, Update, Workspace
from tasks.core.cache_key import references
from tasks.models.factory import build_network
from tasks.models.model_spec import ModelSpec
from tasks.techniques import replay
from tasks.training import train
from tasks.training.train_spec import TrainSpec
from tasks.training.training_data import TrainingInputs, load_training_data
from tasks.training.transfer.option_choice import choose_option, validation_score
from tasks.training.transfer.transfer_steps import extract_features, fine_tune, fit_last_layer

TUNE = TrainSpec(epochs=5, batch_size=16, learning_rate=0.02, layer_decay=0.5, unfreeze=1, early_stopping=None)


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return runs.workspace(tmp_path)


@pytest.fixture
def prepared(workspace: Workspace) -> Prepared:
    return datasets.prepared_squares(workspace.store)


@pytest.fixture
def model(tmp_path: Path) -> ModelSpec:
    weights = str(save_body(tmp_path / "body.pt"))
    return ModelSpec(factory="support.trained_networks:body", weights=weights, transfer="features")


@pytest.fixture
def features(prepared: Prepared, model: ModelSpec, workspace: Workspace) -> NetworkFeatures:
    return extract_features(prepared, model, "stamp", Context(workspace))


@pytest.fixture
def head(prepared: Prepared, model: ModelSpec, features: NetworkFeatures, workspace: Workspace) -> Candidate:
    return fit_last_layer(model, 0, features, TrainingInputs(prepared), Context(workspace))


def test_features_are_computed_once_and_kept(features: NetworkFeatures, workspace: Workspace) -> None:
    store = workspace.store
    assert store.get_array(features.train).shape == (64, 64)
    assert store.get_array(features.validation).shape == (40, 64)
    assert features.layer == "fc"
    assert list(references(features)) == [features.train, features.validation, features.body]


def test_a_new_last_layer_knows_the_classes(head: Candidate, prepared: Prepared, workspace: Workspace) -> None:
    store, data = workspace.store, load_training_data(TrainingInputs(prepared), Context(workspace))
    network = replay.load_network(head, store)
    with torch.no_grad():
        found = network(data.transform(data.validation_inputs)).argmax(1)
    score = float((found == data.validation_targets).float().mean())
    record = store.get_json(head.lineage[-1].record or "")
    assert score > 0.9
    assert record["validation"] == pytest.approx(score)
    assert [step.technique for step in head.lineage] == ["features"]


def test_the_body_stays_as_it_was(head: Candidate, model: ModelSpec, workspace: Workspace) -> None:
    trained, now = torch.load(str(model.weights), weights_only=True), workspace.store.get_state(head.content)
    assert all(torch.equal(now[name], value) for name, value in trained.items() if not name.startswith("fc."))


def test_fine_tuning_is_never_worse_than_its_start(head: Candidate, prepared: Prepared, workspace: Workspace) -> None:
    heard: list[Update] = []
    tuned = fine_tune(head, TUNE, TrainingInputs(prepared), Context(workspace, progress=heard.append))
    store = workspace.store
    before, after = (validation_score(store.get_json(each.lineage[-1].record or "")) for each in (head, tuned))
    assert after >= before
    assert len(heard) == 5
    assert [step.technique for step in tuned.lineage] == ["features", "fine_tune"]
    assert build_network(tuned.factory, tuned.arguments).fc.weight.shape == (4, 64)  # type: ignore[union-attr]


def test_a_killed_fine_tuning_goes_on_to_the_same_bits(
    prepared: Prepared, workspace: Workspace, tmp_path: Path
) -> None:
    """Killed after each epoch in turn: while layers are frozen, as they thaw, and when all learn."""
    data = load_training_data(TrainingInputs(prepared), Context(workspace))

    def network() -> Body:
        with torch.random.fork_rng():
            torch.manual_seed(3)
            return Body(4)

    whole, again = network(), network()
    train.train(whole, data, TUNE)
    for last in range(1, TUNE.epochs + 1):
        again = network()
        train.train(
            again, data, TUNE, checkpoint=tmp_path / "training", on_epoch=lambda epoch, last=last: epoch.number == last
        )
    assert all(torch.equal(value, whole.state_dict()[name]) for name, value in again.state_dict().items())


def test_the_rates_fall_towards_the_input(prepared: Prepared, workspace: Workspace) -> None:
    """With a rate of nearly nothing, only the last layer moves."""
    data, network = load_training_data(TrainingInputs(prepared), Context(workspace)), Body(4)
    before = {name: value.clone() for name, value in network.named_parameters()}
    spec = TUNE.model_copy(update={"epochs": 1, "unfreeze": 0, "layer_decay": 1e-4, "optimizer": "sgd"})
    train.train(network, data, spec)
    moved = {name: float((value.detach() - before[name]).abs().max()) for name, value in network.named_parameters()}
    assert moved["fc.weight"] > 1e-3
    assert moved["stem.weight"] < 1e-6


def test_the_best_option_is_chosen_and_all_are_told(head: Candidate, prepared: Prepared, workspace: Workspace) -> None:
    store, inputs = workspace.store, TrainingInputs(prepared)
    tuned = fine_tune(head, TUNE, inputs, Context(workspace))
    chosen = choose_option({"features": head, "fine_tune": tuned}, ["scratch"], inputs.metric, store)
    record = store.get_json(chosen.lineage[-1].record or "")
    scores = {each["mode"]: each["score"] for each in record["options"]}
    best = "fine_tune" if scores["fine_tune"] > scores["features"] else "features"
    assert chosen.content == {"features": head, "fine_tune": tuned}[best].content
    assert (list(scores), record["late"]) == (["features", "fine_tune"], ["scratch"])
    assert chosen.lineage[-1].knobs == {"mode": best}
    same = choose_option({"features": head, "fine_tune": head}, [], inputs.metric, store)
    assert same.lineage[-1].knobs == {"mode": "features"}
