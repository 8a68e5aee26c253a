"""Retrain spec: its defaults, and a window that cannot be read is named with its place in the recipe."""

from __future__ import annotations

from typing import Any

import pytest

from flows.recipe.loading import validate_recipe
from tasks.core import InputError


def recipe(**retrain: Any) -> Any:
    return validate_recipe({"name": "a", "data": {"source": "a.csv"}, "retrain": retrain}).retrain


def test_the_defaults() -> None:
    spec = recipe()
    assert (spec.data, spec.window, spec.holdout, spec.search.minutes) == ("append", None, 0.2, 0)
    assert recipe(window="90 days").window == "90 days"


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"window": "90 moons"}, r"retrain\.window: must be a number of rows, or a time, but got '90 moons'"),
        ({"window": 0}, r"retrain\.window: must be a number of rows"),
        ({"data": "merge"}, r"retrain\.data: .*append.*replace"),
        ({"holdout": 1}, r"retrain\.holdout: must be"),
        ({"search": {"minutes": -1}}, r"retrain\.search\.minutes: must be"),
    ],
)
def test_wrong_settings_are_one_message(given: dict[str, Any], told: str) -> None:
    with pytest.raises(InputError, match=told):
        recipe(**given)
