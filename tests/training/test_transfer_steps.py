"""Transfer: features once, a fitted last layer, fine-tuning that a kill does not change, and the choice among them."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from support import datasets, runs
from support.trained_networks import Body, save_body

from tasks.core import Candidate, Context, NetworkFeatures, Prepared, Update, Workspace
from tasks.core.cache_key import references
from tasks.kernels.training import checkpoints
from tasks.models.factory import build_network
from tasks.models.model_spec import ModelSpec
from tasks.techniques import replay
from tasks.training import train
from tasks.training.train_spec import TrainSpec
from tasks.training.training_data import TrainingInputs, load_training_data
from tasks.training.transfer.linear_head import fit_head
from tasks.training.transfer.option_choice import choose_option, paired_drop, validation_score
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


def test_a_last_fit_has_the_rows_of_validation_too(
    prepared: Prepared, model: ModelSpec, features: NetworkFeatures, workspace: Workspace
) -> None:
    given = model, 0, features, TrainingInputs(prepared), Context(workspace)
    candidate = fit_last_layer(*given, splits=("train", "validation"))
    store = workspace.store
    rows = np.concatenate([store.get_array(each) for each in (features.train, features.validation)])
    parts = prepared.dataset.splits["train"], prepared.dataset.splits["validation"]
    targets = np.concatenate([store.get_array(part.targets) for part in parts])
    known = fit_head(rows, targets, 4, 0)
    assert torch.equal(store.get_state(candidate.content)["fc.weight"], torch.from_numpy(known.weight))
    assert candidate.lineage[0].knobs["splits"] == ["train", "validation"]


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


KILLED = """
import sys, time
from pathlib import Path
from support import datasets, runs
from tasks.core import Context
from tasks.models.model_spec import ModelSpec
from tasks.training.train_spec import TrainSpec
from tasks.training.training_data import TrainingInputs
from tasks.training.transfer.transfer_steps import extract_features, fine_tune, fit_last_layer
home, weights, spec = Path(sys.argv[1]), sys.argv[2], TrainSpec.model_validate_json(sys.argv[3])
workspace = runs.workspace(home)
prepared = datasets.prepared_squares(workspace.store)
model = ModelSpec(factory="support.trained_networks:body", weights=weights, transfer="features")
inputs, context = TrainingInputs(prepared), Context(workspace)
head = fit_last_layer(model, 0, extract_features(prepared, model, "stamp", context), inputs, context)
def slowly(update):
    print(update.done, flush=True)
    time.sleep(0.5)
print(fine_tune(head, spec, inputs, Context(workspace, home / "checkpoint", slowly)).content, flush=True)
"""


@pytest.mark.e2e
def test_a_fine_tuning_killed_by_the_system_goes_on_to_the_same_bits(
    head: Candidate, prepared: Prepared, model: ModelSpec, workspace: Workspace, tmp_path: Path
) -> None:
    """SIGKILL after the third of five epochs, while some layers are still frozen; the next process reads the rest."""
    whole = fine_tune(head, TUNE, TrainingInputs(prepared), Context(workspace))
    (home := tmp_path / "other").mkdir()
    command = [sys.executable, "-c", KILLED, str(home), str(model.weights), TUNE.model_dump_json()]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    first = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True)
    assert first.stdout
    for line in first.stdout:
        if line == "3\n":
            first.kill()
    assert first.wait() == -signal.SIGKILL
    kept = (home / "checkpoint").read_bytes()
    assert len(checkpoints.unpack(kept[:64].decode(), kept, torch.device("cpu"))["curve"]) == 4, "the start and three"
    second = subprocess.run(command, env=environment, stdout=subprocess.PIPE, text=True, check=True)
    *epochs, content = second.stdout.split()
    assert epochs == ["1", "2", "3", "4", "5"], "those of the checkpoint are told first"
    assert content == whole.content


def test_the_rates_fall_towards_the_input(prepared: Prepared, workspace: Workspace) -> None:
    """With a rate of nearly nothing, only the last layer moves."""
    data, network = load_training_data(TrainingInputs(prepared), Context(workspace)), Body(4)
    before = {name: value.clone() for name, value in network.named_parameters()}
    spec = TUNE.model_copy(update={"epochs": 1, "unfreeze": 0, "layer_decay": 1e-4, "optimizer": "sgd"})
    train.train(network, data, spec)
    moved = {name: float((value.detach() - before[name]).abs().max()) for name, value in network.named_parameters()}
    assert moved["fc.weight"] > 1e-3
    assert moved["stem.weight"] < 1e-6


def test_the_first_option_stays_unless_a_later_one_is_better_beyond_noise(
    head: Candidate, prepared: Prepared, workspace: Workspace
) -> None:
    """A head with its classes exchanged knows almost none: the right one takes its place, and never the other way."""
    store, inputs, context = workspace.store, TrainingInputs(prepared), Context(workspace)
    state = store.get_state(head.content)
    state["fc.weight"] = state["fc.weight"].roll(1, 0)
    poor = head.after(head.lineage[-1], store.put_state(state))
    chosen = choose_option({"features": poor, "fine_tune": head}, ["scratch"], inputs, context)
    record = store.get_json(chosen.lineage[-1].record or "")
    assert (chosen.content, chosen.lineage[-1].knobs) == (head.content, {"mode": "fine_tune"})
    assert record["late"] == ["scratch"]
    assert record["options"][1]["gain"]["over"] == "features"
    assert 0 < record["options"][1]["gain"]["low"] < record["options"][1]["gain"]["value"]
    kept = choose_option({"features": head, "fine_tune": poor, "scratch": head}, [], inputs, context)
    told = store.get_json(kept.lineage[-1].record or "")["options"]
    assert kept.lineage[-1].knobs == {"mode": "features"}
    assert [each["mode"] for each in told] == ["features", "fine_tune", "scratch"]
    assert (told[2]["gain"]["over"], told[2]["gain"]["value"]) == ("features", 0)


def test_a_gain_within_noise_changes_nothing(head: Candidate, prepared: Prepared, workspace: Workspace) -> None:
    """One of 40 more is no proof."""
    data = load_training_data(TrainingInputs(prepared), Context(workspace))
    right = torch.nn.functional.one_hot(data.validation_targets, 4).float()
    worse = right.clone()
    worse[0] = worse[0].roll(1)
    gain = paired_drop(worse.numpy(), right.numpy(), data)
    assert gain.value == -1 / 40
    assert gain.low < gain.value < 0 < gain.high
