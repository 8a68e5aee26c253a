"""Preparation: what the baseline of a transferred network is, by each way, and what is asked of it only once."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from support import runs
from support.trained_networks import install_timm, save_body

from flows.pipeline import preparation
from flows.pipeline.run_context import Job
from flows.recipe.data_defaults import follow_network
from flows.recipe.schema import Recipe
from tasks.core import Context, InputError
from tasks.models.factory import build_network, complete_factory

FINE_TUNING = ("features of the network", "fit the last layer", "fine-tune the network")


@pytest.fixture
def weights(tmp_path: Path) -> str:
    return str(save_body(tmp_path / "body.pt"))


def recipe(weights: str, **changes: object) -> Recipe:
    """Digits, and a network of seven other classes."""
    model = {"factory": "support.trained_networks:body", "weights": weights, **changes}
    train = {"epochs": 2, "batch_size": 64, "learning_rate": 0.01}
    return follow_network(runs.tiny_recipe(model=model, train=train, preprocess=[{"step": "none"}]))


def job_of(recipe: Recipe, home: Path) -> Job:
    return Job(recipe, Context(runs.workspace(home)), runs.Remembering())


def test_features_are_shared_by_the_ways(weights: str, tmp_path: Path) -> None:
    job = job_of(recipe(weights, transfer="features"), tmp_path)
    prepared = preparation.prepare_data(job)
    head = preparation.make_baseline(job, prepared)
    tuned = preparation.make_baseline(Job(recipe(weights, transfer="fine_tune"), job.context, job.runner), prepared)
    assert [step.technique for step in head.lineage] == ["features"]
    assert [step.technique for step in tuned.lineage] == ["features", "fine_tune"]
    assert tuned.lineage[1].knobs["train"]["layer_decay"] == 0.4
    assert isinstance(job.runner, runs.Remembering)
    assert job.runner.worked == ["ingest sklearn:digits", "preprocess", *FINE_TUNING]


def test_auto_keeps_the_cheapest_within_noise_and_trains_from_scratch_only_on_many(
    weights: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(preparation, "MANY", 1_000)
    job = job_of(recipe(weights, transfer="auto"), tmp_path)
    best = preparation.make_baseline(job, preparation.prepare_data(job))
    record = job.store.get_json(best.lineage[-1].record or "")
    scores = {each["mode"]: each["score"] for each in record["options"]}
    assert list(scores) == ["features", "fine_tune", "scratch"]
    better = [each["mode"] for each in record["options"][1:] if each["gain"]["low"] > 0]
    assert best.lineage[-1].knobs["mode"] == (better or ["features"])[-1]
    preparation.make_baseline(job, preparation.prepare_data(job))
    assert isinstance(job.runner, runs.Remembering)
    assert job.runner.worked.count("choose the way of transfer") == 1


def test_auto_begins_nothing_that_its_minutes_do_not_allow(weights: str, tmp_path: Path) -> None:
    job = job_of(recipe(weights, transfer="auto"), tmp_path)
    train = job.recipe.train.model_copy(update={"minutes": 1e-6})
    short = Job(job.recipe.model_copy(update={"train": train}), job.context, job.runner)
    kept = preparation.make_baseline(short, preparation.prepare_data(short))
    record = job.store.get_json(kept.lineage[-1].record or "")
    assert (kept.lineage[-1].knobs["mode"], record["late"]) == ("features", ["fine_tune"])


def test_scratch_is_the_same_network_untrained(weights: str, tmp_path: Path) -> None:
    job = job_of(recipe(weights, transfer="scratch"), tmp_path)
    model = preparation.make_baseline(job, preparation.prepare_data(job))
    assert [step.technique for step in model.lineage] == ["train"]
    assert model.arguments["last"] == {"name": "fc", "outputs": 10}


def test_what_belongs_to_a_network_follows_it(monkeypatch: pytest.MonkeyPatch) -> None:
    install_timm(monkeypatch)
    given = {"factory": "timm:resnet18", "arguments": {"pretrained": True}, "transfer": "features"}
    followed = follow_network(runs.tiny_recipe(model=given))
    assert (followed.data.mixed_size, followed.preprocess[0].model_dump()["mean"]) == (96, (0.4, 0.4, 0.4))
    own = runs.tiny_recipe(model=given, data={"source": "sklearn:digits", "mixed_size": 32}, preprocess=[])
    assert follow_network(own).data.mixed_size == 32
    plain = runs.tiny_recipe()
    assert follow_network(plain) is plain


def test_a_loss_that_is_not_finite_is_one_message_on_the_training(tmp_path: Path) -> None:
    wild = {"epochs": 2, "optimizer": "sgd", "learning_rate": 1e30, "schedule": "constant"}
    job = job_of(runs.tiny_recipe(train=wild), tmp_path)
    with pytest.raises(InputError) as found:
        preparation.start_branches(job, preparation.prepare_data(job))
    assert found.value.path == "train"
    assert "the loss is not finite in epoch 1, batch" in found.value.law
    assert "at learning rate 1e+30: lower train.learning_rate, set train.clip_norm" in found.value.law


def test_loaded_weights_are_trained_further_where_that_is_asked(tmp_path: Path) -> None:
    model = {"factory": "tasks.architectures:convnet", "arguments": {"width": 4, "depth": 2}}
    base = job_of(follow_network(runs.tiny_recipe(model=model)), tmp_path)
    made = complete_factory(base.recipe.model, preparation.prepare_data(base))
    torch.save(build_network(*made, seed=1).state_dict(), tmp_path / "convnet.pt")
    model["weights"] = str(tmp_path / "convnet.pt")
    found = {}
    for further in (False, True):
        train = {"epochs": 2, "learning_rate": 0.01}
        given = runs.tiny_recipe(model={**model, "further": further}, train=train, preprocess=[{"step": "none"}])
        job = job_of(follow_network(given), tmp_path)
        found[further] = preparation.make_baseline(job, preparation.prepare_data(job))
    loaded, tuned = found[False], found[True]
    assert [step.technique for step in tuned.lineage] == ["load", "fine_tune"]
    assert tuned.lineage[:1] == loaded.lineage
    assert tuned.content != loaded.content
    assert tuned.lineage[1].knobs["train"]["layer_decay"] == 0.4
    curve = job.store.get_json(tuned.lineage[1].record or "")["curve"]
    assert [epoch["number"] for epoch in curve] == [0, 1, 2]
