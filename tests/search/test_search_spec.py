"""The search spec: what a search may spend, and which algorithms take which domains."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError
from support.search_specs import TREE, search_of

from tasks.search.search_spec import Resources, Search, SearchBudget


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
    assert search_of(**changes).count == count
    assert search_of(**changes).budget == words


def test_a_population_has_a_trial_for_each_stage_of_each_member() -> None:
    space = {"train.learning_rate": {"uniform": [0, 1]}}
    assert search_of(space, algorithm="pbt").count == 8 * 5
    assert search_of(space, algorithm="pbt", population=6, generations=4, minutes=3).count == 24
    assert search_of(space, algorithm="pbt", population=6, generations=4, trials=9).count == 9
    assert search_of(space, algorithm="pbt", trials=99).count == 40
    assert search_of(space, algorithm="pbt").way == "pbt, a population of 8 through 5 generations"
    assert search_of(space, population=6).way == "tpe, asha"


def test_a_search_survives_its_own_json() -> None:
    spec = search_of(resources={"gpus": 0.25}, concurrency=3)
    assert Search.model_validate_json(spec.model_dump_json()) == spec
    assert spec.resources == Resources(cpus=1, gpus=0.25)


def test_another_search_may_leave_its_space_to_be_worked_out() -> None:
    assert SearchBudget().space == {}
    assert SearchBudget(algorithm="grid").count == 16
    with pytest.raises(ValidationError, match="at least 1 item"):
        search_of({})


@pytest.mark.parametrize("gpus", [0, 0.25, 1, 4])
def test_gpus_are_shared_or_whole(gpus: float) -> None:
    assert Resources(gpus=gpus).gpus == gpus


@pytest.mark.parametrize("algorithm", ["random", "tpe", "gp", "nsga2"])
def test_these_algorithms_take_every_domain(algorithm: str) -> None:
    everything = {**TREE, "rate": {"loguniform": [0.1, 1]}, "drop": {"uniform": [0, 1], "when": {"width": 8}}}
    assert search_of(everything, algorithm=algorithm).count == 16


def test_cmaes_takes_ranges() -> None:
    numbers = {"a": {"integers": [1, 5]}, "b": {"quantized": [1, 2, 0.5]}, "c": {"uniform": [0, 1]}}
    assert search_of(numbers, algorithm="cmaes").algorithm == "cmaes"
