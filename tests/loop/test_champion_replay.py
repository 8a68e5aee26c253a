"""Champion replay: whose settings a retrain has, and what it says of them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from flows.loop.champion_replay import Replay, replay_champion
from flows.recipe.loading import validate_recipe
from tasks.core import InputError

CONF: dict[str, Any] = {
    "name": "churn",
    "data": {"source": "old.csv", "target": "churned"},
    "model": {"family": "auto"},
    "goal": {"metric": "log_loss", "max_drop": 0.01},
}
CHAMPION: dict[str, Any] = {
    **CONF,
    "model": {"family": "lightgbm", "arguments": {"num_leaves": 7}},
    "compress": {"branches": [{"name": "clean", "steps": [{"step": "clean"}]}]},
}


def replayed(conf: dict[str, Any], champion: dict[str, Any], new_data: str | None = "new.csv") -> Replay:
    return replay_champion(validate_recipe(conf), yaml.safe_dump(champion), new_data)


def test_the_champion_gives_the_steps_and_the_recipe_data_and_goal() -> None:
    conf = {**CONF, "goal": {"metric": "log_loss", "max_drop": 0.02}, "runtime": {"threads": 2}}
    found = replayed(conf, CHAMPION)
    assert found.recipe.model.family == "lightgbm"
    assert found.recipe.model.arguments == {"num_leaves": 7}
    assert [branch.name for branch in found.recipe.compress.branches] == ["clean"]  # type: ignore[union-attr]
    assert found.recipe.goal.max_drop == 0.02
    assert found.recipe.runtime.threads == 2
    assert found.note.startswith("The recipe differs from the champion's in goal.max_drop, and was followed. New rows")


def test_new_rows_are_partly_held_out() -> None:
    conf = {**CONF, "retrain": {"data": "replace", "holdout": 0.3, "window": "500 rows"}}
    found = replayed({**conf, "data": {**CONF["data"], "test": "test.csv"}}, CHAMPION)
    data = found.recipe.data
    assert data.added is not None
    assert (data.added.source, data.added.rule, data.added.holdout) == ("new.csv", "replace", 0.3)
    assert (data.test, data.window) == (None, "500 rows")
    told = "New rows replaced the others, window 500 rows; drawn at random out of them, for the split is by no time,"
    assert told in found.note
    by_time = {**CONF, "data": {**CONF["data"], "split": {"by": "time"}}}
    assert "New rows joined the others; the newest of them were held out (0.2)" in replayed(by_time, CHAMPION).note


def test_without_new_rows_the_recipe_s_own_are_read_anew() -> None:
    found = replayed(CONF, CHAMPION, None)
    assert found.recipe.data == validate_recipe(CONF).data
    assert found.note.startswith("No new data: compared on the test split of the recipe's own data")


def test_a_champion_that_is_the_baseline_runs_all_branches_of_the_recipe() -> None:
    champion = {name: value for name, value in CHAMPION.items() if name != "compress"}
    found = replayed({**CONF, "compress": CHAMPION["compress"]}, champion)
    assert [branch.name for branch in found.recipe.compress.branches] == ["clean"]  # type: ignore[union-attr]
    assert found.note.endswith("The champion is a baseline, so all branches of the recipe were run")
    assert replayed(CONF, champion).recipe.compress is None, "the default ones"


NETWORK: dict[str, Any] = {
    "name": "cifar",
    "data": {"source": "train.npz"},
    "model": {"factory": "tasks.architectures:resnet20", "weights": "resnet20.th", "key": "state"},
    "compress": {"branches": [{"name": "eight", "steps": [{"step": "int8"}]}]},
}


def test_weights_begin_with_the_champion_s_own_baseline() -> None:
    found = replay_champion(validate_recipe(NETWORK), yaml.safe_dump(NETWORK), None, Path("store/ab/abcd"))
    model = found.recipe.model
    assert (model.weights, model.key, model.further) == ("store/ab/abcd", None, True)
    assert found.note.endswith("The network was trained further from the champion's own baseline")
    again = {**NETWORK, "model": model.model_dump(mode="json", exclude_unset=True)}
    later = replay_champion(validate_recipe(NETWORK), yaml.safe_dump(again), None, Path("store/cd/cdef"))
    assert (later.recipe.model.weights, later.recipe.model.further) == ("store/cd/cdef", True)


def test_weights_of_a_baseline_that_is_gone_are_those_of_the_recipe() -> None:
    champion = {**NETWORK, "model": {**NETWORK["model"], "weights": "gone", "further": True}}
    del champion["model"]["key"]
    found = replayed(NETWORK, champion, None)
    model = found.recipe.model
    assert (model.weights, model.key, model.further) == ("resnet20.th", "state", True)
    assert "The champion's own baseline is not in this store (another home, an older version, or paredown gc)" in (
        found.note
    )


@pytest.mark.parametrize(("way", "weights"), [("fine_tune", "new"), ("features", "resnet20.th")])
def test_a_transfer_keeps_its_way(way: str, weights: str) -> None:
    champion = {**NETWORK, "model": {**NETWORK["model"], "transfer": way}}
    found = replay_champion(validate_recipe(champion), yaml.safe_dump(champion), None, Path("new"))
    model = found.recipe.model
    assert (model.weights, model.transfer, model.further) == (weights, way, False)


def test_a_network_is_taken_as_it_is_where_that_is_asked() -> None:
    conf = {**NETWORK, "retrain": {"fine_tune": False}}
    found = replay_champion(validate_recipe(conf), yaml.safe_dump(NETWORK), None, Path("new"))
    assert (found.recipe.model.weights, found.recipe.model.further) == ("resnet20.th", False)
    assert found.note.endswith("The weights are those of the recipe")


def test_a_search_needs_its_section() -> None:
    conf = {**CONF, "retrain": {"search": {"minutes": 2}}}
    with pytest.raises(InputError, match=r"retrain\.search\.minutes: needs the section search"):
        replayed(conf, CHAMPION)
    space = {"model.arguments.num_leaves": {"choice": [7, 15]}}
    searched = {**conf, "model": {"family": "lightgbm"}, "search": {"space": space, "trials": 3}}
    found = replayed(searched, CHAMPION).recipe.search
    assert found is not None
    assert found.minutes == 2
    assert replayed({**searched, "retrain": {}}, CHAMPION).recipe.search is None
