"""Loading: reads a recipe from a YAML file or plain data, and validates it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from flows.recipe.error_messages import explain
from flows.recipe.schema import Recipe
from flows.recipe.search_validation import check_space
from flows.recipe.template_validation import check_templates
from flows.recipe.yaml_files import read_yaml, set_value
from tasks.core import InputError


def load_recipe(path: Path, overrides: list[str] | None = None) -> Recipe:
    """Reads a recipe file, replaces values by the overrides, and validates the result.

    Args:
        path: a YAML file.
        overrides: `key=value` with a dotted path and a YAML value, for example `train.epochs=3` or
            `compress.branches.0.name=x`.

    Raises:
        InputError: the file cannot be read, an override is malformed, or the recipe is not valid.
    """
    content = read_yaml(path)
    for override in overrides or []:
        key, separator, text = override.partition("=")
        if not separator or not key:
            law = "must have the form key=value, with a dotted path into the recipe as key"
            raise InputError(law, path="command line", value=override)
        try:
            set_value(content, key, yaml.safe_load(text))
        except yaml.YAMLError:
            raise InputError("must have a value in YAML after =", path="command line", value=override) from None
    return validate_recipe(content, str(path))


def validate_recipe(content: dict[str, Any], file: str | None = None) -> Recipe:
    """A recipe from plain data. Also checks that it accepts the values that its searches may put into it.

    Args:
        content: the recipe as nested dictionaries and lists.
        file: the file that it came from, for messages.

    Raises:
        InputError: the recipe is not valid; one message, about one mistake.
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
