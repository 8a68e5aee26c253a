"""User modules: the modules of the user's own code that a recipe names; workers need them as well."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from flows.recipe.schema import Recipe
from tasks.tuning.cluster import top_level


def modules_of(recipe: Recipe) -> tuple[str, ...]:
    """The top-level modules of a recipe's import paths (`module:name`), sorted, without Paredown's own.

    Looks at the model, the preprocessing, the augmentation, the search, the branches and the metric.
    """
    parts: dict[str, Any] = dict.fromkeys(("model", "preprocess", "augment", "search", "compress"), True)
    content = recipe.model_dump(mode="json", include={**parts, "goal": {"metric"}})
    return top_level(all_texts(content))


def all_texts(content: Any) -> Iterator[str]:
    """Every text in nested dictionaries and lists, without dictionary keys."""
    if isinstance(content, str):
        yield content
    elif isinstance(content, dict):
        yield from all_texts(list(content.values()))
    elif isinstance(content, list):
        for each in content:
            yield from all_texts(each)
