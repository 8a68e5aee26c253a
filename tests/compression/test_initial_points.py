"""Initial points: the first points of a search for branches."""

from __future__ import annotations

import math

import pytest

from tasks.compression.branch import Branch, CompressionSearch
from tasks.compression.search_space.branch_space import space_of
from tasks.compression.search_space.initial_points import initial_points
from tasks.search.space import is_member

OWN = Branch.model_validate({"name": "own", "steps": [{"step": "channels"}, {"step": "int8"}]})
SPACE = space_of(CompressionSearch(epochs=5), (), "torch", "latency", ["low_rank"])


def test_each_reduction_alone_in_the_middle_of_its_knobs() -> None:
    points = {point["reduce"]: point for point in initial_points(SPACE, None)}
    assert set(points) == {"channels", "blocks"}, "neither pairs nor what refuses the network"
    assert all(is_member(point | {"rung": 1}, SPACE) for point in points.values())
    assert points["blocks"]["blocks.share"] == pytest.approx(0.4), "between 0.1 and 0.7"
    for point in points.values():
        recovery = [point[f"recover.{knob}"] for knob in ("learning_rate", "temperature")]
        assert recovery == ["auto", 4.0], "with the usual values"


def test_without_rungs_a_recovery_is_as_long_as_it_may_be() -> None:
    space = space_of(CompressionSearch(epochs=5, scheduler="none"), (), "torch", "latency", ["low_rank"])
    assert {point["recover.epochs"] for point in initial_points(space, None)} == {5}


def test_the_best_own_branch_comes_first_with_the_nearest_values() -> None:
    recovery = {"step": "recover", "minutes": 5, "learning_rate": 0.05}
    steps = [{"step": "blocks", "share": 0.8}, {"step": "channels", "speedup": 2}, recovery, {"step": "int8"}]
    first, *others = initial_points(SPACE, Branch.model_validate({"name": "own", "steps": steps}))
    assert is_member(first | {"rung": 1}, SPACE)
    assert [first[path] for path in ("reduce", "blocks.share", "recover.learning_rate", "recover.temperature")] == [
        "blocks, channels", 0.7, "auto", 4.0,
    ]  # fmt: skip
    assert [point["reduce"] for point in others] == ["channels", "blocks"]
    three = Branch.model_validate({"name": "own", "steps": [*steps[:2], {"step": "blocks", "share": 0.2}]})
    assert len(initial_points(SPACE, three)) == 2, "the space does not have its order"


def test_what_goes_on_from_the_own_branches_comes_first() -> None:
    steps = [{"step": "blocks", "remove": 2}, {"step": "recover", "epochs": 2}, {"step": "int8"}]
    best, behind = (Branch.model_validate({"name": name, "steps": steps}) for name in ("best", "behind"))
    space = space_of(CompressionSearch(epochs=5), (), "torch", "latency", ["low_rank"], starts=["best", "behind"])
    longer, deeper, *others = initial_points(space, best, behind)
    assert (longer["start"], longer["reduce"], longer["finish"]) == ("behind", "recover", "int8")
    assert (deeper["start"], deeper["reduce"], deeper["blocks.remove"]) == ("best", "blocks", 1)
    assert {point["start"] for point in others} == {"baseline"}
    assert all(is_member(point | {"rung": 1}, space) for point in (longer, deeper, *others))
    longer, *others = initial_points(space, best, best)
    assert (longer["start"], longer["reduce"]) == ("best", "recover"), "where all miss the goal"
    assert {point["start"] for point in others} == {"baseline"}


def test_a_start_without_a_technique_of_the_space_is_not_reduced_further() -> None:
    steps = [{"step": "recover", "epochs": 2}, {"step": "int8"}]
    best = Branch.model_validate({"name": "best", "steps": steps})
    space = space_of(CompressionSearch(epochs=5), (), "torch", "latency", ["low_rank"], starts=["best"])
    assert {point["start"] for point in initial_points(space, best)} == {"baseline"}


def test_the_finish_is_that_of_the_best_branch_that_is_known() -> None:
    assert {point["finish"] for point in initial_points(SPACE, OWN)} == {"int8"}
    trained = OWN.model_copy(update={"steps": OWN.steps[:1]})
    for other in (None, trained):
        assert {point["finish"] for point in initial_points(SPACE, other)} == {SPACE["finish"].ends()[0]}


def test_where_the_usual_value_is_not_in_the_space_it_is_the_middle() -> None:
    warm = {
        **SPACE,
        "recover.temperature": SPACE["recover.temperature"].model_copy(update={"loguniform": (5.0, 20.0)}),
    }
    for point in initial_points(warm, None):
        assert math.isclose(point["recover.temperature"], 10.0)


def test_templates_say_themselves_where_to_begin() -> None:
    search = CompressionSearch.model_validate({"space": {"own.0.sparsity": {"uniform": [0.1, 0.5]}}})
    assert initial_points(space_of(search, (OWN,), "torch", "latency"), OWN) == []
