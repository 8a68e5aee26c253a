"""Domains: the values that they hold, and their words."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError
from support.search_specs import search_of


def domain(content: Any) -> Any:
    return search_of({"a": content}).space["a"]


@pytest.mark.parametrize(
    ("content", "values"),
    [
        ({"choice": ["a", None, [1]]}, ["a", None, [1]]),
        ({"integers": [-1, 2]}, [-1, 0, 1, 2]),
        ({"quantized": [16, 64, 16]}, [16, 32, 48, 64]),
        ({"quantized": [0.1, 0.7, 0.1]}, [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7]),
        ({"quantized": [5, 8, 1.5]}, [5, 6.5, 8]),
    ],
)
def test_an_enumerable_domain_names_its_values(content: Any, values: list[Any]) -> None:
    found = list(domain(content).values())
    assert found == values
    assert [type(each) for each in found] == [type(each) for each in values], "whole numbers are int"
    assert all(domain(content).has(value) for value in values)


@pytest.mark.parametrize(
    ("content", "inside", "outside"),
    [
        ({"uniform": [0, 1]}, [0, 0.3, 1], [-0.1, 1.1, "a", None, True]),
        ({"loguniform": [0.1, 1]}, [0.1, 0.5], [0.09, None]),
        ({"integers": [1, 3]}, [1, 2.0, 3], [0, 4, 2.5, "2", True, None]),
        ({"quantized": [0.2, 1.0, 0.2]}, [0.2, 0.6, 1], [0.3, 0, True]),
        ({"choice": [1, "a"]}, [1, "a"], [True, "b", 2]),
    ],
)
def test_what_a_domain_holds(content: Any, inside: list[Any], outside: list[Any]) -> None:
    assert all(domain(content).has(value) for value in inside)
    assert not any(domain(content).has(value) for value in outside)


def test_a_continuous_domain_has_no_list_of_values() -> None:
    assert domain({"uniform": [0, 1]}).values() is None
    assert domain({"loguniform": [0.1, 1]}).values() is None


@pytest.mark.parametrize(
    ("content", "law"),
    [
        ({"quantized": [0, 1, 1e-5]}, "must have at most 10,000 steps, but has 100,000"),
        ({"quantized": [0, 1, 0]}, "greater than 0"),
        ({"quantized": [0, 1, 2]}, "whole steps of its third"),
        ({"integers": [3, 3]}, "the first number must be below the second"),
    ],
)
def test_a_domain_that_is_none(content: Any, law: str) -> None:
    with pytest.raises(ValidationError, match=law):
        domain(content)


def test_a_domain_in_words() -> None:
    assert str(domain({"quantized": [8, 24, 8]})) == "quantized [8, 24, 8]"
    assert str(domain({"loguniform": [1e-4, 0.1]})) == "loguniform [0.0001, 0.1]"
    words = "choice [True, False] when optimizer is sgd and momentum is 0.9"
    assert str(search_of().space["nesterov"]) == words
