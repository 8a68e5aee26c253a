"""Samplers: points in order, in their domains, each once, for one objective or two; the same after an interruption."""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from support import searches

from tasks.search.domains import Quantized
from tasks.search.results import COLD, EXCESS, KnownTrial, SearchStart
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


def ask_in_turn(sampler: Sampler, count: int) -> list[Point]:
    """Asks and tells in turn."""
    points = []
    for number in range(count):
        point = sampler.ask()
        assert point is not None
        points.append(point)
        sampler.tell(number, value(point), {})
    return points


@pytest.mark.parametrize("algorithm", ["random", "tpe", "gp", "nsga2"])
def test_every_point_lies_in_the_space_with_its_conditions(algorithm: str) -> None:
    asked = spec(algorithm=algorithm, trials=12)
    points = ask_in_turn(Sampler(asked), 12)
    assert all(is_member(point, asked.space) for point in points)
    assert {"momentum" in point for point in points} == {True, False}
    assert ask_in_turn(Sampler(asked), 12) == points, "the seed decides"
    assert ask_in_turn(Sampler(spec(algorithm=algorithm, trials=12, seed=1)), 12) != points


def test_cmaes_searches_numbers() -> None:
    asked = spec(algorithm="cmaes", space=NUMBERS, trials=40)
    sampler = Sampler(asked)
    found = []
    for number in range(40):
        point = sampler.ask()
        assert point is not None
        assert is_member(point, asked.space)
        found.append(-((point["x"] - 3) ** 2))
        sampler.tell(number, found[-1], {})
    assert max(found[20:]) > -0.5
    assert sum(found[30:]) > sum(found[:10]), "it has learnt where to look"


def test_tpe_learns() -> None:
    points = ask_in_turn(Sampler(spec(trials=40)), 40)
    assert sum(point["kind"] == "adam" for point in points[20:]) > sum(point["kind"] == "adam" for point in points[:20])


def test_a_grid_is_every_combination_once_in_order_and_then_nothing() -> None:
    space = {
        "kind": {"choice": ["sgd", "adam"]},
        "momentum": {"choice": [0.5, 0.9], "when": {"kind": "sgd"}},
    }
    sampler = Sampler(spec(algorithm="grid", space=space), first=[{"kind": "other"}])
    points = ask_all(sampler)
    assert points == [{"kind": "sgd", "momentum": 0.5}, {"kind": "sgd", "momentum": 0.9}, {"kind": "adam"}]


def ask_all(sampler: Sampler) -> list[Point]:
    points: list[Point] = []
    while (point := sampler.ask()) is not None:
        sampler.tell(len(points), 0.0, {})
        points.append(point)
    return points


def test_first_points_come_first_in_order_also_from_outside_the_space() -> None:
    inside = {"kind": [1, 2], "rate": 0.01, "depth": 9, "width": 48}
    outside = {"rate": 7.0, "branch": "narrow"}
    sampler = Sampler(spec(), first=[outside, inside, outside])
    assert [sampler.ask(), sampler.ask()] == [outside, inside]
    third = sampler.ask()
    assert third is not None
    assert is_member(third, spec().space)
    sampler.tell(0, 0.3, {})
    sampler.tell(1, 0.4, {})
    assert told(sampler) == [(inside, 0.4)], "the sampler knows the one that it could have drawn"


def told(sampler: Sampler) -> list[tuple[Point, float]]:
    """What the sampler was told, with the values that its parameters stand for."""
    from optuna.trial import TrialState

    found = []
    for trial in sampler._study.get_trials(states=(TrialState.COMPLETE,)):
        values = {path: sampler._search.space[path].values() for path in trial.params}
        point = {path: place if values[path] is None else values[path][place] for path, place in trial.params.items()}
        found.append((point, trial.value))
    return found


def test_known_points_are_told_and_never_asked_for() -> None:
    space = {"x": {"choice": ["a", "b", "c"]}, "y": {"integers": [1, 2]}}
    known = [KnownTrial({"x": x, "y": 1}, score) for x, score in (("a", 0.1), ("b", 0.2), ("c", 0.3))]
    sampler = Sampler(spec(space=space), known=[*known, KnownTrial({"z": 1}, 9.0)])
    assert told(sampler) == [(each.point, each.score) for each in known]
    points = ask_all(sampler)
    assert sorted(point["x"] for point in points) == ["a", "b", "c"]
    assert all(point["y"] == 2 for point in points)


def test_an_exhausted_space_ends_the_search() -> None:
    space = {"x": {"choice": [1, 2]}, "y": {"quantized": [0.1, 0.3, 0.1]}}
    assert isinstance(spec(space=space).space["y"], Quantized)
    points = ask_all(Sampler(spec(space=space, algorithm="random")))
    assert len(points) == 6
    assert {(point["x"], point["y"]) for point in points} == {(x, y) for x in (1, 2) for y in (0.1, 0.2, 0.3)}


def test_a_point_without_a_score_teaches_nothing_and_is_not_asked_for_again() -> None:
    sampler = Sampler(spec(space={"x": {"choice": [1, 2, 3]}}))
    for number in range(3):
        assert sampler.ask() is not None
        sampler.tell(number, None, {})
    assert told(sampler) == []
    assert sampler.ask() is None


# --- after an interruption ------------------------------------------------------------------------------------


def lived(file: Path, search: Search, count: int, start: SearchStart = COLD) -> list[Point]:
    """`count` more trials of a search that keeps a journal, one at a time."""
    return searches.lived(file, search, count, lambda _, point: (value(point), {}, ""), start)


@pytest.mark.parametrize("algorithm", ["random", "tpe", "nsga2", "gp"])
def test_an_interrupted_search_goes_on_with_the_same_points(tmp_path: Path, algorithm: str) -> None:
    search = spec(algorithm=algorithm, trials=16)
    start = SearchStart(
        first=({"kind": "adam", "rate": 0.05, "depth": 1, "width": 16},),
        known=(KnownTrial({"kind": "adam", "rate": 0.02, "depth": 2, "width": 32}, 0.05),),
    )
    whole = lived(tmp_path / "whole", search, 14, start)
    lived(tmp_path / "cut", search, 5, start)
    lived(tmp_path / "cut", search, 4)
    assert lived(tmp_path / "cut", search, 5) == whole


def test_a_point_that_comes_out_otherwise_counts_as_given(tmp_path: Path) -> None:
    points = lived(tmp_path / "journal", spec(seed=1), 6)
    search = spec(seed=2)
    journal = Journal(tmp_path / "journal")
    sampler = Sampler(search)
    sampler.replay(journal)
    journal.close()
    assert [point for point, _ in told(sampler)] == points
    more = sampler.ask()
    assert more is not None
    assert more not in points
    sampler.tell(6, 1.0, {})


# --- two objectives -------------------------------------------------------------------------------------------

SIZES, KNOBS = ("width", "depth", "kernel"), ("rate", "decay")
NETWORK = {path: {"uniform": [0, 1]} for path in (*SIZES, *KNOBS)}
LIMIT = 0.1


def weighed_spec(**changes: Any) -> Search:
    return Search.model_validate({"algorithm": "tpe", "trials": 60, "space": NETWORK, "minimize": "bytes", **changes})


def size(point: Point) -> float:
    """Share of the largest network: the cheapest of equal sums has its parts equal."""
    return float(sum(point[path] ** 2 for path in SIZES) / 3)


def weighed_score(point: Point) -> float:
    """Larger networks are better, the less so the larger; and there is a best way to train any of them."""
    trained = math.prod(1 - abs(point[path] - 0.7) for path in KNOBS)
    return (1 - math.exp(-sum(point[path] for path in SIZES))) * trained


def measured_size(point: Point) -> dict[str, float]:
    return {"bytes": size(point)}


def bounded(point: Point) -> tuple[float, dict[str, float]]:
    """As `TrainingObjective` tells it: what is beyond the limit was not trained."""
    over = max(0.0, size(point) / LIMIT - 1)
    return (
        (-1e6 * (1 + over), {**measured_size(point), EXCESS: over})
        if over
        else (weighed_score(point), measured_size(point))
    )


def plain(point: Point) -> tuple[float, dict[str, float]]:
    return weighed_score(point), measured_size(point)


def ask_weighed(
    search: Search, count: int, run: Callable[[Point], tuple[float, dict[str, float]]] = plain
) -> list[Point]:
    """Asks and tells in turn."""
    sampler, points = Sampler(search), []
    for number in range(count):
        point = sampler.ask()
        assert point is not None
        points.append(point)
        sampler.tell(number, *run(point))
    return points


def hypervolume(outcomes: list[tuple[float, float]]) -> float:
    """The area of (score, cost) that is beaten, above a score of 0 and below a cost of 1."""
    area = reached = 0.0
    for gained, cost in sorted(outcomes, key=lambda each: each[1]):
        area += max(0.0, gained - reached) * (1 - cost)
        reached = max(reached, gained)
    return area


def volume(algorithm: str, trials: int, seeds: int, **changes: Any) -> float:
    """The mean over the seeds."""
    asked = [weighed_spec(algorithm=algorithm, trials=trials, seed=seed, **changes) for seed in range(seeds)]
    outcomes = [[(weighed_score(point), size(point)) for point in ask_weighed(search, trials)] for search in asked]
    return statistics.mean(map(hypervolume, outcomes))


# --- what is learnt -------------------------------------------------------------------------------------------


def test_the_hypervolume_worked_by_hand() -> None:
    assert hypervolume([(0.8, 0.6), (0.5, 0.2), (0.4, 0.9)]) == pytest.approx(0.5 * 0.8 + 0.3 * 0.4)


@pytest.mark.parametrize(("algorithm", "trials", "seeds"), [("tpe", 80, 4), ("nsga2", 200, 8)])
def test_the_front_is_found_and_not_only_its_end(algorithm: str, trials: int, seeds: int) -> None:
    both = volume(algorithm, trials, seeds)
    assert both > 1.02 * volume(algorithm, trials, seeds, minimize=None), "the score alone"
    assert both > 1.05 * volume("random", trials, seeds)


@pytest.mark.parametrize(("algorithm", "trials"), [("tpe", 40), ("nsga2", 100), ("gp", 12)])
def test_limits_are_learnt(algorithm: str, trials: int) -> None:
    points = ask_weighed(weighed_spec(algorithm=algorithm, trials=trials), trials, bounded)
    # By chance, one in eleven is: an eighth of a ball of radius √(3 · 0.1).
    assert sum(size(point) <= LIMIT for point in points) > trials / 3


@pytest.mark.parametrize(("algorithm", "trials"), [("tpe", 40), ("gp", 12)])
def test_a_low_cost_beyond_the_limits_attracts_nothing(algorithm: str, trials: int) -> None:
    """Half of all points are beyond a limit that narrow networks, which are small, do not keep."""

    def wide(point: Point) -> tuple[float, dict[str, float]]:
        over = max(0.0, 2 - 4 * point["width"])
        return (-1e6 * (1 + over), {**measured_size(point), EXCESS: over}) if over else plain(point)

    points = ask_weighed(weighed_spec(algorithm=algorithm, trials=trials), trials, wide)
    assert sum(point["width"] >= 0.5 for point in points) > 0.6 * trials


# --- what is told ---------------------------------------------------------------------------------------------


def told_outcomes(sampler: Sampler) -> list[tuple[list[float], float]]:
    """(values, excess) of every point that the sampler learnt from."""
    from optuna.trial import TrialState

    trials = sampler._study.get_trials(states=(TrialState.COMPLETE,))
    return [(trial.values, trial.constraints[EXCESS]) for trial in trials]


def test_a_point_without_a_score_or_a_cost_teaches_nothing() -> None:
    sampler = Sampler(weighed_spec())
    outcomes: list[tuple[float | None, dict[str, float]]] = [
        (None, {"bytes": 3.0}),
        (0.5, {}),
        (0.5, {"bytes": math.nan}),
        (0.5, {"latency_ms": 1.0}),
        (0.5, {"bytes": 3.0, "latency_ms": 1.0}),
    ]
    for number, outcome in enumerate(outcomes):
        assert sampler.ask() is not None
        sampler.tell(number, *outcome)
    assert told_outcomes(sampler) == [([0.5, 3.0], 0.0)]


def test_what_is_beyond_the_limits_is_told_by_how_far_and_not_by_a_score_that_it_has_not() -> None:
    sampler = Sampler(weighed_spec())
    outcomes = [(-1.5e6, {"bytes": 3.0, EXCESS: 0.5}), (0.7, {"bytes": 2.0}), (0.9, {"bytes": 1.9})]
    for number, outcome in enumerate([*outcomes, (-1.1e6, {"bytes": 2.2, EXCESS: 0.1})]):
        assert sampler.ask() is not None
        sampler.tell(number, *outcome)
    assert told_outcomes(sampler) == [([0.0, 3.0], 0.5), ([0.7, 2.0], 0.0), ([0.9, 1.9], 0.0), ([0.7, 2.2], 0.1)]


def test_known_points_are_told_with_their_cost_and_may_be_tried_without_it() -> None:
    space = {"x": {"choice": ["a", "b", "c"]}}
    known = [KnownTrial({"x": "a"}, 0.5, {"bytes": 3.0}), KnownTrial({"x": "b"}, 0.6)]
    sampler = Sampler(weighed_spec(space=space), known=known)
    assert told_outcomes(sampler) == [([0.5, 3.0], 0.0)]
    asked = [sampler.ask(), sampler.ask(), sampler.ask()]
    assert {str(point) for point in asked} == {"{'x': 'b'}", "{'x': 'c'}", "None"}


def test_first_points_are_told_with_their_cost() -> None:
    first = dict.fromkeys(NETWORK, 0.5)
    sampler = Sampler(weighed_spec(), first=[first])
    assert sampler.ask() == first
    sampler.tell(0, 0.25, {"bytes": 8.0})
    assert told_outcomes(sampler) == [([0.25, 8.0], 0.0)]


@pytest.mark.parametrize("minimize", ["bytes", None])
def test_nsga2_breeds_from_known_points(minimize: str | None) -> None:
    space = {path: {"integers": [0, 999]} for path in "abcdef"}
    known = [KnownTrial(dict.fromkeys("abcdef", n), float(n), {"bytes": float(n)}) for n in range(4)]
    child = Sampler(weighed_spec(algorithm="nsga2", space=space, minimize=minimize, trials=16), known=known).ask()
    assert child is not None
    assert sum(value < 4 for value in child.values()) >= 4, "of six, where chance would give none"


# --- after an interruption ------------------------------------------------------------------------------------


def lived_weighed(file: Path, search: Search, count: int, start: SearchStart = COLD) -> list[Point]:
    """`count` more trials of a search that keeps a journal, one at a time; every fifth fails."""

    def work(number: int, point: Point) -> tuple[float, dict[str, float], str]:
        return *bounded(point), "lost" if number % 5 == 4 else ""

    return searches.lived(file, search, count, work, start)


@pytest.mark.parametrize("algorithm", ["random", "tpe", "nsga2", "gp"])
def test_an_interrupted_search_with_two_objectives_goes_on_with_the_same_points(tmp_path: Path, algorithm: str) -> None:
    search = weighed_spec(algorithm=algorithm, trials=8)
    point = dict.fromkeys(NETWORK, 0.5)
    start = SearchStart(({**point, "depth": 0.1},), (KnownTrial(point, weighed_score(point), measured_size(point)),))
    whole = lived_weighed(tmp_path / "whole", search, 8, start)
    lived_weighed(tmp_path / "cut", search, 5, start)
    lived_weighed(tmp_path / "cut", search, 1)
    assert lived_weighed(tmp_path / "cut", search, 2) == whole
