"""What was refused is not tried again, unless something nearer was accepted."""

from __future__ import annotations

import pytest
from support.guides import LettersGuide

from tasks.search.domains import Choice, LogUniform, Uniform
from tasks.search.refusals import Refusals, domain_distance

SPACE = {"letters": Choice(choice=("a", "b", "a, b")), "x": Uniform(uniform=(0, 1))}


def refusals() -> Refusals:
    return Refusals(SPACE, LettersGuide())


def test_nothing_is_refused_beforehand() -> None:
    assert not refusals().excludes({"letters": "a", "x": 0.5})


def test_what_refused_once_refuses_with_other_knobs_and_with_more_behind_it() -> None:
    known = refusals()
    known.note({"letters": "a", "x": 0.1}, 0)
    assert known.excludes({"letters": "a", "x": 0.9})
    assert known.excludes({"letters": "a, b", "x": 0.1})
    assert not known.excludes({"letters": "b", "x": 0.1})


def test_what_came_before_the_refusal_was_accepted() -> None:
    known = refusals()
    known.note({"letters": "a, b", "x": 0.1}, 1)
    assert known.excludes({"letters": "a, b", "x": 0.5})
    assert not known.excludes({"letters": "a", "x": 0.1})
    assert not known.excludes({"letters": "b", "x": 0.1}), "alone it has not been tried"


def test_the_nearest_answer_counts() -> None:
    known = refusals()
    known.note({"letters": "a", "x": 0.9}, 0)
    known.note({"letters": "a", "x": 0.1}, None)
    assert not known.excludes({"letters": "a", "x": 0.4})
    assert known.excludes({"letters": "a", "x": 0.6})


@pytest.mark.parametrize(
    ("domain", "one", "other", "far"),
    [
        (Uniform(uniform=(0, 4)), 1, 3, 0.5),
        (LogUniform(loguniform=(0.01, 1)), 0.1, 1, 0.5),
        (Choice(choice=("a", "b")), "a", "b", 1.0),
        (Choice(choice=("a", "b")), "b", "b", 0.0),
        (Choice(choice=(0.5,)), 0.5, 0.5, 0.0),
    ],
)
def test_distances_are_shares_of_the_domain(domain: Uniform, one: float, other: float, far: float) -> None:
    assert domain_distance(domain, one, other) == pytest.approx(far)
