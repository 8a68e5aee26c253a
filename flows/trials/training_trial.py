"""Training trial: the objective of a search over training values, which trains a network for each point."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, ClassVar

from flows.recipe.points import searches_preprocess, unsearched, with_point
from flows.recipe.schema import Recipe
from flows.recipe.user_modules import modules_of
from flows.trials.network_cost import UNFIT, measure_cost, needs_cost, needs_latency
from tasks.core import MetricSpec, Prepared, Refusal, SplitName, Store, digest_of
from tasks.core.cache_key import identity
from tasks.evaluation.engines import timing_host
from tasks.evaluation.metric_choice import metric_of, metric_spec
from tasks.kernels.host.machine import host_name
from tasks.kernels.training.learning_curve import Epoch
from tasks.search.domains import Choice
from tasks.search.objective import TrialContext
from tasks.search.results import EXCESS
from tasks.search.space import Point
from tasks.training.train_spec import RATES
from tasks.tuning.pbt_stages import EPOCHS, ends, origin

if TYPE_CHECKING:
    import numpy as np

    from tasks.data.preprocessing import Fitted

CHECKPOINT = "checkpoint.pt"
SEEN: tuple[SplitName, ...] = ("train", "validation")
"""The splits that a trial may see."""


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
        prepared, fitted, arrays = self.prepared_data(recipe, trial)
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
        network = factory.build_network(*factory.complete_factory(recipe.model, prepared), seed=spec.seed)
        if needs_cost(recipe):
            measured |= measure_cost(network, recipe, prepared, fitted, trial.workspace.store, trial.folder)
            if over := recipe.goal.limits.excess(measured["bytes"], measured["latency_ms"]):
                trial.report(1, UNFIT * (1 + over), measured | {EXCESS: over})
                return
        network.to(device)
        inputs = training_data.TrainingInputs(prepared, recipe.augment, self.metric)
        data = training_data.to_tensors(arrays, fitted, inputs, device)
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

    def prepared_data(self, recipe: Recipe, trial: TrialContext) -> tuple[Prepared, Fitted, Mapping[str, np.ndarray]]:
        """The data with a recipe's preprocessing, its fitted form, and the arrays for training.

        The recipe's own is shared by all trials; another one is fitted here, on the data in the worker's store.
        """
        from tasks.data import preprocessing

        own = self.recipe
        if (recipe.preprocess, recipe.text_encoding) == (own.preprocess, own.text_encoding):
            return self.prepared, self.fitted, trial.shared
        store, dataset = trial.workspace.store, self.prepared.dataset
        known = replace(dataset, splits={name: dataset.splits[name] for name in SEEN})
        given = known, recipe.preprocess, store, recipe.target_unit, recipe.text_encoding
        prepared = preprocessing.preprocess(*given)
        return prepared, store.get_json(prepared.fitted), preprocessing.training_arrays(prepared, store)

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
    def prepares(self) -> bool:
        """Whether the preprocessing is searched, so that trials fit their own."""
        return searches_preprocess(self.recipe)

    @property
    def identity(self) -> str:
        """Digest of what scores depend on: data, network, training and goal, without the searched values.

        Where latencies are used, also the host and the runtime; where the precision is measured, the host.
        """
        search, data = self.recipe.search, self.prepared.dataset if self.prepares else self.prepared
        parts = {"model", "train", "augment", "goal"} | ({"preprocess"} if self.prepares else set())
        content = unsearched(self.recipe, parts)
        runtime = self.recipe.runtime
        clock = [timing_host(runtime), runtime.model_dump(mode="json")] if needs_latency(self.recipe) else []
        rates = [RATES] if self.follows_optimizer else []
        measured = [host_name()] if "auto" in self.precisions else []
        given = [content, search and search.epochs, identity(data), self.metric.stamp]
        return digest_of([*given, *rates, *clock, *measured])

    @property
    def precisions(self) -> set[str]:
        """The arithmetics that trials may ask for."""
        domain = (self.recipe.search.space if self.recipe.search else {}).get("train.precision")
        return {self.recipe.train.precision, *(domain.choice if isinstance(domain, Choice) else ())}

    @property
    def follows_optimizer(self) -> bool:
        """Whether the optimizer is searched and the learning rate is that of each optimizer's default."""
        space = self.recipe.search.space if self.recipe.search else {}
        is_named = "learning_rate" in self.recipe.train.model_fields_set or "train.learning_rate" in space
        return "train.optimizer" in space and not is_named

    @property
    def modules(self) -> Sequence[str]:
        """The user's modules that the recipe names."""
        return modules_of(self.recipe)

    def arrays(self, store: Store) -> Mapping[str, np.ndarray]:
        """The train and validation splits as training reads them (`preprocessing.training_arrays`)."""
        from tasks.data import preprocessing

        return preprocessing.training_arrays(self.prepared, store)

    def needs(self) -> Sequence[str]:
        """Digests of what trials read: inputs for timing networks, and all that their preprocessing is fitted on."""
        splits = self.prepared.dataset.splits
        if self.prepares:
            return [digest for name in SEEN for digest in (splits[name].inputs, splits[name].targets)]
        return (splits["validation"].inputs,) if needs_cost(self.recipe) else ()

    def format_score(self, score: float) -> str:
        """The metric's name and value as text, or by how much the network exceeds the limits."""
        if score <= UNFIT:
            return f"beyond the limits by {score / UNFIT - 1:.0%}"
        metric = metric_of(self.metric)
        return f"{metric.title} {metric.oriented(score):.4f}"
