"""points."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

from flows.recipe.schema import Recipe
from flows.recipe.yaml_files import put
from tasks.search.search_spec import Search
from tasks.search.space import Point, restrict

if TYPE_CHECKING:
    from flows.recipe.schema import Recipe


def with_point(recipe: Recipe, point: Point) -> Recipe:
    """The recipe with the values of a search's point."""
    return Recipe.model_validate(put_point(recipe.model_dump(mode="json", exclude_unset=True), point))


def freeze_point(recipe: Recipe, point: Point) -> Recipe:
    """The recipe with a point in it and without the search: saved and run alone, it trains just that point."""
    content = put_point(recipe.model_dump(mode="json", exclude_unset=True), point)
    return Recipe.model_validate({name: section for name, section in content.items() if name != "search"})


def own_point(recipe: Recipe, search: Search) -> Point:
    """The recipe's own values at the paths of its search, also those outside their domains, as far as it names them."""
    own = {path: value_at(recipe, path) for path in search.space}
    named = {path: value for path, value in own.items() if value is not None or search.space[path].has(None)}
    return restrict(named, search.space)


def value_at(recipe: Recipe, path: str) -> Any:
    """The value at a dotted path; None when the recipe says nothing there."""
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
    """A recipe's plain data with the values of a point put into it, in place; outer paths first.

    Raises:
        InputError: a path runs through something that is neither a mapping nor a list.
    """
    for path in sorted(point, key=lambda path: path.count(".")):
        put(content, path, copy.deepcopy(point[path]))
    return content
