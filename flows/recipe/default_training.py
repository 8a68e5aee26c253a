"""Default training: the values of `train` that follow the data where the recipe does not say them."""

from __future__ import annotations

from flows.recipe.schema import Recipe

STEPS = 8
"""Steps of an epoch, at least: with one, 72 icons were at chance after six epochs; with eight they were all known."""
LEAST = 8
"""Examples in a batch, at least."""


def fill_training(recipe: Recipe, examples: int) -> Recipe:
    """The recipe with a smaller batch where its own default would leave fewer than STEPS steps in an epoch.

    A `train.batch_size` of the recipe, or of its search, stays.

    Args:
        examples: number of examples in the train split.
    """
    searched = recipe.search is not None and "train.batch_size" in recipe.search.space
    if "batch_size" in recipe.train.model_fields_set or searched:
        return recipe
    size = min(recipe.train.batch_size, max(LEAST, examples // STEPS))
    if size == recipe.train.batch_size:
        return recipe
    return recipe.model_copy(update={"train": recipe.train.model_copy(update={"batch_size": size})})
