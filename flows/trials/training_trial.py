"""Training trial: the objective of a search over training values, which trains a network for each point."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from flows.recipe.points import put_point, with_point
from flows.recipe.schema import Recipe
from flows.recipe.user_modules import modules_of
from flows.trials.network_cost import UNFIT, measure_cost, needs_cost, needs_latency
from tasks.core import MetricSpec, Prepared, Refusal, Store, digest_of
from tasks.core.cache_key import identity
from tasks.evaluation.metric_choice import metric_of, metric_spec
from tasks.kernels.host.machine import host_name
from tasks.kernels.training.learning_curve import Epoch
from tasks.search.objective import TrialContext
from tasks.search.results import EXCESS
from tasks.search.space import Point
from tasks.tuning.pbt_stages import EPOCHS, ends, origin

if TYPE_CHECKING:
    import numpy as np

CHECKPOINT = "checkpoint.pt"


@dataclass(frozen=True)
class TrainingObjective:
    """An `Objective`: point → validation score, with the sign that makes higher better.

    A network that exceeds the goal's limits is not trained: its score is `UNFIT` or less.
    """

    role: ClassVar[str] = "search"

    recipe: Recipe
    prepared: Prepared
    fitted: dict[str, Any]
    """The fitted preprocessing itself, because a worker may not have the driver's store."""

    def __call__(self, point: Point, trial: TrialContext) -> None:
        """Trains the recipe's model with the point's values and reports the score of every epoch.

        A restarted trial continues from its checkpoint. With `pbt`, a trial is one stage: it continues from the
        checkpoint of the stage before it, and reports only its own epochs.

        Raises:
            Refusal: with `pbt`, the loss is not finite.
        """
        from tasks.models import factory
        from tasks.training import train, training_data

        recipe = with_point(self.recipe, point)
        metric = metric_of(self.metric)

        measured: dict[str, float] = {}

        before = origin(point, self.stages)
        trained = before[EPOCHS] if before else 0

        def on_epoch(epoch: Epoch) -> None:
            if epoch.number > trained:
                trial.report(epoch.number, metric.oriented(epoch.validation_score), measured)

        spec = recipe.train
        if recipe.search and recipe.search.epochs:
            spec = spec.model_copy(update={"epochs": min(spec.epochs, recipe.search.epochs)})
        device = trial.workspace.device
        network = factory.build_network(*factory.complete_factory(recipe.model, self.prepared), seed=spec.seed)
        if needs_cost(recipe):
            measured |= measure_cost(network, recipe, self.prepared, self.fitted, trial.workspace.store, trial.folder)
            if over := recipe.goal.limits.excess(measured["bytes"], measured["latency_ms"]):
                trial.report(1, UNFIT * (1 + over), measured | {EXCESS: over})
                return
        network.to(device)
        inputs = training_data.TrainingInputs(self.prepared, recipe.augment, self.metric)
        data = training_data.to_tensors(trial.shared, self.fitted, inputs, device)
        result = train.train(
            network,
            data,
            spec,
            checkpoint=trial.folder / CHECKPOINT,
            on_epoch=on_epoch,
            origin=(trained, trial.folder_of(before) / CHECKPOINT) if before else None,
        )
        if self.stages and result.stopped == "diverged":
            raise Refusal(f"the loss is not finite in epoch {len(result.curve) + 1}, and no stage can go on from there")

    @property
    def metric(self) -> MetricSpec:
        """The goal's metric on these data."""
        return metric_spec(self.recipe.goal, self.prepared.dataset)

    @property
    def stages(self) -> list[int]:
        """The epochs after which the stages of `pbt` end, in order; empty for other algorithms."""
        search, epochs = self.recipe.search, self.recipe.train.epochs
        if search is None or search.algorithm != "pbt":
            return []
        return ends(min(search.epochs or epochs, epochs), search.generations)

    @property
    def identity(self) -> str:
        """Digest of what scores depend on: data, network, training and goal, without the searched values.

        Where latencies are used, also the host and the runtime.
        """
        search = self.recipe.search
        parts = {"model", "train", "augment", "goal"}
        content = put_point(
            self.recipe.model_dump(mode="json", include=parts), dict.fromkeys(search.space if search else ())
        )
        clock = [host_name(), self.recipe.runtime.model_dump(mode="json")] if needs_latency(self.recipe) else []
        return digest_of([content, search and search.epochs, identity(self.prepared), self.metric.stamp, *clock])

    @property
    def modules(self) -> Sequence[str]:
        """The user's modules that the recipe names."""
        return modules_of(self.recipe)

    def arrays(self, store: Store) -> Mapping[str, np.ndarray]:
        """The train and validation splits as training reads them (`preprocessing.training_arrays`)."""
        from tasks.data import preprocessing

        return preprocessing.training_arrays(self.prepared, store)

    def needs(self) -> Sequence[str]:
        """Digest of the validation inputs, if networks are timed on them; otherwise empty."""
        return (self.prepared.dataset.splits["validation"].inputs,) if needs_cost(self.recipe) else ()

    def format_score(self, score: float) -> str:
        """The metric's name and value as text, or by how much the network exceeds the limits."""
        if score <= UNFIT:
            return f"beyond the limits by {score / UNFIT - 1:.0%}"
        metric = metric_of(self.metric)
        return f"{metric.title} {metric.oriented(score):.4f}"
