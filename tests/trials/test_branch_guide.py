"""Neighbours of a branch, and the techniques of a point that may refuse."""

from __future__ import annotations

from typing import Any

import pytest

from flows.trials.branch_guide import BranchGuide, beside
from tasks.compression.branch import CompressionSearch
from tasks.compression.search_space.branch_space import space_of
from tasks.search.domains import Choice, Integers, LogUniform, Quantized, Uniform
from tasks.search.space import is_member

SPACE = space_of(CompressionSearch(epochs=9), (), "torch", "latency", ["low_rank"], {"blocks.share": 1 / 9})
GUIDE = BranchGuide(SPACE)
SHARES = SPACE["blocks.share"].values() or ()
POINT: dict[str, Any] = {
    "reduce": "blocks",
    "finish": "int8",
    "blocks.share": SHARES[2],
    "recover.learning_rate": 1e-3,
    "recover.temperature": 4.0,
}


def test_one_block_more_comes_first_then_one_fewer() -> None:
    (one, more), (other, fewer), *_ = GUIDE.neighbours(POINT, True)
    assert (one, other) == ("blocks.share up", "blocks.share down")
    assert [round(point["blocks.share"] * 9) for point in (POINT, more, fewer)] == [3, 4, 2]
    assert {**more, "blocks.share": SHARES[2]} == {**fewer, "blocks.share": SHARES[2]} == POINT


def test_each_neighbour_differs_in_one_thing() -> None:
    found = [point for _, point in GUIDE.neighbours(POINT, True)]
    assert all(is_member(point | ({"rung": 1} if point["reduce"] != "nothing" else {}), SPACE) for point in found)
    assert POINT not in found
    changed = [sorted(path for path in POINT if point.get(path) != POINT[path]) for point in found]
    assert changed == [
        ["blocks.share"], ["blocks.share"],
        ["finish"],
        ["blocks.share", "recover.learning_rate", "recover.temperature", "reduce"], ["reduce"], ["reduce"],
        ["recover.learning_rate"], ["recover.learning_rate"], ["recover.temperature"], ["recover.temperature"],
    ]  # fmt: skip
    orders = [(change, point["reduce"]) for change, point in GUIDE.neighbours(POINT, True)[3:6]]
    assert orders == [
        ("without blocks", "nothing"),
        ("with channels", "channels, blocks"),
        ("with channels", "blocks, channels"),
    ]


def test_what_cannot_get_better_by_training_has_no_neighbours_of_another_recovery() -> None:
    changes = [change for change, _ in GUIDE.neighbours(POINT, False)]
    assert changes == ["blocks.share up", "blocks.share down", "finish clean", "without blocks", *["with channels"] * 2]


def test_two_reductions_have_the_other_order_and_each_of_them_alone() -> None:
    both = {**POINT, "reduce": "blocks, channels", "channels.sparsity": 0.4, "channels.importance": "taylor"}
    orders = [(change, at["reduce"]) for change, at in GUIDE.neighbours(both, True) if at["reduce"] != both["reduce"]]
    assert orders == [
        ("without blocks", "channels"),
        ("without channels", "blocks"),
        ("other order", "channels, blocks"),
    ]
    importance = [change for change, at in GUIDE.neighbours(both, True) if at.get("channels.importance") == "magnitude"]
    assert importance[0] == "channels.importance magnitude"


def test_where_an_own_branch_is_the_start_one_block_more_comes_first() -> None:
    space = space_of(CompressionSearch(epochs=9), (), "torch", "latency", ["low_rank", "channels"], starts=["own"])
    guide = BranchGuide(space)
    point = {**POINT, "start": "own", "blocks.remove": 1}
    del point["blocks.share"]
    found = dict(guide.neighbours(point, False))
    assert list(found) == ["blocks.remove up", "finish clean", "without blocks", "recover alone", "start baseline"]
    assert [at["blocks.remove"] for _, at in guide.neighbours(point, False)[:2]] == [2, 3]
    assert "blocks.remove" not in found["recover alone"]
    assert "blocks.share" in found["start baseline"]
    assert all(is_member(each | ({"rung": 1} if each["reduce"] != "nothing" else {}), space) for each in found.values())
    alone = dict(guide.neighbours(found["recover alone"], False))
    assert list(alone) == ["finish clean", "without recover", "with blocks"]
    assert guide.parts(point) == ["own, blocks", "own, blocks, int8"]


def test_the_parts_are_the_techniques_with_those_before_them() -> None:
    assert GUIDE.parts({"reduce": "blocks, channels", "finish": "int8"}) == [
        "blocks", "blocks, channels", "blocks, channels, int8",
    ]  # fmt: skip
    assert GUIDE.parts({"reduce": "nothing", "finish": "clean"}) == ["clean"]
    assert GUIDE.parts({"reduce": "nothing", "finish": "nothing"}) == []


@pytest.mark.parametrize(
    ("domain", "value", "found"),
    [
        (Uniform(uniform=(0, 8)), 4, [5, 3]),
        (Uniform(uniform=(0, 8)), 7.5, [6.5]),
        (LogUniform(loguniform=(1, 256)), 4, [8, 2]),
        (Integers(integers=(1, 9)), 9, [8, 7]),
        (Integers(integers=(1, 9)), 4, [5, 3]),
        (Quantized(quantized=(16, 64, 16)), 32, [48, 16]),
        (Choice(choice=("a", "b", "c")), "b", ["a", "c"]),
        (Choice(choice=(3,)), 3, []),
    ],
)
def test_what_lies_beside_a_value(domain: Any, value: Any, found: list[Any]) -> None:
    assert beside(domain, value) == pytest.approx(found) if value != "b" else beside(domain, value) == found
