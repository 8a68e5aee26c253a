"""Initial points: the first points of a search for branches."""

from __future__ import annotations

import math

import pytest

from tasks.compression.branch import Branch, CompressionSearch
from tasks.compression.branch_space import space_of
from tasks.compression.initial_points import initial_points
from tasks.search.space import is_member

OWN = Branch.model_validate({"name": "own", "steps": [{"step": "channels"}, {"step": "int8"}]})
SPACE = space_of(CompressionSearch(epochs=5), (), "torch", "latency", ["low_rank"])


def test_each_reduction_alone_in_the_middle_of_its_knobs() -> None:
    points = {point["reduce"]: point for point in initial_points(SPACE, OWN)}
    assert set(points) == {"channels", "blocks"}, "neither pairs nor what refuses the network"
    assert all(is_member(point, SPACE) for point in points.values())
    assert points["blocks"]["blocks.share"] == pytest.approx(0.4), "between 0.1 and 0.7"
    for point in points.values():
        recovery = [point[f"recover.{knob}"] for knob in ("epochs", "learning_rate", "temperature")]
        assert recovery == [5, 1e-3, 4.0], "as long as it may be, with the usual values"


def test_the_finish_is_that_of_the_best_branch_that_is_known() -> None:
    assert {point["finish"] for point in initial_points(SPACE, OWN)} == {"int8"}
    trained = OWN.model_copy(update={"steps": OWN.steps[:1]})
    for other in (None, trained):
        assert {point["finish"] for point in initial_points(SPACE, other)} == {SPACE["finish"].ends()[0]}


def test_where_the_usual_value_is_not_in_the_space_it_is_the_middle() -> None:
    rates = {
        **SPACE,
        "recover.learning_rate": SPACE["recover.learning_rate"].model_copy(update={"loguniform": (2e-3, 8e-3)}),
    }
    for point in initial_points(rates, OWN):
        assert math.isclose(point["recover.learning_rate"], 4e-3)


def test_templates_say_themselves_where_to_begin() -> None:
    search = CompressionSearch.model_validate({"space": {"own.0.sparsity": {"uniform": [0.1, 0.5]}}})
    assert initial_points(space_of(search, (OWN,), "torch", "latency"), OWN) == []
