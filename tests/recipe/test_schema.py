"""The schema: the shipped recipes load, say how they are run, and survive a round trip."""

from __future__ import annotations

from pathlib import Path

import pytest

from flows.recipe.loading import load_recipe
from flows.recipe.schema import Recipe

ROOT = Path(__file__).resolve().parents[2]
RECIPES = sorted((ROOT / "conf").rglob("*.yaml"))


def test_there_are_recipes() -> None:
    assert {"churn.yaml", "cifar10_resnet20.yaml", "digits.yaml"} <= {path.name for path in RECIPES}


@pytest.mark.parametrize("path", RECIPES, ids=lambda path: path.stem)
def test_a_shipped_recipe_loads_and_names_its_command(path: Path) -> None:
    recipe = load_recipe(path)
    assert recipe.name.replace("-", "_") == path.stem.replace("-", "_")
    first = path.read_text().splitlines()[0]
    command = f"# paredown optimize {path.relative_to(ROOT)}"
    assert first == command or first.startswith(f"{command} ")
    for override in first.removeprefix(command).split():
        key, _, value = override.partition("=")
        assert value, first
        load_recipe(path, [f"{key}={value}"])


@pytest.mark.parametrize("path", RECIPES, ids=lambda path: path.stem)
def test_a_recipe_is_the_same_after_a_round_trip(path: Path) -> None:
    recipe = load_recipe(path)
    assert Recipe.model_validate(recipe.model_dump(mode="json")) == recipe
