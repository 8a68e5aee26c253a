"""Pretrained text: what a missing network costs, which size pictures have, and which way of transfer was best."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from support import datasets, runs
from support.trained_networks import install_timm

from flows.recipe.data_defaults import follow_network
from flows.results.pretrained_text import network_doubts, transfer_note
from tasks.core import Candidate, Dataset, MetricSpec, Step, Store
from tasks.evaluation.metric_choice import metric_of


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "store")


def photos(store: Store, side: int = 64, count: int = 8) -> Dataset:
    pixels = np.zeros((count, side, side, 3), np.uint8)
    return datasets.picture_set(store, {"train": pixels, "validation": pixels})


def test_few_photos_without_a_pretrained_network_are_doubted(store: Store) -> None:
    recipe, data = runs.tiny_recipe(), photos(store)
    [said] = network_doubts(recipe, data)
    assert said.startswith("No pretrained network was found, and 8 train pictures are few")
    assert "transfer: features" in said
    assert network_doubts(recipe, photos(store, side=32)) == ()
    many = dataclasses.replace(data.splits["train"], count=2_000)
    assert network_doubts(recipe, dataclasses.replace(data, splits={**data.splits, "train": many})) == ()
    assert network_doubts(runs.tiny_recipe(model={"factory": "mine:net"}), data) == ()


def test_the_size_of_the_pictures_is_said(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    install_timm(monkeypatch)
    own = runs.tiny_recipe(model={"factory": "mine:net", "weights": "a.pt", "transfer": "features"})
    [said] = network_doubts(follow_network(own), photos(store, side=224))
    assert said.startswith("The pictures become 224 × 224 pixels")
    assert network_doubts(follow_network(own), photos(store)) == ()
    timm = runs.tiny_recipe(model={"factory": "timm:resnet18", "arguments": {"pretrained": True}})
    [said] = network_doubts(timm, photos(store))
    assert said.endswith("was trained on 96 × 96: data.size: 96 makes them so.")
    assert network_doubts(timm, photos(store, side=96)) == ()


def test_the_ways_of_auto_are_told_with_their_scores(store: Store) -> None:
    gain = {"over": "features", "value": 0.02, "low": -0.01, "high": 0.05}
    options = [
        {"mode": "features", "score": 0.9, "minutes": 0.5},
        {"mode": "fine_tune", "score": 0.92, "minutes": 2, "gain": gain},
    ]
    record = store.put_json({"options": options, "late": ["scratch"]})
    model = Candidate(
        "baseline", "torch", "a:b", {}, (Step("transfer", 1, {"mode": "features"}, None, record, None),), ""
    )
    stage = SimpleNamespace(model=model)
    findings: Any = SimpleNamespace(
        results=(SimpleNamespace(stages=(stage,)),),
        prepared=SimpleNamespace(dataset=photos(store)),
        metric=metric_of(MetricSpec()),
    )
    assert transfer_note(findings, store) == (
        "Ways of transfer, by accuracy on 8 validation examples: features 0.9000 (0.5 min), fine_tune 0.9200 "
        "(2.0 min; over features +0.0200 [-0.0100, +0.0500], not beyond noise); features is the baseline. "
        "Not begun, since the minutes were over: scratch."
    )
    stage.model = dataclasses.replace(model, lineage=())
    assert transfer_note(findings, store) is None
