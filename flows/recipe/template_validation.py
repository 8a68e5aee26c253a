"""Template validation: whether a recipe's branches accept every value that its compression search may give them."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING

from pydantic import ValidationError

from flows.recipe.default_branches import branches_of
from flows.recipe.error_messages import explain
from flows.recipe.points import put_point
from flows.recipe.search_validation import probes
from tasks.compression.branch import CompressionSearch
from tasks.compression.search_space import template_space
from tasks.core import InputError

if TYPE_CHECKING:
    from flows.recipe.schema import Recipe

HERE = "compress.search.space."


def check_templates(recipe: Recipe, search: CompressionSearch, file: str | None) -> None:
    """Validates the recipe's branches with the values of each of the search space's `probes`.

    Args:
        search: the compression search; its space has paths `BRANCH.PLACE.KNOB`.
        file: the recipe's file, for messages.

    Raises:
        InputError: a path names no knob of a branch, or a knob does not accept a value of its domain.
    """
    branches = branches_of(recipe).branches
    places = {path: locate_knob(path, recipe, file) for path in search.space}
    content = recipe.model_dump(mode="json", exclude_unset=True)
    content["compress"] = {"branches": [branch.model_dump(mode="json", exclude_unset=True) for branch in branches]}
    for point in probes(search.space):
        filled = put_point(copy.deepcopy(content), {places[path]: value for path, value in point.items()})
        try:
            type(recipe).model_validate(filled)
        except ValidationError as error:
            said = explain(error, filled, type(recipe), file)
            asked = next((path for path, where in places.items() if where == said.path), None)
            path = f"{HERE}{asked}" if asked else said.path
            raise said.at(path=path) from None


def locate_knob(path: str, recipe: Recipe, file: str | None) -> str:
    """The recipe's dotted path of the knob that a search path `BRANCH.PLACE.KNOB` names.

    Raises:
        InputError: there is no such branch, step or knob.
    """
    branches = branches_of(recipe).branches
    try:
        branch = template_space.owner(path, branches)
    except InputError as error:
        raise error.at(path=f"compress.{error.path}", file=file) from None
    index, knob = path.removeprefix(f"{branch.name}.").split(".")
    return f"compress.branches.{branches.index(branch)}.steps.{index}.{knob}"
