"""Searchers: points in order, in their domains, each once; and the same again after an interruption."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import small_searches

from tasks.search.domains import Quantized
from tasks.search.results import Known
from tasks.search.search_spec import Search
from tasks.search.space import Point, is_member
from tasks.tuning.journal import Journal
from tasks.tuning.samplers import Sampler

MIXED = {
    "kind": {"choice": ["sgd", "adam", [1, 2]]},
    "momentum": {"uniform": [0.5, 1.0], "when": {"kind": "sgd"}},
    "rate": {"loguniform": [1e-4, 1e-1]},
    "depth": {"integers": [1, 9]},
    "width": {"quantized": [16, 64, 16]},
}
NUMBERS = {"x": {"uniform": [-10, 10]}, "y": {"loguniform": [1e-3, 1]}}


def spec(**changes: Any) -> Search:
    return Search.model_validate({"algorithm": "tpe", "trials": 30, "space": MIXED, **changes})


def value(point: Point) -> float:
    """Best at a rate of 0.01, whatever the rest."""
    return -abs(point["rate"] - 0.01) + (0.1 if point["kind"] == "adam" else 0.0)


def walk(searcher: Sampler, count: int) -> list[Point]:
    """Asks and tells in turn."""
    points = []
    for number in range(count):
        point = searcher.ask()
        assert point is not None
        points.append(point)
        searcher.tell(number, value(point), {})
    return points


@pytest.mark.parametrize("algorithm", ["random", "tpe", "gp", "nsga2"])
def test_every_point_lies_in_the_space_with_its_conditions(algorithm: str) -> None:
    asked = spec(algorithm=algorithm, trials=12)
    points = walk(Sampler(asked), 12)
    assert all(is_member(point, asked.space) for point in points)
    assert {"momentum" in point for point in points} == {True, False}
    assert walk(Sampler(asked), 12) == points, "the seed decides"
    assert walk(Sampler(spec(algorithm=algorithm, trials=12, seed=1)), 12) != points


def test_cmaes_searches_numbers() -> None:
    asked = spec(algorithm="cmaes", space=NUMBERS, trials=40)
    searcher = Sampler(asked)
    found = []
    for number in range(40):
        point = searcher.ask()
        assert point is not None
        assert is_member(point, asked.space)
        found.append(-((point["x"] - 3) ** 2))
        searcher.tell(number, found[-1], {})
    assert max(found[20:]) > -0.5
    assert sum(found[30:]) > sum(found[:10]), "it has learnt where to look"


def test_tpe_learns() -> None:
    points = walk(Sampler(spec(trials=40)), 40)
    assert sum(point["kind"] == "adam" for point in points[20:]) > sum(point["kind"] == "adam" for point in points[:20])


def test_a_grid_is_every_combination_once_in_order_and_then_nothing() -> None:
    space = {
        "kind": {"choice": ["sgd", "adam"]},
        "momentum": {"choice": [0.5, 0.9], "when": {"kind": "sgd"}},
    }
    searcher = Sampler(spec(algorithm="grid", space=space), first=[{"kind": "other"}])
    points = walk_all(searcher)
    assert points == [{"kind": "sgd", "momentum": 0.5}, {"kind": "sgd", "momentum": 0.9}, {"kind": "adam"}]


def walk_all(searcher: Sampler) -> list[Point]:
    points: list[Point] = []
    while (point := searcher.ask()) is not None:
        searcher.tell(len(points), 0.0, {})
        points.append(point)
    return points


def test_first_points_come_first_in_order_also_from_outside_the_space() -> None:
    inside = {"kind": [1, 2], "rate": 0.01, "depth": 9, "width": 48}
    outside = {"rate": 7.0, "branch": "narrow"}
    searcher = Sampler(spec(), first=[outside, inside, outside])
    assert [searcher.ask(), searcher.ask()] == [outside, inside]
    third = searcher.ask()
    assert third is not None
    assert is_member(third, spec().space)
    searcher.tell(0, 0.3, {})
    searcher.tell(1, 0.4, {})
    assert told(searcher) == [(inside, 0.4)], "the sampler knows the one that it could have drawn"


def told(searcher: Sampler) -> list[tuple[Point, float]]:
    """What the sampler was told, with the values that its parameters stand for."""
    from optuna.trial import TrialState

    found = []
    for trial in searcher._study.get_trials(states=(TrialState.COMPLETE,)):
        values = {path: searcher._search.space[path].values() for path in trial.params}
        point = {path: place if values[path] is None else values[path][place] for path, place in trial.params.items()}
        found.append((point, trial.value))
    return found


def test_known_points_are_told_and_never_asked_for() -> None:
    space = {"x": {"choice": ["a", "b", "c"]}, "y": {"integers": [1, 2]}}
    known = [Known({"x": x, "y": 1}, score) for x, score in (("a", 0.1), ("b", 0.2), ("c", 0.3))]
    searcher = Sampler(spec(space=space), known=[*known, Known({"z": 1}, 9.0)])
    assert told(searcher) == [(each.point, each.score) for each in known]
    points = walk_all(searcher)
    assert sorted(point["x"] for point in points) == ["a", "b", "c"]
    assert all(point["y"] == 2 for point in points)


def test_an_exhausted_space_ends_the_search() -> None:
    space = {"x": {"choice": [1, 2]}, "y": {"quantized": [0.1, 0.3, 0.1]}}
    assert isinstance(spec(space=space).space["y"], Quantized)
    points = walk_all(Sampler(spec(space=space, algorithm="random")))
    assert len(points) == 6
    assert {(point["x"], point["y"]) for point in points} == {(x, y) for x in (1, 2) for y in (0.1, 0.2, 0.3)}


def test_a_point_without_a_score_teaches_nothing_and_is_not_asked_for_again() -> None:
    searcher = Sampler(spec(space={"x": {"choice": [1, 2, 3]}}))
    for number in range(3):
        assert searcher.ask() is not None
        searcher.tell(number, None, {})
    assert told(searcher) == []
    assert searcher.ask() is None


# --- after an interruption ------------------------------------------------------------------------------------


def lived(file: Path, search: Search, count: int, **begun: Any) -> list[Point]:
    """`count` more trials of a search that keeps a history, one at a time."""
    return small_searches.lived(file, search, count, lambda _, point: (value(point), {}, ""), **begun)


@pytest.mark.parametrize("algorithm", ["random", "tpe", "nsga2", "gp"])
def test_an_interrupted_search_goes_on_with_the_same_points(tmp_path: Path, algorithm: str) -> None:
    search = spec(algorithm=algorithm, trials=16)
    begun = {
        "first": [{"kind": "adam", "rate": 0.05, "depth": 1, "width": 16}],
        "known": [Known({"kind": "adam", "rate": 0.02, "depth": 2, "width": 32}, 0.05)],
    }
    whole = lived(tmp_path / "whole", search, 14, **begun)
    lived(tmp_path / "cut", search, 5, **begun)
    lived(tmp_path / "cut", search, 4)
    assert lived(tmp_path / "cut", search, 5) == whole


def test_a_point_that_comes_out_otherwise_counts_as_given(tmp_path: Path) -> None:
    points = lived(tmp_path / "history", spec(seed=1), 6)
    search = spec(seed=2)
    history = Journal(tmp_path / "history")
    searcher = Sampler(search)
    searcher.replay(history)
    history.close()
    assert [point for point, _ in told(searcher)] == points
    more = searcher.ask()
    assert more is not None
    assert more not in points
    searcher.tell(6, 1.0, {})
