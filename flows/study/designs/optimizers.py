"""Optimizers: time and score of each, at its own tuned learning rate."""

from __future__ import annotations

from typing import get_args

from flows.study.study_context import Study
from tasks.study.design import Cell, Design, LeftOut
from tasks.training.train_spec import RATES, Optimizer

TITLE = "Optimizers"
FACTORS = (1 / 3, 1.0, 3.0)
"""Learning rates that are tried of each optimizer, as multiples of its default."""


def design_optimizers(study: Study) -> Design | LeftOut:
    """The recipe's optimizer, and all others; each first finds the best of three rates with a seed of its own."""
    train = study.recipe.train
    if study.recipe.model.is_simple or study.recipe.model.is_trained:
        return LeftOut("optimizers", TITLE, "no network is trained by steps of an optimizer here")
    own = train.optimizer
    others = [_cell(name) for name in get_args(Optimizer) if name != own]
    return Design(
        "optimizers",
        TITLE,
        "Which optimizer gives the best score, and in which time?",
        "the optimizer and its learning rate",
        "network, epochs, schedule, batch size and data",
        (_cell(own), *others),
        cost="training",
        note="Each optimizer uses the best of three learning rates, found on validation with a seed of its own.",
    )


def _cell(optimizer: Optimizer) -> Cell:
    rates = tuple({"train.learning_rate": round(RATES[optimizer] * factor, 6)} for factor in FACTORS)
    return Cell(optimizer, {"train.optimizer": optimizer}, rates)
