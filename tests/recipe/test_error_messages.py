"""Every value of a rich recipe is replaced by wrong ones of every kind: no message may need knowledge of pydantic."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Any

import pytest
import yaml
from pydantic import BaseModel, Field, ValidationError

from flows.recipe.error_messages import explain
from flows.recipe.loading import validate_recipe
from tasks.core import InputError

RICH: dict[str, Any] = {
    "name": "rich",
    "data": {"source": "a.csv", "target": "b", "split": {"by": "time", "column": "c"}, "drop": ["d"], "size": 8},
    "preprocess": [{"step": "normalize", "mean": [0.5], "std": [0.5]}, {"step": "one_hot"}],
    "augment": [{"step": "crop", "padding": 1}, {"step": "noise", "std": 0.1}],
    "model": {"factory": "tasks.architectures:mlp", "arguments": {"width": 8}, "weights": None},
    "train": {"epochs": 2, "minutes": 1.0, "early_stopping": {"patience": 2}, "precision": "float32"},
    "search": {
        "algorithm": "random",
        "space": {
            "train.learning_rate": {"loguniform": [1e-3, 1e-1]},
            "train.epochs": {"integers": [1, 9]},
            "train.optimizer": {"choice": ["sgd", "adam"]},
            "train.momentum": {"uniform": [0.5, 0.9], "when": {"train.optimizer": ["sgd"], "train.batch_size": 64}},
            "train.batch_size": {"quantized": [32, 96, 32]},
        },
        "resources": {"cpus": 2, "gpus": 0.5},
    },
    "compress": {
        "branches": [
            {"name": "narrow", "steps": [{"step": "channels", "sparsity": 0.5, "ignore": ["0"]}, {"step": "recover"}]},
            {"name": "own", "steps": [{"step": "tasks.techniques:LowRank", "energy": 0.8}]},
        ]
    },
    "goal": {"metric": "f1", "limits": {"bytes": 9, "speedup": 2.0}},
    "runtime": {"threads": 2},
}
WRONG: tuple[Any, ...] = (
    *(None, True, -1, 0, 1, 1.5, 10**9, float("inf"), float("nan"), "", "x", "adan", "a" * 99),
    *([], ["x"], [-1], [[]], {}, {"zzz": 1}, {3: 4}, {"step": "x"}),
)
JARGON = ("Input should", "inputs", "Value error", "valid ", "instance", "tuple", "function", "dictionary", "is wrong")
Way = tuple[str | int, ...]


def ways(value: Any, way: Way = ()) -> Iterator[Way]:
    """Where each value inside a value is."""
    inside = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, child in inside:
        yield (*way, key)
        yield from ways(child, (*way, key))


def changed(way: Way, value: Any) -> dict[str, Any]:
    """The rich recipe with another value in one place."""
    content = copy.deepcopy(RICH)
    place: Any = content
    for part in way[:-1]:
        place = place[part]
    place[way[-1]] = value
    return content


def message(content: dict[str, Any]) -> InputError | None:
    """What is wrong, if anything."""
    try:
        validate_recipe(content)
    except InputError as error:
        return error
    return None


@pytest.mark.parametrize("way", list(ways(RICH)), ids=lambda way: ".".join(map(str, way)))
def test_no_message_speaks_of_pydantic(way: Way) -> None:
    for value in WRONG:
        said = message(changed(way, value))
        if said is None:
            continue
        rest = said.law
        assert not [word for word in JARGON if word in rest], rest
        assert said.path
        assert said.path.startswith(str(way[0])) or said.path.startswith("search.space."), rest
        for part in said.path.split("."):
            assert part not in ("channels", "recover", "crop", "normalize", "LogUniform", "Choice"), rest


@pytest.mark.parametrize("way", list(ways(RICH)), ids=lambda way: ".".join(map(str, way)))
def test_the_nearest_choice_is_valid_when_it_is_copied(way: Way) -> None:
    for value in WRONG:
        said = message(changed(way, value))
        if said is None or said.nearest is None or said.path != ".".join(map(str, way)):
            continue
        copied = changed(way, yaml.safe_load(str(said.nearest)))
        again = message(copied)
        assert again is None or not str(again.path).startswith(str(said.path)), said


class Leaf(BaseModel, extra="forbid"):
    """A small model."""

    size: int = Field(default=3, gt=0)


class Other(BaseModel, extra="forbid"):
    """Another one."""

    colour: str


class Tree(BaseModel, extra="forbid"):
    """Models in a plain union, in a list and in a mapping."""

    leaf: Leaf | Other
    leaves: list[Leaf] = []
    named: dict[str, Leaf | Other] = {}


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ({"leaf": {"size": 0}}, "t: leaf.size: must be above 0, but got 0; nearest valid choice: 1"),
        ({"leaf": {"color": "red"}}, "t: leaf: must be a mapping with one of the keys size, colour, "
         "but got {'color': 'red'}; nearest valid choice: colour"),
        ({"leaf": {"colour": "red"}, "leaves": [{}, {"sise": 1}]}, "t: leaves.1.sise: is not a known key; "
         "nearest valid choice: size"),
        ({"leaf": {"colour": 3}, "named": {"size": {"size": 1}}}, "t: leaf.colour: must be text, but got 3; "
         "nearest valid choice: '3'"),
        ({"leaf": {"colour": "red"}, "named": {"a.b": {"size": "x"}}}, "t: named.a.b.size: must be a whole number, "
         "but got 'x'"),
        ({}, "t: leaf: is required"),
        ({"leaf": 3, "leef": 4}, "t: leef: is not a known key; nearest valid choice: leaf"),
    ],
)  # fmt: skip
def test_where_unions_lists_and_mappings_nest(content: dict[str, Any], says: str) -> None:
    with pytest.raises(ValidationError) as caught:
        Tree.model_validate(content)
    assert str(explain(caught.value, content, Tree, "t")) == says


def test_a_long_value_is_cut() -> None:
    said = message(changed(("train", "epochs"), ["far too much"] * 100))
    assert said is not None
    assert len(str(said)) < 150
    assert str(said).endswith("...")
