"""Spaces: domains, their conditions, grids, and what a search may spend."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from tasks.search.search_spec import Resources, Search, SearchBudget
from tasks.search.space import applies, grid, is_member, ordered, restrict, settings

TREE: dict[str, Any] = {
    "momentum": {"choice": [0.5, 0.9], "when": {"optimizer": "sgd"}},
    "nesterov": {"choice": [True, False], "when": {"optimizer": ["sgd"], "momentum": 0.9}},
    "optimizer": {"choice": ["sgd", "adam"]},
    "width": {"quantized": [8, 24, 8]},
}


def search(space: dict[str, Any] = TREE, **changes: Any) -> Search:
    return Search.model_validate({"space": space, **changes})


def domain(content: Any) -> Any:
    return search({"a": content}).space["a"]


# --- domains --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("content", "values"),
    [
        ({"choice": ["a", None, [1]]}, ["a", None, [1]]),
        ({"integers": [-1, 2]}, [-1, 0, 1, 2]),
        ({"quantized": [16, 64, 16]}, [16, 32, 48, 64]),
        ({"quantized": [0.1, 0.7, 0.1]}, [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7]),
        ({"quantized": [5, 8, 1.5]}, [5, 6.5, 8]),
    ],
)
def test_an_enumerable_domain_names_its_values(content: Any, values: list[Any]) -> None:
    found = list(domain(content).values())
    assert found == values
    assert [type(each) for each in found] == [type(each) for each in values], "whole numbers are int"
    assert all(domain(content).has(value) for value in values)


@pytest.mark.parametrize(
    ("content", "inside", "outside"),
    [
        ({"uniform": [0, 1]}, [0, 0.3, 1], [-0.1, 1.1, "a", None, True]),
        ({"loguniform": [0.1, 1]}, [0.1, 0.5], [0.09, None]),
        ({"integers": [1, 3]}, [1, 2.0, 3], [0, 4, 2.5, "2", True, None]),
        ({"quantized": [0.2, 1.0, 0.2]}, [0.2, 0.6, 1], [0.3, 0, True]),
        ({"choice": [1, "a"]}, [1, "a"], [True, "b", 2]),
    ],
)
def test_what_a_domain_holds(content: Any, inside: list[Any], outside: list[Any]) -> None:
    assert all(domain(content).has(value) for value in inside)
    assert not any(domain(content).has(value) for value in outside)


def test_a_continuous_domain_has_no_list_of_values() -> None:
    assert domain({"uniform": [0, 1]}).values() is None
    assert domain({"loguniform": [0.1, 1]}).values() is None


@pytest.mark.parametrize(
    ("content", "law"),
    [
        ({"quantized": [0, 1, 1e-5]}, "must have at most 10,000 steps, but has 100,000"),
        ({"quantized": [0, 1, 0]}, "greater than 0"),
        ({"quantized": [0, 1, 2]}, "whole steps of its third"),
        ({"integers": [3, 3]}, "the first number must be below the second"),
    ],
)
def test_a_domain_that_is_none(content: Any, law: str) -> None:
    with pytest.raises(ValidationError, match=law):
        domain(content)


def test_a_domain_in_words() -> None:
    assert str(domain({"quantized": [8, 24, 8]})) == "quantized [8, 24, 8]"
    assert str(domain({"loguniform": [1e-4, 0.1]})) == "loguniform [0.0001, 0.1]"
    words = "choice [True, False] when optimizer is sgd and momentum is 0.9"
    assert str(search().space["nesterov"]) == words


# --- conditions -----------------------------------------------------------------------------------------------


def test_a_domain_applies_where_all_its_conditions_hold() -> None:
    nesterov = search().space["nesterov"]
    assert applies(nesterov, {"optimizer": "sgd", "momentum": 0.9})
    assert not applies(nesterov, {"optimizer": "sgd", "momentum": 0.5})
    assert not applies(nesterov, {"momentum": 0.9}), "a path that is absent holds nothing"
    assert applies(search().space["width"], {})


def test_conditions_tell_true_from_1() -> None:
    space = search({"a": {"choice": [1, True]}, "b": {"choice": [2], "when": {"a": True}}}).space
    assert not applies(space["b"], {"a": 1})
    assert applies(space["b"], {"a": True})


def test_conditions_come_before_what_depends_on_them() -> None:
    assert ordered(search().space) == ["optimizer", "momentum", "nesterov", "width"]
    plain = {name: {"choice": [1]} for name in "cab"}
    assert ordered(search(plain).space) == ["c", "a", "b"], "else the order is the user's"


def test_the_settings_under_which_a_path_applies() -> None:
    assert settings("width", search().space) == [{}]
    assert settings("nesterov", search().space) == [{"optimizer": "sgd", "momentum": 0.9}]
    either = {"a": {"choice": [1, 2, 3]}, "b": {"integers": [0, 1], "when": {"a": [1, 3]}}}
    assert settings("b", search(either).space) == [{"a": 1}, {"a": 3}]


def test_a_point_is_restricted_to_what_applies() -> None:
    full = {"width": 8, "nesterov": True, "momentum": 0.9, "optimizer": "adam", "stranger": 1}
    assert restrict(full, search().space) == {"optimizer": "adam", "width": 8}
    assert list(restrict({**full, "optimizer": "sgd"}, search().space)) == [
        "optimizer",
        "momentum",
        "nesterov",
        "width",
    ]


def test_which_points_a_search_could_draw() -> None:
    space = search().space
    good = {"optimizer": "sgd", "momentum": 0.5, "width": 16}
    assert is_member(good, space)
    assert is_member({"optimizer": "adam", "width": 8}, space)
    for wrong in (
        {**good, "width": 12},
        {**good, "nesterov": True},
        {**good, "stranger": 1},
        {"optimizer": "sgd", "width": 8},
        {},
    ):
        assert not is_member(wrong, space), wrong


# --- grids and budgets ----------------------------------------------------------------------------------------


def test_a_grid_leaves_out_what_does_not_apply() -> None:
    points = grid(search().space)
    assert len(points) == (1 + 2 + 1) * 3, "sgd with 0.5; sgd with 0.9, twice; adam: each with three widths"
    assert points[:4] == [
        {"optimizer": "sgd", "momentum": 0.5, "width": 8},
        {"optimizer": "sgd", "momentum": 0.5, "width": 16},
        {"optimizer": "sgd", "momentum": 0.5, "width": 24},
        {"optimizer": "sgd", "momentum": 0.9, "nesterov": True, "width": 8},
    ]
    assert points[-1] == {"optimizer": "adam", "width": 24}
    assert all(is_member(point, search().space) for point in points)


def test_a_grid_that_nobody_could_finish_is_refused_at_once() -> None:
    with pytest.raises(ValueError, match="at most 100,000 points"):
        grid(search({"a": {"integers": [0, 10**15]}, "b": {"integers": [0, 10**15]}}).space)


@pytest.mark.parametrize(
    ("changes", "count", "words"),
    [
        ({}, 16, "16 trials"),
        ({"trials": 1}, 1, "1 trial"),
        ({"minutes": 2}, None, "trials within 2 minutes"),
        ({"minutes": 0.5, "trials": 40}, 40, "40 trials within 0.5 minutes"),
        ({"algorithm": "grid"}, 12, "12 trials"),
        ({"algorithm": "grid", "minutes": 1}, 12, "12 trials within 1 minutes"),
    ],
)
def test_how_many_trials_there_will_be(changes: dict[str, Any], count: int | None, words: str) -> None:
    assert search(**changes).count == count
    assert search(**changes).budget == words


def test_a_population_has_a_trial_for_each_stage_of_each_member() -> None:
    space = {"train.learning_rate": {"uniform": [0, 1]}}
    assert search(space, algorithm="pbt").count == 8 * 5
    assert search(space, algorithm="pbt", population=6, generations=4, minutes=3).count == 24
    assert search(space, algorithm="pbt", population=6, generations=4, trials=9).count == 9
    assert search(space, algorithm="pbt", trials=99).count == 40
    assert search(space, algorithm="pbt").way == "pbt, a population of 8 through 5 generations"
    assert search(space, population=6).way == "tpe, asha"


def test_a_search_survives_its_own_json() -> None:
    spec = search(resources={"gpus": 0.25}, concurrency=3)
    assert Search.model_validate_json(spec.model_dump_json()) == spec
    assert spec.resources == Resources(cpus=1, gpus=0.25)


def test_another_search_may_leave_its_space_to_be_worked_out() -> None:
    assert SearchBudget().space == {}
    assert SearchBudget(algorithm="grid").count == 16
    with pytest.raises(ValidationError, match="at least 1 item"):
        search({})


@pytest.mark.parametrize("gpus", [0, 0.25, 1, 4])
def test_gpus_are_shared_or_whole(gpus: float) -> None:
    assert Resources(gpus=gpus).gpus == gpus


@pytest.mark.parametrize("algorithm", ["random", "tpe", "gp", "nsga2"])
def test_these_algorithms_take_every_domain(algorithm: str) -> None:
    everything = {**TREE, "rate": {"loguniform": [0.1, 1]}, "drop": {"uniform": [0, 1], "when": {"width": 8}}}
    assert search(everything, algorithm=algorithm).count == 16


def test_cmaes_takes_ranges() -> None:
    numbers = {"a": {"integers": [1, 5]}, "b": {"quantized": [1, 2, 0.5]}, "c": {"uniform": [0, 1]}}
    assert search(numbers, algorithm="cmaes").algorithm == "cmaes"
