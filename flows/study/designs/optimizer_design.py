"""Optimizers: time and score of each, at its own tuned learning rate."""

from __future__ import annotations

from typing import get_args

from flows.study.designs.hyperparameters import rate_of, why_untrained
from flows.study.study_context import Study
from tasks.study.design import Cell, Design, UnsuitedTable
from tasks.training.train_spec import RATES, Optimizer

TITLE = "Optimizers"
FACTORS = (1 / 3, 1.0, 3.0)
"""Learning rates that are tried of each optimizer, as multiples of its default, and of the recipe's own rate."""


def design_optimizers(study: Study) -> Design | UnsuitedTable:
    """The recipe's optimizer, and all others; each first finds the best of three rates with a seed of its own."""
    train = study.recipe.train
    if reason := why_untrained(study):
        return UnsuitedTable("optimizers", TITLE, reason)
    own = train.optimizer
    others = [_cell(name, RATES[name]) for name in get_args(Optimizer) if name != own]
    return Design(
        "optimizers",
        TITLE,
        "Which optimizer gives the best score, and in which time?",
        "the optimizer and its learning rate",
        "network, epochs, schedule, batch size and data",
        (_cell(own, RATES[own] if train.learning_rate == "auto" else rate_of(study)), *others),
        cost="training",
        note="Each optimizer uses the best of three learning rates, found on validation with a seed of its own.",
    )


def _cell(optimizer: Optimizer, rate: float) -> Cell:
    """An optimizer with learning rates around one."""
    rates = tuple({"train.learning_rate": float(f"{rate * factor:.3g}")} for factor in FACTORS)
    return Cell(optimizer, {"train.optimizer": optimizer}, rates)
