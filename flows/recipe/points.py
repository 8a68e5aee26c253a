"""Points: put the values of a search's point into a recipe, and read them from it."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel
from pydantic_core import to_jsonable_python

from flows.recipe.schema import Recipe
from flows.recipe.yaml_files import set_value
from tasks.search.search_spec import Search
from tasks.search.space import Point, restrict

KINDS = ("model.family", "model.factory")
"""Paths of what a model is: `model.arguments` of the recipe are those of its own."""


def with_point(recipe: Recipe, point: Point) -> Recipe:
    """The recipe with the values of a search's point.

    Raises:
        InputError: a path runs through something that is neither a mapping nor a list.
        ValidationError: the recipe does not accept a value.
    """
    return Recipe.model_validate(put_point(recipe.model_dump(mode="json", exclude_unset=True), point))


def freeze_point(recipe: Recipe, point: Point) -> Recipe:
    """The recipe with the values of a point and without its `search` section.

    Saved and run alone, it trains exactly that point. Raises as `with_point` does.
    """
    content = put_point(recipe.model_dump(mode="json", exclude_unset=True), point)
    return Recipe.model_validate({name: section for name, section in content.items() if name != "search"})


def own_point(recipe: Recipe, search: Search) -> Point:
    """The recipe's own values at the paths of its search, also values outside their domains.

    Without paths where the recipe has no value, and without paths whose conditions are not met.
    """
    own = {path: value_at(recipe, path) for path in search.space}
    named = {path: value for path, value in own.items() if value is not None or search.space[path].has(None)}
    return restrict(named, search.space)


def value_at(recipe: Recipe, path: str) -> Any:
    """The value (as JSON, defaults included) at a dotted path; None when there is none."""
    place: Any = recipe
    for part in path.split("."):
        if isinstance(place, BaseModel):  # a setting at its default may be left out of the JSON form
            place = getattr(place, part, None) if part in type(place).model_fields else None
        elif isinstance(place, (list, tuple)) and part.isdigit() and int(part) < len(place):
            place = place[int(part)]
        elif isinstance(place, Mapping):
            place = place.get(part)
        else:
            return None
    return to_jsonable_python(place)


def put_point(content: dict[str, Any], point: Point) -> dict[str, Any]:
    """Puts the values of a point into a recipe's plain data, in place, outer paths first; returns the data.

    Where the point names another family or factory than the data, their own `model.arguments` go: they are not its.

    Raises:
        InputError: a path runs through something that is neither a mapping nor a list.
    """
    model = content.get("model")
    for path in KINDS:
        if isinstance(model, dict) and path in point and model.get(path.partition(".")[2]) != point[path]:
            model.pop("arguments", None)
    return set_values(content, point)


def set_values(content: dict[str, Any], values: Point) -> dict[str, Any]:
    """Sets values at their paths in a recipe's plain data, in place, outer paths first, and nothing else."""
    for path in sorted(values, key=lambda path: path.count(".")):
        set_value(content, path, copy.deepcopy(values[path]))
    return content


def unsearched(recipe: Recipe, parts: set[str]) -> dict[str, Any]:
    """Sections of a recipe as JSON, with None in place of every searched value.

    Args:
        parts: names of the sections; searched values of others are added to them.
    """
    space = recipe.search.space if recipe.search else {}
    content = recipe.model_dump(mode="json", include=parts)
    own = {path: value_at(recipe, path) for path in KINDS if path in space and recipe.model.arguments}
    return set_values(content, dict.fromkeys(space)) | ({"arguments of": own} if own else {})


def searches_preprocess(recipe: Recipe) -> bool:
    """Whether points of the recipe's search prepare the data otherwise: by their steps, or for another network."""
    space = recipe.search.space if recipe.search else {}
    is_other = "model.family" in space and not recipe.model.is_simple
    return is_other or any(path.split(".")[0] == "preprocess" for path in space)
