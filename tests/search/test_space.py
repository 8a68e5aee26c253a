"""Spaces: their conditions, and their grids."""

from __future__ import annotations

import pytest
from support.search_specs import search_of

from tasks.search.space import applies, enabling_settings, grid, is_member, ordered, restrict


def test_a_domain_applies_where_all_its_conditions_hold() -> None:
    nesterov = search_of().space["nesterov"]
    assert applies(nesterov, {"optimizer": "sgd", "momentum": 0.9})
    assert not applies(nesterov, {"optimizer": "sgd", "momentum": 0.5})
    assert not applies(nesterov, {"momentum": 0.9}), "a path that is absent holds nothing"
    assert applies(search_of().space["width"], {})


def test_conditions_tell_true_from_1() -> None:
    space = search_of({"a": {"choice": [1, True]}, "b": {"choice": [2], "when": {"a": True}}}).space
    assert not applies(space["b"], {"a": 1})
    assert applies(space["b"], {"a": True})


def test_conditions_come_before_what_depends_on_them() -> None:
    assert ordered(search_of().space) == ["optimizer", "momentum", "nesterov", "width"]
    plain = {name: {"choice": [1]} for name in "cab"}
    assert ordered(search_of(plain).space) == ["c", "a", "b"], "else the order is the user's"


def test_the_settings_under_which_a_path_applies() -> None:
    assert enabling_settings("width", search_of().space) == [{}]
    assert enabling_settings("nesterov", search_of().space) == [{"optimizer": "sgd", "momentum": 0.9}]
    either = {"a": {"choice": [1, 2, 3]}, "b": {"integers": [0, 1], "when": {"a": [1, 3]}}}
    assert enabling_settings("b", search_of(either).space) == [{"a": 1}, {"a": 3}]


def test_a_point_is_restricted_to_what_applies() -> None:
    full = {"width": 8, "nesterov": True, "momentum": 0.9, "optimizer": "adam", "stranger": 1}
    assert restrict(full, search_of().space) == {"optimizer": "adam", "width": 8}
    assert list(restrict({**full, "optimizer": "sgd"}, search_of().space)) == [
        "optimizer",
        "momentum",
        "nesterov",
        "width",
    ]


def test_which_points_a_search_could_draw() -> None:
    space = search_of().space
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


def test_a_grid_leaves_out_what_does_not_apply() -> None:
    points = grid(search_of().space)
    assert len(points) == (1 + 2 + 1) * 3, "sgd with 0.5; sgd with 0.9, twice; adam: each with three widths"
    assert points[:4] == [
        {"optimizer": "sgd", "momentum": 0.5, "width": 8},
        {"optimizer": "sgd", "momentum": 0.5, "width": 16},
        {"optimizer": "sgd", "momentum": 0.5, "width": 24},
        {"optimizer": "sgd", "momentum": 0.9, "nesterov": True, "width": 8},
    ]
    assert points[-1] == {"optimizer": "adam", "width": 24}
    assert all(is_member(point, search_of().space) for point in points)


def test_a_grid_that_nobody_could_finish_is_refused_at_once() -> None:
    with pytest.raises(ValueError, match="at most 100,000 points"):
        grid(search_of({"a": {"integers": [0, 10**15]}, "b": {"integers": [0, 10**15]}}).space)
