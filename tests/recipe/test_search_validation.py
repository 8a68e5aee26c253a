"""Search validation: the points at which a recipe is tried before a search begins."""

from __future__ import annotations

import math
from typing import Any

from flows.recipe.search_validation import probes
from tasks.search.search_spec import Search
from tasks.search.space import applies, is_member


def space_of(**domains: Any) -> Any:
    return Search.model_validate({"space": domains}).space


def test_ends_and_middles_share_points() -> None:
    space = space_of(a={"uniform": [0, 1]}, b={"choice": ["x", "y"]}, c={"loguniform": [1e-5, 1e-4]})
    assert probes(space) == [
        {"a": 0.0, "b": "x", "c": 1e-5},
        {"a": 0.618, "b": "y", "c": 6.562e-5},
        {"a": 1.0, "b": "y", "c": 1e-4},
    ]


def test_a_quantized_domain_is_tried_between_its_ends() -> None:
    assert probes(space_of(a={"quantized": [16, 17, 0.5]})) == [{"a": 16}, {"a": 16.5}, {"a": 17}]
    assert probes(space_of(a={"quantized": [1, 2, 1]})) == [{"a": 1}, {"a": 2}]


def test_every_value_is_tried_under_every_condition_that_lets_it_apply() -> None:
    space = space_of(
        size={"integers": [1, 9], "when": {"kind": ["a", "b"]}},
        kind={"choice": ["a", "b", "c"]},
        deep={"choice": [True, False], "when": {"size": 9}},
    )
    points = probes(space)
    assert all(is_member(point, space) for point in points)
    assert {(point["kind"], point["size"]) for point in points if "size" in point} == {
        ("a", 1), ("a", 9), ("b", 1), ("b", 9),
    }  # fmt: skip
    assert {"kind": "c"} in points
    assert {(point["kind"], point["deep"]) for point in points if applies(space["deep"], point)} == {
        ("a", True), ("a", False), ("b", True), ("b", False),
    }  # fmt: skip
    assert len(points) == 7


def test_a_value_that_is_not_even_itself_is_tried_once() -> None:
    points = probes(space_of(a={"choice": [math.nan, 1.0]}))
    assert [math.isnan(point["a"]) for point in points] == [True, False]
