"""Trials: one point of a search trains the recipe's model and reports every epoch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from flows.modules import modules_of
from flows.recipe import Recipe, with_point
from flows.spaces import laid
from flows.weighing import UNFIT, excess, is_weighed, weigh
from tasks.artifacts import LOWER_IS_BETTER, Prepared, Store, digest_of
from tasks.artifacts.identity import identity
from tasks.spaces import Point
from tasks.training import Epoch
from tasks.tuning import Desk

if TYPE_CHECKING:
    import numpy as np


@dataclass(frozen=True)
class TrainingTrial:
    """A `Work`: point → validation score, higher is better. A network beyond the goal's limits is not trained."""

    role: ClassVar[str] = "search"

    recipe: Recipe
    prepared: Prepared
    fitted: dict[str, Any]
    """The fitted preprocessing, because a worker need not have the store."""

    def __call__(self, point: Point, desk: Desk) -> None:
        """Trains with the point's values; a trial that was killed goes on from its checkpoint."""
        from tasks import baseline, modeling, training

        recipe = with_point(self.recipe, point)
        sign = -1 if recipe.goal.metric in LOWER_IS_BETTER else 1

        measured: dict[str, float] = {}

        def on_epoch(epoch: Epoch) -> None:
            desk.report(epoch.number, sign * epoch.validation_score, measured)

        spec = recipe.train
        if recipe.search and recipe.search.epochs:
            spec = spec.model_copy(update={"epochs": min(spec.epochs, recipe.search.epochs)})
        device = desk.workspace.device
        network = modeling.build(*modeling.complete(recipe.model, self.prepared), seed=spec.seed)
        if is_weighed(recipe):
            measured |= weigh(network, recipe, self.prepared, self.fitted, desk.workspace.store, desk.folder)
            if over := excess(measured, recipe.goal.limits):
                desk.report(1, UNFIT * (1 + over), measured)
                return
        network.to(device)
        data = baseline.tensors(desk.shared, self.fitted, recipe.augment, device)
        checkpoint = desk.folder / "checkpoint.pt"
        result = training.train(
            network, data, spec, metric=recipe.goal.metric, checkpoint=checkpoint, on_epoch=on_epoch
        )
        for epoch in result.curve:
            # Epochs from before a kill may have been lost on their way to the search.
            if epoch.number not in desk.curve:
                on_epoch(epoch)

    @property
    def identity(self) -> str:
        """The data, the network, how it is trained and judged, but for the values that are searched."""
        search = self.recipe.search
        parts = {"model", "train", "augment", "goal"}
        content = laid(
            self.recipe.model_dump(mode="json", include=parts), dict.fromkeys(search.space if search else ())
        )
        return digest_of([content, search and search.epochs, identity(self.prepared)])

    @property
    def modules(self) -> Sequence[str]:
        """Those of the network."""
        return modules_of(self.recipe)

    def arrays(self, store: Store) -> Mapping[str, np.ndarray]:
        """The training and the validation examples."""
        from tasks import preprocessing

        return preprocessing.training_arrays(self.prepared, store)

    def needs(self) -> Sequence[str]:
        """The examples that a network is timed on."""
        return (self.prepared.dataset.splits["validation"].inputs,) if is_weighed(self.recipe) else ()

    def words(self, score: float) -> str:
        """The metric."""
        if score <= UNFIT:
            return f"beyond the limits by {score / UNFIT - 1:.0%}"
        return f"{self.recipe.goal.metric} {abs(score):.4f}"
