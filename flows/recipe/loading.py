"""loading."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from flows.recipe.error_messages import explain
from flows.recipe.schema import Recipe
from flows.recipe.search_validation import check_space
from flows.recipe.template_validation import check_templates
from flows.recipe.yaml_files import put, read_yaml
from tasks.core import InputError


def load_recipe(path: Path, overrides: list[str] | None = None) -> Recipe:
    """Reads a recipe and lays `key=value` over it.

    Args:
        path: a YAML file.
        overrides: dotted path and YAML value, for example `train.epochs=3` or `compress.branches.0.name=x`.

    Raises:
        InputError: one message that names the file, the path in it, the law, the value and the nearest choice.
    """
    content = read_yaml(path)
    for override in overrides or []:
        key, separator, text = override.partition("=")
        if not separator or not key:
            law = "must have the form key=value, with a dotted path into the recipe as key"
            raise InputError(law, path="command line", value=override)
        try:
            put(content, key, yaml.safe_load(text))
        except yaml.YAMLError:
            raise InputError("must have a value in YAML after =", path="command line", value=override) from None
    return validate_recipe(content, str(path))


def validate_recipe(content: dict[str, Any], file: str | None = None) -> Recipe:
    """A recipe from plain data; also tries both ends of the search space.

    Raises:
        InputError: the first mistake, explained.
    """
    try:
        recipe = Recipe.model_validate(content)
    except ValidationError as error:
        raise explain(error, content, Recipe, file) from None
    if recipe.search:
        check_space(recipe, recipe.search, file)
    if recipe.compress and recipe.compress.search:
        check_templates(recipe, recipe.compress.search, file)
    return recipe
