"""Simple trial: the objective of a search over a simple model, which is fitted for each point but not converted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from flows.recipe.points import unsearched, with_point
from flows.recipe.schema import Recipe
from flows.recipe.user_modules import modules_of
from tasks.core import MetricSpec, Prepared, Store, digest_of
from tasks.core.cache_key import identity
from tasks.data.preprocessing import column_steps
from tasks.data.tables.shared_columns import share_columns, shared_frame
from tasks.evaluation.metric_choice import metric_of, metric_spec
from tasks.kernels.host.measurement_lock import shared_use
from tasks.search.objective import TrialContext
from tasks.search.space import Point
from tasks.training.simple.fit_spec import fit_of
from tasks.training.simple.fit_table import VERSION
from tasks.training.simple.folds import BOTH, FEW, Fold, folds_of, folds_of_few
from tasks.training.simple.out_of_fold import predict_held
from tasks.training.simple.table_rows import rows_of

if TYPE_CHECKING:
    import numpy as np

TARGETS = "targets"
"""Key of the shared targets."""


@dataclass(frozen=True)
class SimpleTrial:
    """An `Objective`: point → the goal's metric on validation, with the sign that makes higher better.

    With few rows it is the metric of out-of-fold answers for train and validation. What the model's file costs is not
    measured. A trial reports once.
    """

    role: ClassVar[str] = "search"

    recipe: Recipe
    prepared: Prepared

    def __call__(self, point: Point, trial: TrialContext) -> None:
        """Fits the recipe's model with the point's values and reports its score.

        Raises:
            InputError: the library refuses an argument, or a step does not suit the data.
        """
        recipe, metric = with_point(self.recipe, point), metric_of(self.metric)
        spec, steps = fit_of(recipe.model, recipe.train.seed), column_steps(recipe.preprocess)
        rows = shared_frame(trial.shared), trial.shared[TARGETS]
        with shared_use():
            answers, targets, _ = predict_held(rows, shared_folds(trial.shared), self.prepared.dataset, spec, steps)
            score = metric.value(answers, targets)
        trial.report(1, metric.oriented(score))

    @property
    def metric(self) -> MetricSpec:
        """The goal's metric on these data."""
        return metric_spec(self.recipe.goal, self.prepared.dataset)

    @property
    def identity(self) -> str:
        """Digest of what scores depend on: data, model, preprocessing and goal, without the searched values."""
        content = unsearched(self.recipe, {"model", "preprocess", "goal"})
        parts = [content, self.recipe.train.seed, FEW, VERSION]
        return digest_of([*parts, identity(self.prepared.dataset), self.metric.stamp])

    @property
    def modules(self) -> Sequence[str]:
        """The user's modules that the recipe names."""
        return modules_of(self.recipe)

    def arrays(self, store: Store) -> Mapping[str, np.ndarray]:
        """The columns of train and validation, one after the other (`share_columns`), their targets, and the folds."""
        import numpy as np
        import pandas as pd

        parts = [rows_of(self.prepared, split, store) for split in BOTH]
        columns = share_columns(pd.concat([frame for frame, _ in parts], ignore_index=True))
        folds = {
            f"fold.{number}.{part}": places
            for number, fold in enumerate(self.folds(store))
            for part, places in vars(fold).items()
        }
        return columns | folds | {TARGETS: np.concatenate([targets for _, targets in parts])}

    def folds(self, store: Store) -> list[Fold]:
        """The rows to fit on and to predict: several folds of few rows (`folds_of_few`), else train and validation."""
        import numpy as np

        if count := folds_of_few(self.prepared, store):
            return folds_of(self.prepared, count, store)
        train, validation = (self.prepared.dataset.splits[split].count for split in BOTH)
        held = np.arange(train, train + validation)
        return [Fold(np.arange(train), held, held)]

    def needs(self) -> Sequence[str]:
        """Nothing: a trial reads the shared arrays alone."""
        return ()

    def format_score(self, score: float) -> str:
        """The metric's name and value as text."""
        metric = metric_of(self.metric)
        return f"{metric.title} {metric.oriented(score):.4f}"


def shared_folds(shared: Mapping[str, np.ndarray]) -> list[Fold]:
    """The folds among the shared arrays."""
    count = sum(name.startswith("fold.") and name.endswith(".held") for name in shared)
    parts = ("fit", "stop", "held")
    return [Fold(*(shared[f"fold.{number}.{part}"] for part in parts)) for number in range(count)]
