"""Data defaults: the values of a recipe that follow the data where the recipe does not say them."""

from __future__ import annotations

from flows.recipe.schema import Recipe
from tasks.compression.branch import form_of
from tasks.core import Dataset
from tasks.data.preprocessing_spec import Normalize, Unscaled
from tasks.models.factory import architecture_for
from tasks.models.pretrained import timm_networks

STEPS = 8
"""Steps of an epoch, at least: with one, 72 icons were at chance after six epochs; with eight they were all known."""
LEAST = 8
"""Examples in a batch, at least."""
SIDE = 224
"""Height and width of the pictures of most networks that were trained on ImageNet."""
FINE_TUNING = {"layer_decay": 0.4, "unfreeze": 1}
"""Values of `train` for a trained network: its last layers learn fastest and first."""


def follow_network(recipe: Recipe) -> Recipe:
    """The recipe with what belongs to a trained network, where it does not say it: the size of pictures, of timm's
    networks also their normalization, and the layers' learning rates of fine-tuning.

    Raises:
        InputError: timm is not installed, or has no such network.
    """
    model, data, train = recipe.model, recipe.data, recipe.train
    pictures = timm_networks.expected_pictures(str(model.factory)) if model.is_timm else None
    if (pictures or model.is_transferred) and "mixed_size" not in data.model_fields_set:
        data = data.model_copy(update={"mixed_size": pictures.side if pictures else SIDE})
    steps = recipe.preprocess
    if pictures and model.brings_weights and not steps:
        steps = (Normalize(mean=pictures.mean, std=pictures.std),)
    if model.transfer in ("fine_tune", "auto") or model.further:
        train = train.model_copy(
            update={name: value for name, value in FINE_TUNING.items() if name not in train.model_fields_set}
        )
    if (data, steps, train) == (recipe.data, recipe.preprocess, recipe.train):
        return recipe
    return recipe.model_copy(update={"data": data, "preprocess": steps, "train": train})


def fill_defaults(recipe: Recipe, dataset: Dataset) -> Recipe:
    """The recipe with the model of a table, and the batch of few examples, where it does not say them."""
    if dataset.kind == "table" and may_be_simple(recipe):
        return with_family(recipe)
    if recipe.model.is_simple:
        return recipe
    if recipe.model.networks is not None and recipe.model.factory is None and recipe.model.family is None:
        factory = architecture_for(dataset.kind)
        recipe = recipe.model_copy(update={"model": recipe.model.model_copy(update={"factory": factory})})
    return fill_training(recipe, dataset.splits["train"].count)


def may_be_simple(recipe: Recipe) -> bool:
    """Whether a recipe leaves open what its model is: it names neither a model nor anything that needs a network.

    A training, a search, an augmentation, an export, a step on a torch network, a search for branches, or
    `preprocess: none` need one.
    """
    sections = ("train", "search", "augment", "export")
    if recipe.model.model_fields_set or any(name in recipe.model_fields_set for name in sections):
        return False
    if any(isinstance(step, Unscaled) for step in recipe.preprocess):
        return False
    if recipe.compress is None:
        return True
    steps = [step for branch in recipe.compress.branches for step in branch.steps]
    return recipe.compress.search is None and all(form_of(step) == "onnx" for step in steps)


def with_family(recipe: Recipe) -> Recipe:
    """The recipe with the family `auto`, for the quantile of its metric if that is the quantile loss."""
    quantile = recipe.goal.quantile if recipe.goal.metric == "quantile_loss" else None
    model = recipe.model.model_validate({"family": "auto", **({} if quantile is None else {"quantile": quantile})})
    return recipe.model_copy(update={"model": model})


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
