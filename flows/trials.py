"""Trials: one point of a search trains the recipe's model and reports every epoch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from flows.recipe import Recipe, with_point
from tasks.artifacts import LOWER_IS_BETTER, Prepared
from tasks.spaces import Point
from tasks.training import Epoch
from tasks.tuning import Report

if TYPE_CHECKING:
    import numpy as np


@dataclass(frozen=True)
class TrainingTrial:
    """A callable for `tuning.tune`: point → score, higher is better. Ray carries it to the workers."""

    recipe: Recipe
    prepared: Prepared
    fitted: dict[str, Any]
    """The fitted preprocessing, because a worker need not have the store."""

    def __call__(self, point: Point, shared: Mapping[str, np.ndarray], report: Report, checkpoint: Path) -> None:
        """Trains with the point's values; a trial that was killed goes on from its checkpoint."""
        from tasks import baseline, modeling, training

        recipe = with_point(self.recipe, point)
        sign = -1 if recipe.goal.metric in LOWER_IS_BETTER else 1
        reported: set[int] = set()

        def on_epoch(epoch: Epoch) -> None:
            reported.add(epoch.number)
            report(epoch.number, sign * epoch.validation_score)

        spec = recipe.train
        if recipe.search and recipe.search.epochs:
            spec = spec.model_copy(update={"epochs": min(spec.epochs, recipe.search.epochs)})
        network = modeling.build(*modeling.complete(recipe.model, self.prepared), seed=spec.seed)
        data = baseline.tensors(shared, self.fitted, recipe.augment, "cpu")
        checkpoint.parent.mkdir(parents=True, exist_ok=True)
        result = training.train(
            network, data, spec, metric=recipe.goal.metric, checkpoint=checkpoint, on_epoch=on_epoch
        )
        for epoch in result.curve:
            # Epochs from before a kill may have been lost on their way to the search.
            if epoch.number not in reported:
                on_epoch(epoch)
