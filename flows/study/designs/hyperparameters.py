"""Hyperparameters: what learning rate, batch size and dropout do to the score, each alone."""

from __future__ import annotations

import inspect
from typing import Any

from flows.study.study_context import Study
from tasks.core.import_path import resolve
from tasks.models.factory import architecture_of
from tasks.study.design import Cell, Design, UnsuitedTable
from tasks.training.train_spec import RATES

TITLE = "Hyperparameters"
FACTOR = 4
"""By which learning rate and batch size are divided and multiplied."""
DROPOUT = 0.2
LARGEST_BATCH = 1024


def design_hyperparameters(study: Study) -> Design | UnsuitedTable:
    """Each hyperparameter below and above its value in the recipe; all others stay."""
    recipe = study.recipe
    if recipe.model.is_simple:
        from flows.study.designs.simple_models import design_arguments

        return design_arguments(study)
    if reason := why_untrained(study):
        return UnsuitedTable("hyperparameters", TITLE, reason)
    cells = [Cell("as it is"), *_rates(study), *_batches(study), *_dropouts(study)]
    return Design(
        "hyperparameters",
        TITLE,
        "How much does each hyperparameter of the training matter?",
        "learning rate, batch size and dropout, one at a time",
        "network, epochs, schedule and data",
        tuple(cells),
    )


def why_untrained(study: Study) -> str:
    """Why no network is trained in epochs; empty where one is."""
    model = study.recipe.model
    if model.is_simple:
        return "a simple model is fitted, and not trained in epochs"
    if model.is_trained:
        return "the model is trained already, and is not trained here"
    return "the last layer alone is fitted, and not in epochs" if model.transfer == "features" else ""


def _rates(study: Study) -> list[Cell]:
    if study.recipe.train.learning_rate == "auto":
        return []
    values = (rate_of(study) / FACTOR, rate_of(study) * FACTOR)
    return [Cell(f"learning rate {value:.3g}", {"train.learning_rate": value}) for value in values]


def rate_of(study: Study) -> float:
    """The recipe's learning rate, or the default of its optimizer; it must not be `auto`."""
    train = study.recipe.train
    return train.peak if "learning_rate" in train.model_fields_set else RATES[train.optimizer]


def _batches(study: Study) -> list[Cell]:
    size, count = study.recipe.train.batch_size, study.prepared.dataset.splits["train"].count
    sizes = (max(8, size // FACTOR), min(LARGEST_BATCH, size * FACTOR, max(8, count // 2)))
    return [Cell(f"batch size {each}", {"train.batch_size": each}) for each in dict.fromkeys(sizes) if each != size]


def _dropouts(study: Study) -> list[Cell]:
    """With dropout, and without where the network has it; none for a factory that has no such knob."""
    own = {**knobs_of(study), **study.recipe.model.arguments}.get("dropout")
    if own is None:
        return []
    return [Cell(f"dropout {each:g}", {"model.arguments.dropout": each}) for each in (0.0, DROPOUT) if each != own]


def knobs_of(study: Study) -> dict[str, Any]:
    """The keyword arguments of the network's factory, with their defaults; empty for a network of timm's."""
    factory = architecture_of(study.recipe.model, study.prepared)
    if study.recipe.model.is_timm:
        return {}
    parameters = inspect.signature(resolve(factory, "model.factory")).parameters
    return {name: each.default for name, each in parameters.items() if each.default is not inspect.Parameter.empty}
