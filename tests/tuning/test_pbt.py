"""Population-based training: who copies whom, with which values, and the same again after an interruption."""

from __future__ import annotations

import math
from pathlib import Path
from random import Random
from typing import Any

import pytest

from tasks.core import digest_of
from tasks.search.results import SearchStart
from tasks.search.search_spec import Search
from tasks.search.space import Point
from tasks.tuning.journal import Journal
from tasks.tuning.pbt import Population, offspring
from tasks.tuning.pbt_perturbation import draw, explore, perturb
from tasks.tuning.pbt_stages import at_end, ends, go_on, origin, values_of

RATE, DECAY = "train.learning_rate", "train.weight_decay"
SPACE = {RATE: {"loguniform": [1e-3, 1.0]}, DECAY: {"uniform": [0.0, 0.1]}}


def spec(**changes: Any) -> Search:
    return Search.model_validate({"algorithm": "pbt", "population": 4, "generations": 3, "space": SPACE, **changes})


def domain(content: Any) -> Any:
    return spec(space={RATE: content}).space[RATE]


# --- stages ---------------------------------------------------------------------------------------------------


def test_a_stage_adds_what_changes_before_its_first_epoch() -> None:
    first = {RATE: 0.1, DECAY: 0.0, "train.epochs": 3}
    second = go_on(first, 6, {RATE: 0.08, DECAY: 0.0})
    assert second == {RATE: 0.1, DECAY: 0.0, "train.epochs": 6, "train.changes": {"4": {"learning_rate": 0.08}}}
    third = go_on(go_on(second, 12), 14, {RATE: 0.1, DECAY: 0.05})
    assert third["train.changes"] == {
        "4": {"learning_rate": 0.08},
        "13": {"learning_rate": 0.1, "weight_decay": 0.05},
    }
    assert values_of(second) == {RATE: 0.08, DECAY: 0.0}
    assert values_of(third) == {RATE: 0.1, DECAY: 0.05}, "13 comes after 4"
    assert go_on(first, 6) == {**first, "train.epochs": 6}
    assert at_end(third) == {RATE: 0.1, DECAY: 0.05, "train.epochs": 14}
    assert at_end({"train.batch_size": 32}) == {"train.batch_size": 32}, "no stage"


def test_a_stage_knows_the_one_before_it() -> None:
    first = {RATE: 0.1, "train.epochs": 2}
    second = go_on(first, 4, {RATE: 0.2})
    third = go_on(second, 6)
    fourth = go_on(third, 8, {RATE: 0.4})
    for stage, before in ((first, None), (second, first), (third, second), (fourth, third)):
        assert origin(stage, [2, 4, 6, 8]) == before
    assert origin(third, []) is None


def test_stages_end_at_the_last_epoch() -> None:
    for epochs in range(1, 40):
        for generations in range(1, 12):
            found = ends(epochs, generations)
            assert found[-1] == epochs
            assert len(found) == min(epochs, generations)
            lengths = [end - start for start, end in zip([0, *found], found, strict=False)]
            assert max(lengths) - min(lengths) <= 1


# --- variation ------------------------------------------------------------------------------------------------


def test_a_number_becomes_a_fifth_less_or_a_quarter_more_within_its_ends() -> None:
    found = {perturb(domain({"loguniform": [0.01, 0.1]}), 0.04, Random(seed)) for seed in range(20)}
    assert found == {0.032, 0.05}
    assert {perturb(domain({"uniform": [0.09, 0.1]}), 0.095, Random(seed)) for seed in range(20)} == {0.09, 0.1}
    assert {perturb(domain({"uniform": [0.5, 1.0]}), 7, Random(seed)) for seed in range(20)} == {1.0}


@pytest.mark.parametrize(
    ("content", "value", "near"),
    [
        ({"choice": [0.1, 0.5, 0.2]}, 0.5, {0.1, 0.2}),
        ({"choice": [0.1, 0.5, 0.2]}, 0.1, {0.5}),
        ({"quantized": [0.1, 0.4, 0.1]}, 0.4, {0.3}),
        ({"integers": [1, 3]}, 2, {1, 3}),
        ({"choice": [0.1]}, 0.1, {0.1}),
        ({"choice": [0.1, 0.2]}, 9.0, {0.1, 0.2}),
    ],
)
def test_a_named_value_becomes_its_neighbour(content: Any, value: Any, near: set[Any]) -> None:
    assert {perturb(domain(content), value, Random(seed)) for seed in range(30)} == near


def test_a_value_is_drawn_from_its_domain_and_some_are_drawn_anew() -> None:
    chance = Random(1)
    drawn = [draw(domain({"loguniform": [1e-4, 1.0]}), chance) for _ in range(400)]
    assert all(1e-4 <= value <= 1.0 for value in drawn)
    assert 150 < sum(value < 1e-2 for value in drawn) < 250, "its logarithm is uniform"
    space = spec().space
    others = [explore({RATE: 0.1, DECAY: 0.05}, space, chance)[RATE] for _ in range(400)]
    assert 250 < sum(value in (0.08, 0.125) for value in others) < 350, "three in four are near by"
    assert set(explore({}, space, chance)) == set(space)


# --- selection ------------------------------------------------------------------------------------------------


def bred(scores: list[float | None], **changes: Any) -> list[Point]:
    """The second stage of members whose rates at first are 0.1, 0.2, …"""
    parents = [{RATE: (place + 1) / 10, DECAY: 0.05, "train.epochs": 2} for place in range(len(scores))]
    return offspring(parents, scores, spec(**changes).space, 4, Random("0 1"))


def test_the_worst_quarter_goes_on_from_the_best_with_other_values() -> None:
    found = bred([0.5, 0.9, 0.1, 0.7])
    assert [point[RATE] for point in found] == [0.1, 0.2, 0.2, 0.4], "the third is worst, the second best"
    assert all(point["train.epochs"] == 4 for point in found)
    assert ["train.changes" in point for point in found] == [False, False, True, False]
    assert list(found[2]["train.changes"]) == ["3"], "before its third epoch"
    assert values_of(found[2]) != values_of(found[1])


def test_eight_members_have_two_at_either_end() -> None:
    found = bred([0.8, 0.7, 0.6, 0.5, 0.4, 0.3, 0.2, 0.1])
    assert [point[RATE] for point in found[:6]] == [0.1, 0.2, 0.3, 0.4, 0.5, 0.6]
    assert {point[RATE] for point in found[6:]} <= {0.1, 0.2}


def test_what_failed_is_the_worst_and_what_is_as_good_goes_on() -> None:
    failed = bred([None, 0.9, None, 0.1])
    assert [point[RATE] for point in failed] == [0.2, 0.2, 0.2, 0.4], "two have failed, which is the worst quarter"
    assert len({digest_of(point) for point in failed}) == 4
    equal = bred([0.5, 0.5, 0.5, 0.5])
    assert not any("train.changes" in point for point in equal)
    assert bred([None, None, None, None]) == []


def test_a_copy_is_another_point_unless_the_space_has_no_other() -> None:
    found = bred([0.9, 0.1, None, None, None, None], space={RATE: {"choice": [0.1, 0.2]}})
    assert found[2] == {**found[0], "train.changes": {"3": {"learning_rate": 0.2}}}
    assert all(point in (found[0], found[2]) for point in found[3:])


# --- asking and telling ---------------------------------------------------------------------------------------


def value(point: Point) -> float | None:
    """Best where the rate falls from 0.1 to 0.01 at the third epoch; rates above 0.5 diverge."""
    rate = values_of(point)[RATE]
    best = 0.1 if point["train.epochs"] <= 2 else 0.01
    return None if rate > 0.5 else -abs(math.log(rate / best))


def points_of(population: Population) -> list[Point]:
    points: list[Point] = []
    while (point := population.ask()) is not None:
        population.tell(len(points), value(point), {})
        points.append(point)
    return points


def test_every_member_trains_to_the_end() -> None:
    points = points_of(Population(spec(), 6, [{RATE: 3.0, DECAY: 0.5}]))
    assert [point["train.epochs"] for point in points] == [2] * 4 + [4] * 4 + [6] * 4
    assert points[0] == {RATE: 3.0, DECAY: 0.5, "train.epochs": 2}, "a first point may lie outside"
    assert points[4][RATE] != 3.0, "and goes on only if it is good"
    assert all(origin(point, [2, 4, 6]) in points[:-4] for point in points[4:])
    assert points == points_of(Population(spec(), 6, [{RATE: 3.0, DECAY: 0.5}])), "the seed decides"
    assert points != points_of(Population(spec(seed=1), 6, [{RATE: 3.0, DECAY: 0.5}]))
    assert max(value(point) or -9 for point in points[8:]) > max(-abs(math.log(0.1 / 0.01)), value(points[4]) or -9)


def test_a_generation_waits_for_the_one_before_it() -> None:
    population = Population(spec(), 6)
    assert not population.waits
    asked = [population.ask() for _ in range(4)]
    assert None not in asked
    for number in (2, 0, 3):
        assert population.ask() is None
        assert population.waits
        population.tell(number, 0.5, {})
    population.tell(1, 0.1, {})
    assert not population.waits
    assert population.ask() is not None


def test_a_population_that_failed_ends() -> None:
    population = Population(spec(), 6)
    for number in range(4):
        assert population.ask() is not None
        population.tell(number, None, {})
    assert population.ask() is None
    assert not population.waits


def test_checkpoints_are_released_when_nobody_goes_on_from_them() -> None:
    population, asked, released = Population(spec(), 6), list[Point](), list[list[Point]]()
    while (point := population.ask()) is not None:
        asked.append(point)
        population.tell(len(asked) - 1, value(point), {})
        released.append(population.released(len(asked) - 1))
    none: list[list[Point]] = [[]] * 3
    assert released == [*none, [], *none, asked[:4], *none, asked[4:]]


@pytest.mark.parametrize("order", [(0, 1, 2, 3), (3, 1, 0, 2)])
def test_the_order_in_which_trials_end_changes_nothing(order: tuple[int, ...]) -> None:
    population, points = Population(spec(), 6), list[Point]()
    for generation in range(3):
        asked = [population.ask() for _ in range(4)]
        points += [point for point in asked if point is not None]
        for member in order:
            population.tell(4 * generation + member, value(points[4 * generation + member]), {})
    assert points == points_of(Population(spec(), 6))


def lived(file: Path, search: Search, count: int) -> list[Point]:
    """`count` more trials of a search that keeps a journal, one at a time, and one more that is cut off."""
    journal = Journal(file, SearchStart(first=({RATE: 0.05, DECAY: 0.0},)))
    population = Population(search, 6, journal.first)
    population.replay(journal)
    for _ in range(count):
        waiting = journal.under_way()
        point = waiting[0].point if waiting else population.ask()
        assert point is not None
        number = waiting[0].number if waiting else journal.ask(point)
        score = value(point)
        if score is not None:
            journal.hear(number, {"epoch": 1, "score": score, "measured": {}, "answer": None, "seconds": 0.0})
        journal.end(number, "" if score is not None else "it diverged")
        population.tell(number, score, {})
    if (point := population.ask()) is not None:
        journal.ask(point)
    journal.close()
    return [entry.point for entry in journal.entries]


def test_an_interrupted_search_goes_on_with_the_same_points(tmp_path: Path) -> None:
    whole = lived(tmp_path / "whole", spec(), 12)
    assert len(whole) == 12
    for count in (3, 2, 4):
        assert lived(tmp_path / "cut", spec(), count) != whole
    assert lived(tmp_path / "cut", spec(), 3) == whole


def test_a_point_that_comes_out_otherwise_counts_as_given(tmp_path: Path) -> None:
    points = lived(tmp_path / "journal", spec(seed=1), 4)
    journal = Journal(tmp_path / "journal")
    population = Population(spec(seed=2), 6)
    population.replay(journal)
    journal.close()
    assert not population.waits or population.ask() is not None
    population.tell(4, 0.5, {})
    assert population._asked[:5] == points
