"""Hyperparameters: what learning rate, batch size and dropout do to the score, each alone."""

from __future__ import annotations

import inspect
from typing import Any

from flows.study.study_context import Study
from tasks.core.import_path import resolve
from tasks.study.design import Cell, Design, LeftOut
from tasks.training.train_spec import RATES

TITLE = "Hyperparameters"
FACTOR = 4
"""By which learning rate and batch size are divided and multiplied."""
DROPOUT = 0.2
LARGEST_BATCH = 1024


def design_hyperparameters(study: Study) -> Design | LeftOut:
    """Each hyperparameter below and above its value in the recipe; all others stay."""
    recipe = study.recipe
    if recipe.model.is_simple:
        from flows.study.designs.simple_models import design_arguments

        return design_arguments(study)
    if recipe.model.is_trained:
        return LeftOut("hyperparameters", TITLE, "the model is trained already, and is not trained here")
    cells = [Cell("as it is"), *_rates(study), *_batches(study), *_dropouts(study)]
    return Design(
        "hyperparameters",
        TITLE,
        "How much does each hyperparameter of the training matter?",
        "learning rate, batch size and dropout, one at a time",
        "network, epochs, schedule and data",
        tuple(cells),
    )


def _rates(study: Study) -> list[Cell]:
    train = study.recipe.train
    rate = train.learning_rate
    if rate == "auto":
        return []
    given = rate if isinstance(rate, float) and "learning_rate" in train.model_fields_set else RATES[train.optimizer]
    values = (given / FACTOR, given * FACTOR)
    return [Cell(f"learning rate {value:.3g}", {"train.learning_rate": value}) for value in values]


def _batches(study: Study) -> list[Cell]:
    size, count = study.recipe.train.batch_size, study.prepared.dataset.splits["train"].count
    sizes = (max(8, size // FACTOR), min(LARGEST_BATCH, size * FACTOR, max(8, count // 2)))
    return [Cell(f"batch size {each}", {"train.batch_size": each}) for each in sizes if each != size]


def _dropouts(study: Study) -> list[Cell]:
    """With dropout, and without where the recipe has it; none for a factory that has no such knob."""
    arguments = dict(study.recipe.model.arguments)
    if "dropout" not in knobs_of(study):
        return []
    own = float(arguments.get("dropout", 0.0))
    values = [0.0, DROPOUT] if own not in (0.0, DROPOUT) else [DROPOUT if own == 0.0 else 0.0]
    return [Cell(f"dropout {value:g}", {"model.arguments.dropout": value}) for value in values]


def knobs_of(study: Study) -> dict[str, Any]:
    """The keyword arguments of the recipe's factory, with their defaults; empty without a factory."""
    factory = study.recipe.model.factory
    if factory is None or factory.startswith("timm:"):
        return {}
    parameters = inspect.signature(resolve(factory, "model.factory")).parameters
    return {name: each.default for name, each in parameters.items() if each.default is not inspect.Parameter.empty}
