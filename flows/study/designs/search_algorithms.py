"""Search algorithms: grid, random, Bayesian and evolutionary search with the same budget over the same space."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from flows.study.designs.hyperparameters import FACTOR, rate_of
from flows.study.designs.simple_models import TRIED
from flows.study.study_context import Study
from tasks.study.design import Cell, Design, UnsuitedTable

TITLE = "Search algorithms"
ALGORITHMS = {
    "random": "random search",
    "grid": "grid search",
    "tpe": "Bayesian search (TPE)",
    "nsga2": "evolutionary search (NSGA-II)",
}
"""Algorithm → the cell's name. Random search is what the others must beat (Bergstra and Bengio 2012)."""
SHARE = 4
"""A trial trains for the recipe's epochs divided by this; the best point is then trained in full."""
DECAYS = (1e-5, 1e-2)
"""Bounds of the weight decay."""


@dataclass(frozen=True)
class Axis:
    """A value of the recipe that is searched, on a scale of logarithms."""

    path: str
    low: float
    high: float
    is_whole: bool = False

    @property
    def domain(self) -> dict[str, Any]:
        """Its domain in a search."""
        return {"integers": [self.low, self.high]} if self.is_whole else {"loguniform": [self.low, self.high]}

    def levels(self, count: int) -> dict[str, Any]:
        """Its domain in a grid: so many values, each in the middle of an equal part of the range."""
        found = [self.low * (self.high / self.low) ** ((at + 0.5) / count) for at in range(count)]
        return {"choice": [round(each) if self.is_whole else float(f"{each:.3g}") for each in found]}


LEVELS = {1: 8, 2: 3, 3: 2}
"""Number of axes → the values of each in the grid, so that the budget is 8 or 9 trials."""


def design_search_algorithms(study: Study) -> Design | UnsuitedTable:
    """Four algorithms, each with as many trials; those of a network have as many epochs."""
    model, train = study.recipe.model, study.recipe.train
    if model.is_simple:
        axes = axes_of_family(study)
        if not axes:
            return UnsuitedTable(
                "search_algorithms", TITLE, "the model is the user's own, or an ensemble, and has no space here"
            )
        return compare_algorithms(axes, None)
    if not model.is_one_training:
        return UnsuitedTable("search_algorithms", TITLE, "no single network is trained from its beginning here")
    if train.learning_rate == "auto":
        return UnsuitedTable("search_algorithms", TITLE, "a range test finds the learning rate, and no search does")
    rate, size = rate_of(study), train.batch_size
    axes = (
        Axis("train.learning_rate", rate / FACTOR, rate * FACTOR),
        Axis("train.weight_decay", *DECAYS),
        Axis("train.batch_size", max(2, size // 2), size * 2, is_whole=True),
    )
    return compare_algorithms(axes, max(1, train.epochs // SHARE))


def axes_of_family(study: Study) -> tuple[Axis, ...]:
    """What is searched of a simple model; nothing of the user's own and of an ensemble."""
    family, task = study.recipe.model.family, study.prepared.dataset.task
    tried = next((found for (name, of), found in TRIED.items() if name == family and of in ("", task)), {})
    return tuple(
        Axis(f"model.arguments.{name}", low, high, isinstance(low, int) and isinstance(high, int))
        for name, (low, high) in tried.items()
    )


def compare_algorithms(axes: Sequence[Axis], epochs: int | None) -> Design:
    """The table of the algorithms over these axes."""
    count = LEVELS[len(axes)]
    spaces = {
        "grid": {axis.path: axis.levels(count) for axis in axes},
        "others": {axis.path: axis.domain for axis in axes},
    }
    trials = count ** len(axes)
    budget: dict[str, Any] = {"scheduler": "none", "trials": trials, "warm_start": False}
    budget |= {"epochs": epochs} if epochs else {}
    cells = [
        Cell(
            name,
            {
                "search": {
                    "algorithm": algorithm,
                    "space": spaces["grid" if algorithm == "grid" else "others"],
                    **budget,
                }
            },
            recommended=False,
        )
        for algorithm, name in ALGORITHMS.items()
    ]
    names = ", ".join(axis.path.rpartition(".")[2] for axis in axes)
    each = f" of {epochs} epoch{'s' * (epochs > 1)}" if epochs else ""
    return Design(
        "search_algorithms",
        TITLE,
        "Which search finds the best setting, and in which time?",
        f"the algorithm that searches {names}",
        f"model, data, the ranges, and a budget of {trials} trials{each}",
        tuple(cells),
        cost="training",
        note="The time is that of all trials and of the training with the best point.",
    )
