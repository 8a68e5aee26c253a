"""The choice of blocks: the least harm that reaches a goal."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain, combinations
from random import Random

import pytest

from tasks.kernels.pruning.block_choice import BlockChoice, least_harm


def test_two_cheap_blocks_beat_one_dear_one_and_the_reverse() -> None:
    cost = {"a": 1.0, "b": 1.0, "c": 2.0}
    assert least_harm({"a": 1.0, "b": 2.0, "c": 3.5}, cost, 2.0) == ["a", "b"]
    assert least_harm({"a": 1.0, "b": 2.0, "c": 2.5}, cost, 2.0) == ["c"]
    assert least_harm({"a": 1.0, "b": 2.0, "c": 2.5}, cost, 2.5) == ["a", "c"]


def test_by_cost_alone_as_many_go_as_are_asked_for() -> None:
    harm = {name: (7 * place) % 11 + 0.5 for place, name in enumerate("abcdefghijk")}
    for count in range(1, 12):
        assert least_harm(harm, dict.fromkeys(harm, 1.0), count) == sorted(harm, key=lambda each: harm[each])[:count]


def test_all_go_when_they_do_not_suffice() -> None:
    assert least_harm({"a": 2.0, "b": 1.0}, {"a": 1.0, "b": 1.0}, 5.0) == ["b", "a"]


@pytest.mark.parametrize("seed", range(5))
def test_it_is_what_trying_all_sets_gives(seed: int) -> None:
    draw = Random(seed)
    harm, cost = ({name: draw.uniform(0.1, 1) for name in "abcdefgh"} for _ in range(2))
    goal = 0.4 * sum(cost.values())
    every = chain.from_iterable(combinations(harm, size) for size in range(9))
    reaching = [names for names in every if sum(cost[name] for name in names) >= goal]
    best = min(reaching, key=lambda names: sum(harm[name] for name in names))
    assert sorted(least_harm(harm, cost, goal)) == sorted(best)


def test_blocks_that_hurt_more_together_are_seen_in_the_next_round() -> None:
    """Of a pair of twins either could go, but not both; each set is measured once."""
    alone = {"a": 1.0, "twin": 1.1, "b": 2.0, "c": 9.0}
    asked: list[frozenset[str]] = []

    def harm(gone: Sequence[str]) -> float:
        asked.append(frozenset(gone))
        return sum(alone[name] for name in gone) + (5.0 if {"a", "twin"} <= set(gone) else 0.0)

    choice = BlockChoice(alone, harm)
    assert choice.choose(dict.fromkeys(alone, 1.0), 2) == ["a", "b"]
    assert choice.choose({**dict.fromkeys(alone, 1.0), "a": 0.1}, 2.0) == ["twin", "b"]
    assert choice.extend(["a", "b"], dict.fromkeys(alone, 1.0), 0.5) == ["a", "b", "twin"]
    assert sorted(choice.choose(dict.fromkeys(alone, 1.0), 9)) == sorted(alone), "too little in all"
    assert choice.harm(["b", "a"]) == 3
    assert len(asked) == len(set(asked))


def test_a_block_that_does_good_costs_nothing() -> None:
    choice = BlockChoice("ab", lambda gone: 1.0 - 0.5 * len(gone) if gone else 0.0)
    assert choice.choose({"a": 1.0, "b": 2.0}, 3.0) == ["b", "a"]
