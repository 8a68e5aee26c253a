"""The branch space: points of a compression search and the branches that they are."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest

from tasks.compression.branch import Branch, Compress, CompressionSearch
from tasks.compression.search_space import branch_space
from tasks.compression.search_space.branch_space import decode, encode, encode_at_start, longest, space_of
from tasks.compression.search_space.branch_starts import starts_of
from tasks.compression.search_space.template_space import owner
from tasks.core import InputError
from tasks.search.space import Point, is_member, ordered
from tasks.techniques import Blocks, Channels, Int8
from tasks.training.recovery import Recover

NARROW: dict[str, Any] = {
    "name": "narrow",
    "steps": [{"step": "channels", "sparsity": 0.5}, {"step": "recover", "epochs": 2}, {"step": "int8"}],
}
DEEP: dict[str, Any] = {"name": "a.b + c", "steps": [{"step": "blocks", "share": 0.3}, {"step": "int8"}]}


def branches(*contents: dict[str, Any]) -> tuple[Branch, ...]:
    return Compress.model_validate({"branches": list(contents)}).branches


def free(**changes: Any) -> dict[str, Any]:
    return space_of(CompressionSearch.model_validate(changes), (), "torch", "latency")


POINT: Point = {
    "reduce": "blocks, channels",
    "finish": "int8",
    "blocks.share": 0.3,
    "channels.sparsity": 0.4,
    "channels.importance": "taylor",
    "rung": 1,
    "recover.learning_rate": 0.001,
    "recover.temperature": 2.0,
}


def test_a_branch_may_begin_where_one_of_the_recipe_stands() -> None:
    own = branches(NARROW, TWICE, DEEP)
    assert starts_of(own) == ["narrow", "twice"], "not the one without a recovery"
    space = space_of(CompressionSearch(epochs=3), own, "torch", "latency", starts=starts_of(own))
    assert space["start"].ends() == ("baseline", "narrow", "twice")
    more: Point = {
        "start": "twice", "reduce": "blocks", "finish": "int8", "blocks.remove": 1, "rung": 3,
        "recover.learning_rate": "auto", "recover.temperature": 4.0,
    }  # fmt: skip
    assert is_member(more, space)
    assert not is_member({**more, "start": "baseline"}, space), "there blocks are a share"
    steps = decode(more, "found 1", own).steps
    assert steps[:4] == own[1].steps[:4]
    assert steps[4] == Blocks(remove=1)
    assert [step.epochs for step in steps if isinstance(step, Recover)] == [2, 4, 1, 2], "the own ones are in one piece"
    longer = {path: value for path, value in more.items() if path != "blocks.remove"} | {"reduce": "recover"}
    assert is_member(longer, space)
    assert [type(step) for step in decode(longer, "found 1", own).steps[4:]] == [Recover, Recover, Int8]
    assert steps[-1] == own[1].steps[-1], "it is finished as the own one is"
    assert encode_at_start(own[1], space, own) == {"start": "twice", "reduce": "nothing", "finish": "int8"}
    assert [encode_at_start(own[2], space, own), encode_at_start(own[1], free(), own)] == [None, None]
    encoded = encode(own[0], space_of(CompressionSearch(epochs=2), own, "torch", "latency", starts=["narrow"]), own)
    assert encoded is not None
    assert encoded["start"] == "baseline"


def test_a_student_and_what_ends_without_a_recovery_are_no_starts() -> None:
    distilled = {"name": "student", "steps": [{"step": "distill", "factory": "a:b"}, {"step": "recover"}]}
    repaired = {"name": "repaired", "steps": [{"step": "blocks"}, {"step": "recover", "until": "reconstruct"}]}
    assert starts_of(branches(distilled, repaired)) == []


TWICE: dict[str, Any] = {
    "name": "twice",
    "steps": [
        {"step": "blocks", "remove": 2}, {"step": "recover", "epochs": 2},
        {"step": "blocks", "remove": 1}, {"step": "recover", "epochs": 4}, {"step": "int8", "per_channel": True},
    ],
}  # fmt: skip


# --- the branch itself is searched ----------------------------------------------------------------------------


def test_a_point_is_a_branch_with_its_steps_in_order_and_back() -> None:
    space = free()
    assert is_member(POINT, space)
    branch = decode(POINT, "found 1", ())
    assert branch.steps == (
        Blocks(share=0.3),
        Channels(sparsity=0.4, importance="taylor"),
        Recover(epochs=1, learning_rate=0.001, temperature=2.0),
        Int8(),
    )
    assert encode(branch, space, ()) == POINT


def test_the_branch_of_a_rung_begins_as_the_one_of_the_rung_before() -> None:
    space = free(epochs=9)
    assert space["rung"].ends() == (1, 3, 9)
    branches_at = [decode(POINT | {"rung": epochs}, "found 1", ()) for epochs in (1, 3, 9)]
    lengths = [[step.epochs for step in branch.steps if isinstance(step, Recover)] for branch in branches_at]
    assert lengths == [[1], [1, 2], [1, 2, 6]]
    for shorter, longer in pairwise(branches_at):
        assert longer.steps[: len(shorter.steps) - 1] == shorter.steps[:-1], "all but the finish"
    assert [encode(branch, space, ()) for branch in branches_at] == [POINT | {"rung": epochs} for epochs in (1, 3, 9)]


def test_a_recovery_in_one_piece_is_that_of_its_rung() -> None:
    recovery = {"step": "recover", "epochs": 9, "learning_rate": 0.001}
    (own,) = branches({"name": "own", "steps": [{"step": "channels", "sparsity": 0.4}, recovery, {"step": "int8"}]})
    point = encode(own, free(epochs=9), (own,))
    assert point is not None
    assert point["rung"] == 9
    assert encode(own, free(epochs=18), (own,)) is None, "no rung is so long"


@pytest.mark.parametrize(
    ("search", "rungs"),
    [
        ({"minutes": 5}, (1, 3, 9, 27)),
        ({"minutes": 5, "epochs": 3}, (1, 3)),
        ({"minutes": 5, "trials": 20}, (1, 3)),
        ({}, (1, 3)),
    ],
)
def test_where_minutes_alone_are_the_limit_recoveries_may_become_longer(
    search: dict[str, Any], rungs: tuple[int, ...]
) -> None:
    assert free(**search)["rung"].ends() == rungs


def test_without_rungs_the_epochs_are_searched() -> None:
    space = free(epochs=9, scheduler="median")
    assert "rung" not in space
    point = {path: value for path, value in POINT.items() if path != "rung"} | {"recover.epochs": 7}
    assert is_member(point, space)
    branch = decode(point, "found 1", ())
    assert [step.epochs for step in branch.steps if isinstance(step, Recover)] == [7]
    assert encode(branch, space, ()) == point
    assert free(epochs=1, scheduler="none")["recover.epochs"].ends() == (1,)


def test_a_knob_has_the_steps_that_matter_for_the_network() -> None:
    space = space_of(CompressionSearch(), (), "torch", "latency", (), {"blocks.share": 1 / 9})
    shares = space["blocks.share"].values()
    assert [round(share * 9) for share in shares or ()] == [1, 2, 3, 4, 5, 6]
    alone = space_of(CompressionSearch(), (), "torch", "latency", (), {"blocks.share": 0.5})["blocks.share"]
    assert alone.values() == (0.5,)


def test_what_is_not_searched_of_a_recovery_stays_as_the_recipe_has_it() -> None:
    recovery = {"step": "recover", "epochs": 2, "learning_rate": 0.001, "precision": "bfloat16", "batch_size": 64}
    channels = {"step": "channels", "sparsity": 0.4}
    (own,) = branches({"name": "own", "steps": [channels, recovery, {"step": "int8"}]})
    _, found, _ = decode({**POINT, "reduce": "channels", "rung": 1}, "found 1", (own,)).steps
    assert found == Recover(epochs=1, learning_rate=0.001, temperature=2.0, precision="bfloat16", batch_size=64)


def test_a_file_is_finished_as_the_recipe_does_it() -> None:
    (own,) = branches({"name": "own", "steps": [{"step": "int8", "variants": ["u8u8"]}]})
    (found,) = decode({"reduce": "nothing", "finish": "int8"}, "found 1", (own,)).steps
    assert found == Int8(variants=("u8u8",))


def test_every_order_of_one_or_two_reductions_can_be_drawn() -> None:
    orders = free()["reduce"].choice
    tags = ["channels", "blocks", "low_rank"]
    pairs = [f"{one}, {other}" for one in tags for other in tags if one != other]
    assert sorted(orders) == sorted(["nothing", *tags, *pairs])


def test_without_a_reduction_nothing_is_recovered() -> None:
    point = {"reduce": "nothing", "finish": "clean"}
    assert is_member(point, free())
    assert [str(step.step) for step in decode(point, "x", ()).steps] == ["clean"]  # type: ignore[union-attr]


def test_a_file_is_finished_by_what_promises_what_the_goal_wants() -> None:
    search = CompressionSearch()
    fast, small = (space_of(search, (), "torch", what)["finish"] for what in ("latency", "bytes"))
    assert set(fast.ends()) == {"clean", "int8"}
    assert {"int8", "fp16", "weight_only"} <= set(small.ends())
    assert "clean" not in small.ends()


def test_an_onnx_baseline_is_finished_only() -> None:
    space = space_of(CompressionSearch(), (), "onnx", "latency")
    assert space.keys() == {"reduce", "finish"}
    assert space["reduce"].ends() == ("nothing",)
    assert longest(space, ()) == 0


def test_what_has_refused_the_network_is_left_out() -> None:
    space = space_of(CompressionSearch(), (), "torch", "latency", ["blocks", "low_rank"])
    assert space["reduce"].ends() == ("nothing", "channels")
    assert not any(path.startswith(("blocks.", "low_rank.")) for path in space)
    assert ordered(space)[0] == "reduce"


@pytest.mark.parametrize(
    "steps",
    [
        [{"step": "weights", "sparsity": 0.5}, {"step": "recover", "epochs": 1}, {"step": "int8"}],
        [{"step": "channels", "sparsity": 0.9}, {"step": "recover", "epochs": 1}, {"step": "int8"}],
        [{"step": "channels", "sparsity": 0.4, "multiple": 4}, {"step": "recover", "epochs": 1}, {"step": "int8"}],
        [{"step": "channels", "sparsity": 0.4}, {"step": "recover", "minutes": 1}, {"step": "int8"}],
        [{"step": "channels", "sparsity": 0.4}, {"step": "int8"}],
        [{"step": "channels", "speedup": 1.5}, {"step": "recover", "epochs": 1}, {"step": "int8"}],
    ],
)
def test_a_branch_that_the_space_does_not_have_is_no_point(steps: list[dict[str, Any]]) -> None:
    (branch,) = branches({"name": "x", "steps": steps})
    assert encode(branch, free(), ()) is None


def test_the_epochs_are_those_of_the_search() -> None:
    assert longest(free(), ()) == branch_space.EPOCHS
    assert longest(free(epochs=7), ()) == 7
    (own,) = branches({"name": "own", "steps": [{"step": "channels"}, {"step": "recover", "epochs": 8}]})
    assert longest(space_of(CompressionSearch(), (own,), "torch", "latency"), (own,)) == 8, (
        "as long as the recipe's own"
    )


# --- the recipe's branches are templates ----------------------------------------------------------------------


def templates() -> tuple[tuple[Branch, ...], dict[str, Any]]:
    given = branches(NARROW, DEEP)
    search = {"space": {"narrow.0.sparsity": {"uniform": [0.1, 0.8]}, "a.b + c.0.share": {"choice": [0.2, 0.3]}}}
    return given, space_of(CompressionSearch.model_validate(search), given, "torch", "latency")


def test_a_point_names_its_branch_and_fills_its_knobs() -> None:
    given, space = templates()
    assert space["branch"].ends() == ("narrow", "a.b + c")
    point = {"branch": "narrow", "narrow.0.sparsity": 0.25}
    assert is_member(point, space)
    assert not is_member(point | {"a.b + c.0.share": 0.2}, space), "a knob of another branch"
    found = decode(point, "found 3", given)
    assert found.steps == (Channels(sparsity=0.25), Recover(epochs=2), Int8())
    assert given[0].steps[0] == Channels(sparsity=0.5), "the template stays"


def test_the_recipe_s_own_branches_are_points_where_their_values_are_in_the_space() -> None:
    given, space = templates()
    assert encode(given[0], space, given) == {"branch": "narrow", "narrow.0.sparsity": 0.5}
    assert encode(given[1], space, given) == {"branch": "a.b + c", "a.b + c.0.share": 0.3}
    (elsewhere,) = branches({**DEEP, "steps": [{"step": "blocks", "share": 0.9}]})
    assert encode(elsewhere, space, given) is None


def test_epochs_are_counted_over_the_steps_of_a_template() -> None:
    again = {"step": "recover", "epochs": 3}
    given = branches({**NARROW, "steps": [*NARROW["steps"][:2], again]}, DEEP)
    search = CompressionSearch.model_validate({"space": {"narrow.1.epochs": {"integers": [1, 5]}}})
    assert longest(space_of(search, given, "torch", "latency"), given) == 8


def test_the_longest_name_that_fits_owns_a_path() -> None:
    given = branches(NARROW, {**NARROW, "name": "narrow.0"})
    assert owner("narrow.0.0.sparsity", given).name == "narrow.0"


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("narow.0.sparsity", "begin with a branch's name; nearest valid choice: narrow.0"),
        ("narrow.3.sparsity", "the 3 steps of 'narrow', but got '3'"),
        ("narrow.0.sparcity", "names no knob of channels, but got 'sparcity'; nearest valid choice: sparsity"),
        ("narrow.0.step", "names no knob of channels, but got 'step'"),
    ],
)
def test_a_path_that_leads_nowhere_is_explained(path: str, said: str) -> None:
    with pytest.raises(InputError) as error:
        owner(path, branches(NARROW))
    assert str(error.value).startswith(f"search.space.{path}: ")
    assert said in str(error.value)
