"""Own models: whether a recipe's model is an estimator of the user's own, from its factory or a booster's file."""

from __future__ import annotations

from typing import Any

from flows.recipe.data_defaults import follow_network
from flows.recipe.default_branches import simple_branches, tree_branches
from flows.recipe.schema import Recipe, check_for_file
from tasks.compression.branch import Compress
from tasks.core import Dataset, InputError
from tasks.models.estimators.booster_files import READER, kind_of_booster
from tasks.models.estimators.fitted_estimator import input_names
from tasks.models.estimators.own_estimator import build_own, describe_own, has_trees, is_fitted, said_of_file
from tasks.training.simple.own_fit import taken_columns


def settle_model(recipe: Recipe) -> Recipe:
    """The recipe with what belongs to a trained network (`follow_network`), and with the family `own` where its factory
    gives a scikit-learn estimator, or its file is a booster.

    A factory of networks, one that fails, and every other recipe stay as they are. An ensemble of trees gets smaller
    forms of it as default branches.

    Raises:
        InputError: a booster's file cannot be used; or the recipe has a part that suits networks only.
    """
    recipe = follow_network(recipe)
    model = recipe.model
    if model.file is not None and kind_of_booster(model.file):
        estimator = build_own(READER, {"file": model.file})
        update: dict[str, Any] = {"file": None, "factory": READER, "arguments": {"file": model.file}}
        model = model.model_copy(update=update)
    else:
        estimator = _estimator_of(recipe)
    if estimator is None or model.family is not None:
        return recipe
    if model.weights is not None:
        law = "must be left out: the factory gives a scikit-learn estimator, which it loads itself if it is fitted"
        raise InputError(law, path="model.weights", value=model.weights)
    settled = recipe.model_copy(update={"model": model.model_copy(update={"family": "own"})})
    try:
        check_for_file(settled)
    except ValueError as error:
        raise error.args[0] from None
    return _with_branches(settled, estimator)


def _estimator_of(recipe: Recipe) -> Any | None:
    """What the factory gives, if that is an estimator; None otherwise, also where the factory fails."""
    factory = recipe.model.factory
    if factory is None or factory.startswith(("tasks.architectures:", "timm:")):
        return None
    try:
        return build_own(factory, recipe.model.arguments)
    except InputError:  # a factory of networks, whose own checks tell what is wrong
        return None


def _with_branches(recipe: Recipe, estimator: Any) -> Recipe:
    compress = recipe.compress or Compress()
    if compress.branches or not has_trees(estimator):
        return recipe
    branches = (*tree_branches("lightgbm"), *simple_branches("own"))
    return recipe.model_copy(update={"compress": compress.model_copy(update={"branches": branches})})


def keep_columns(recipe: Recipe, dataset: Dataset) -> Dataset:
    """The data without the columns that a fitted estimator of the recipe does not take: they are no inputs.

    Raises:
        InputError: it takes a column that the data lack.
    """
    if recipe.model.family != "own" or dataset.kind != "table":
        return dataset
    factory, arguments = str(recipe.model.factory), recipe.model.arguments
    estimator = build_own(factory, arguments)
    with said_of_file(factory, arguments):
        return taken_columns(dataset, input_names(estimator, dataset)) if is_fitted(estimator) else dataset


def own_words(recipe: Recipe) -> str:
    """What is done with the estimator of a recipe of the family `own`, as text; empty for other recipes."""
    if recipe.model.family != "own":
        return ""
    factory, arguments = str(recipe.model.factory), recipe.model.arguments
    estimator = build_own(factory, arguments)
    verb = "load" if is_fitted(estimator) else "fit"
    return f"{verb} estimator {describe_own(factory, arguments, estimator)}"
