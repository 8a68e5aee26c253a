"""Cache keys: what decides a cached answer, and what an answer needs to be whole."""

from __future__ import annotations

import dataclasses
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support import datasets, runs

from tasks.core import Candidate, Estimate, Goal, Latency, Prepared, Split, Step, cache_key
from tasks.data.preprocessing_spec import Normalize
from tasks.models.model_spec import ModelSpec
from tasks.training.train_spec import TrainSpec

SMALL = ModelSpec(arguments={"width": 4, "depth": 1})
QUICK = TrainSpec(epochs=1, batch_size=16)


def candidate(name: str = "a", content: str = "1" * 64) -> Candidate:
    step = Step("train", 1, {"epochs": 3}, None, None, None)
    return Candidate(name, "torch", "x:y", {"width": 1}, (step,), content)


def latency(ms: float) -> Latency:
    return Latency(ms, ms, 10, 3, Estimate(1.0, 0.9, 1.1, 3), "no measurable change")


def test_where_things_are_is_no_part_of_the_key(tmp_path: Path) -> None:
    here, there = (runs.workspace(tmp_path / name) for name in ("here", "there"))
    there = dataclasses.replace(there, device="cuda:1", tracking_uri="http://127.0.0.1:5000", run="c0ffee")
    assert cache_key.identity(here) is None
    keys = {cache_key.cache_key("fit", {"model": SMALL, "workspace": place}) for place in (here, there)}
    assert len(keys) == 1


def test_scores_are_no_part_of_the_key() -> None:
    keys = {
        cache_key.cache_key("evaluate", {"baseline": "b", "timing": {"b": each}})
        for each in (latency(1.0), latency(2.0))
    }
    assert len(keys) == 1
    assert cache_key.identity({"card": latency(1.0)}) == {"card": None}


def test_the_name_of_a_candidate_is_no_part_of_the_key() -> None:
    assert cache_key.identity(candidate("a")) == cache_key.identity(candidate("b")) == candidate().digest
    assert cache_key.identity(candidate("a")) != cache_key.identity(candidate("a", "2" * 64))


@pytest.mark.parametrize(
    "other",
    [
        {"spec": QUICK.model_copy(update={"epochs": 2})},
        {"metric": "f1"},
        {"augment": (Normalize(),)},
        {"stamp": "y"},
        {"goal": Goal(max_drop=0.02)},
        {"split": Split("a", "b", 4)},
    ],
)
def test_everything_else_is(other: dict[str, Any]) -> None:
    before = {
        "spec": QUICK,
        "metric": "accuracy",
        "augment": (),
        "stamp": "x",
        "goal": Goal(),
        "split": Split("a", "b", 3),
    }
    assert cache_key.cache_key("fit", before) == cache_key.cache_key("fit", dict(reversed(before.items())))
    assert cache_key.cache_key("fit", before) != cache_key.cache_key("fit", {**before, **other})
    assert cache_key.cache_key("fit", before) != cache_key.cache_key("recover", before)


def test_two_specs_with_the_same_knobs_differ_by_their_kind() -> None:
    from tasks.data.augmentation import Flip
    from tasks.techniques import Channels, LowRank

    assert cache_key.identity(Channels()) != cache_key.identity(LowRank())
    assert cache_key.identity(Flip())[0] == "Flip"


def test_keys_are_the_same_in_another_process() -> None:
    code = (
        "from tasks.core import Goal, cache_key; from tasks.training.train_spec import TrainSpec;"
        "named = {'spec': TrainSpec(epochs=1, batch_size=16), 'goal': Goal(), 'labels': ('b', 'a')};"
        "print(cache_key.cache_key('fit', named))"
    )
    environment = {**os.environ, "PYTHONHASHSEED": "17"}
    there = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    assert there.stdout.strip() == cache_key.cache_key("fit", {"spec": QUICK, "goal": Goal(), "labels": ("b", "a")})


def test_a_key_that_cannot_be_made_is_an_error() -> None:
    for value in (object(), np.zeros(2), float("nan"), {1, 2}, b"bytes", lambda: 1):
        with pytest.raises((TypeError, ValueError)):
            cache_key.cache_key("fit", {"value": value})


@pytest.fixture
def prepared(tmp_path: Path) -> Prepared:
    return datasets.prepared_squares(runs.workspace(tmp_path).store)


def test_references_name_everything_that_an_answer_needs(prepared: Prepared) -> None:
    made = dataclasses.replace(
        candidate(),
        lineage=(Step("train", 1, {}, None, "r1", None), Step("channels", 1, {}, "p2", None, "x")),
    )
    assert set(cache_key.references(made)) == {"1" * 64, "r1", "p2"}
    needed = set(cache_key.references(prepared))
    assert prepared.fitted in needed
    assert set(prepared.inputs.values()) <= needed
    assert {split.targets for split in prepared.dataset.splits.values()} <= needed
    assert list(cache_key.references({"a": latency(1.0)})) == []
