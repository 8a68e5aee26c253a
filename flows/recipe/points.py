"""Points: put the values of a search's point into a recipe, and read them from it."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

from flows.recipe.schema import Recipe
from flows.recipe.yaml_files import set_value
from tasks.search.search_spec import Search
from tasks.search.space import Point, restrict

if TYPE_CHECKING:
    from flows.recipe.schema import Recipe


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
    place: Any = recipe.model_dump(mode="json")
    for part in path.split("."):
        if isinstance(place, list) and part.isdigit() and int(part) < len(place):
            place = place[int(part)]
        elif isinstance(place, dict):
            place = place.get(part)
        else:
            return None
    return place


def put_point(content: dict[str, Any], point: Point) -> dict[str, Any]:
    """Puts the values of a point into a recipe's plain data, in place, outer paths first; returns the data.

    Raises:
        InputError: a path runs through something that is neither a mapping nor a list.
    """
    for path in sorted(point, key=lambda path: path.count(".")):
        set_value(content, path, copy.deepcopy(point[path]))
    return content
